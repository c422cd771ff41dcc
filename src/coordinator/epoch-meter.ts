/** How long epochs take this replica, and how late it enters them. */
import { Histogram, LATENCY_BOUNDS_S } from '../telemetry/histogram.ts';

export class EpochMeter {
  /** Of the segments' work at a boundary, seconds: what EpochSummary.duration_us tells of the last. */
  readonly durations = new Histogram(LATENCY_BOUNDS_S);
  /** From the boundary by the clock until every segment had moved on, seconds. */
  readonly lateness = new Histogram(LATENCY_BOUNDS_S);

  /** @param latenessMs undefined for the first epoch of a program, which was under way when it began. */
  advanced(durationUs: number, latenessMs: number | undefined): void {
    this.durations.record(durationUs / 1_000_000);
    // Another replica's clock may have reached the boundary before ours.
    if (latenessMs !== undefined) this.lateness.record(Math.max(0, latenessMs) / 1_000);
  }
}
