/**
 * The wall time of moments that were taken by Clock.monotonicUs. All are placed by one offset, so
 * that spans of one replica lie to each other as they happened, to the microsecond; to the world, to
 * the millisecond that the wall clock is read in.
 */
import type { HrTime } from '@opentelemetry/api';
import type { Clock } from '../../clock/clock.ts';

const US_PER_S = 1_000_000;
const NS_PER_US = 1_000;
/** What Clock.nowMs leaves off is less. */
const READING_US = 1_000;

export class WallTime {
  readonly #clock: Clock;
  /** Wall time less monotonic time, microseconds. */
  #offsetUs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offsetUs = this.#readUs();
  }

  /** Follows the wall clock where that was stepped or has drifted off; before each trace. */
  follow(): void {
    const readUs = this.#readUs();
    const holds = this.#offsetUs >= readUs && this.#offsetUs < readUs + READING_US;
    if (!holds) this.#offsetUs = readUs;
  }

  /** @param us a moment of Clock.monotonicUs. @returns seconds and nanoseconds since the Unix epoch. */
  at(us: number): HrTime {
    const wallUs = Math.round(us + this.#offsetUs);
    const seconds = Math.floor(wallUs / US_PER_S);
    return [seconds, (wallUs - seconds * US_PER_S) * NS_PER_US];
  }

  /** The offset, or up to READING_US less. */
  #readUs(): number {
    return this.#clock.nowMs() * 1_000 - this.#clock.monotonicUs();
  }
}
