/** Latencies in a histogram of fixed size (Node's own HDR histogram), three digits exact. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** A minute: what takes longer counts as one, and is far beyond every goal. */
const HIGHEST_US = 60_000_000;

export interface LatencySummary {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export class LatencyHistogram {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: HIGHEST_US,
    figures: 3,
  });

  /** Records a latency in microseconds; below 1 counts as 1. */
  record(us: number): void {
    this.#histogram.record(Math.min(Math.max(Math.round(us), 1), HIGHEST_US));
  }

  reset(): void {
    this.#histogram.reset();
  }

  /** All in milliseconds; zeros where nothing was recorded. */
  summary(): LatencySummary {
    const count = this.#histogram.count;
    const ms = (percentile: number): number =>
      count === 0 ? 0 : this.#histogram.percentile(percentile) / 1000;
    return {
      count,
      meanMs: count === 0 ? 0 : this.#histogram.mean / 1000,
      p50Ms: ms(50),
      p95Ms: ms(95),
      p99Ms: ms(99),
      p999Ms: ms(99.9),
      maxMs: ms(100),
    };
  }
}
