/** Latencies in a histogram of fixed size (Node's own HDR histogram), three digits exact. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** A minute: what takes longer counts as one, and is far beyond every goal. */
const HIGHEST_US = 60_000_000;
/** Points of a curve in each decade of its x: enough that a line through them looks like all of them. */
const CURVE_POINTS_PER_DECADE = 10;

/**
 * The distribution of latencies as HdrHistogram plots it: one in x calls took at least y
 * milliseconds, so x = 100 is the 99th percentile; x in tenths of a decade, as far as there are so
 * many calls, thus at most 91 points for a thousand million.
 */
export type LatencyCurve = readonly (readonly [oneIn: number, ms: number])[];

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

  /** Empty where nothing was recorded. */
  curve(): LatencyCurve {
    const count = this.#histogram.count;
    if (count === 0) return [];
    const points = Math.floor(Math.log10(count) * CURVE_POINTS_PER_DECADE) + 1;
    return Array.from({ length: points }, (_, i): [number, number] => {
      const oneIn = 10 ** (i / CURVE_POINTS_PER_DECADE);
      // The least percentile that Node allows is just above 0: the least latency.
      const percentile = Math.max(100 * (1 - 1 / oneIn), Number.EPSILON);
      return [oneIn, this.#histogram.percentile(percentile) / 1000];
    });
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
