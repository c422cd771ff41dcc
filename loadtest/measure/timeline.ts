/** Latencies over time: a few figures of every period, in bounded memory. */
import { LatencyHistogram } from './latency.ts';

/** Periods kept at most: an hour of seconds. Calls that end later are in no period. */
export const PERIODS_MAX = 3_600;

/** Of the calls that ended in a period. */
export interface LatencyPeriod {
  /** When the period began, milliseconds since the measured time did. */
  readonly startMs: number;
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export class LatencyTimeline {
  readonly periodMs: number;
  readonly #finished: LatencyPeriod[] = [];
  readonly #current = new LatencyHistogram();
  #currentNumber = 0;
  #beginUs = 0;

  constructor(periodMs: number) {
    this.periodMs = periodMs;
  }

  /** Begins the first period, at a monotonic time in microseconds: forgets what was before. */
  begin(beginUs: number): void {
    this.#beginUs = beginUs;
    this.#currentNumber = 0;
    this.#current.reset();
    this.#finished.length = 0;
  }

  /** Records a latency in microseconds of a call that ended at endUs; not before one recorded earlier. */
  record(endUs: number, latencyUs: number): void {
    const number = Math.floor((endUs - this.#beginUs) / 1000 / this.periodMs);
    if (number !== this.#currentNumber) this.#turnTo(number);
    this.#current.record(latencyUs);
  }

  /** Every period in which a call ended; the last may still be under way. */
  periods(): LatencyPeriod[] {
    return [...this.#finished, ...this.#whole()];
  }

  #turnTo(number: number): void {
    this.#finished.push(...this.#whole());
    this.#current.reset();
    this.#currentNumber = number;
  }

  /** The current period, where it has calls and is kept. */
  #whole(): LatencyPeriod[] {
    const { count, p50Ms, p99Ms, maxMs } = this.#current.summary();
    if (count === 0 || this.#currentNumber >= PERIODS_MAX) return [];
    return [{ startMs: this.#currentNumber * this.periodMs, count, p50Ms, p99Ms, maxMs }];
  }
}
