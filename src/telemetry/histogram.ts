/**
 * A histogram with fixed bounds over memory that is handed to it, which may be shared: one thread
 * records, any thread reads. Recording allocates nothing.
 *
 * Layout, float64 each: count by bucket (one more than there are bounds), sum of all values.
 */

/**
 * Upper bounds of latencies, seconds: a 1-2-3-5-7 series, so that a quantile read between two bounds
 * from 0.1 to 100 ms is within a factor of two, mostly of 1.5; wider beyond, where a call has failed the user anyway.
 */
export const LATENCY_BOUNDS_S: readonly number[] = [
  0.0001, 0.0002, 0.0003, 0.0005, 0.0007, 0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05,
  0.07, 0.1, 0.2, 0.5, 1, 2, 5,
];

export class Histogram {
  readonly bounds: readonly number[];
  readonly #cells: Float64Array;

  /** Float64 cells that a histogram of so many bounds takes. */
  static cells(bounds: readonly number[]): number {
    return bounds.length + 2;
  }

  /** @param cells at least as many as Histogram.cells says. */
  constructor(bounds: readonly number[], cells: Float64Array = new Float64Array(Histogram.cells(bounds))) {
    this.bounds = bounds;
    this.#cells = cells;
  }

  /** A value at a bound belongs to the bucket that ends there. */
  record(value: number): void {
    let low = 0;
    let high = this.bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value <= this.bounds[middle]) high = middle;
      else low = middle + 1;
    }
    this.#cells[low] += 1;
    this.#cells[this.bounds.length + 1] += value;
  }

  /** By bucket; the last is of values above every bound. A copy. */
  get counts(): number[] {
    return Array.from(this.#cells.subarray(0, this.bounds.length + 1));
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  get sum(): number {
    return this.#cells[this.bounds.length + 1];
  }
}
