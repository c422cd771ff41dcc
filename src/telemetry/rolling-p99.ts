/**
 * The 99th percentile of the last one to two minutes' durations: counts in log-linear buckets, for
 * the minute that runs and for the one before it, so that it forgets. Bounded, and made of nothing
 * but counting: it is looked up anew every so many values, not at each.
 */

/** Each doubling of the duration has so many buckets: the P99 is told at most 1/16 too high. */
const STEPS = 16;
const STEP_BITS = 4;
/** 2^27 µs: durations beyond 134 s share the last bucket. */
const DOUBLINGS_MAX = 27;
const BUCKETS = (DOUBLINGS_MAX - STEP_BITS + 1) * STEPS;
const LONGEST_US = 2 ** DOUBLINGS_MAX - 1;

/** How long counts are gathered before they begin to be forgotten: until they were, twice as long. */
const WINDOW_US = 60_000_000;

/** Of fewer values nothing is said: five of 500 are above their P99, of 100 it would be the largest. */
export const P99_MIN_VALUES = 500;

/** Values between two looks: one costs some 500 ns, 4 for each. */
const LOOK_EVERY = 128;

/** One in so many is above. */
const ONE_IN = 100;

export class RollingP99 {
  #current = new Uint32Array(BUCKETS);
  #previous = new Uint32Array(BUCKETS);
  #currentCount = 0;
  #previousCount = 0;
  #windowEndsUs = 0;
  #untilLook = LOOK_EVERY;
  #us = Number.POSITIVE_INFINITY;

  /** As of the last look, microseconds; infinite while there were too few values. */
  get us(): number {
    return this.#us;
  }

  /**
   * @param durationUs 0 or more.
   * @param nowUs of a clock that does not go back.
   * @returns whether it has looked again: `us` may be another.
   */
  record(durationUs: number, nowUs: number): boolean {
    if (nowUs >= this.#windowEndsUs) this.#turn(nowUs);
    this.#current[bucketOf(durationUs)] += 1;
    this.#currentCount += 1;
    this.#untilLook -= 1;
    if (this.#untilLook > 0) return false;
    this.#look();
    return true;
  }

  /** The window that ends is the one before from now on; both are forgotten where nothing came for so long. */
  #turn(nowUs: number): void {
    const isNext = nowUs < this.#windowEndsUs + WINDOW_US;
    const oldest = this.#previous;
    this.#previous = this.#current;
    this.#previousCount = isNext ? this.#currentCount : 0;
    if (!isNext) this.#previous.fill(0);
    this.#current = oldest.fill(0);
    this.#currentCount = 0;
    this.#windowEndsUs = nowUs + WINDOW_US;
    this.#untilLook = 1;
  }

  #look(): void {
    this.#untilLook = LOOK_EVERY;
    const count = this.#currentCount + this.#previousCount;
    if (count < P99_MIN_VALUES) {
      this.#us = Number.POSITIVE_INFINITY;
      return;
    }
    let above = Math.floor(count / ONE_IN);
    let bucket = BUCKETS - 1;
    for (; bucket > 0; bucket -= 1) {
      above -= this.#current[bucket] + this.#previous[bucket];
      if (above < 0) break;
    }
    this.#us = lastOf(bucket);
  }
}

/** Up to 2^STEP_BITS µs one bucket each, then STEPS for each doubling. */
function bucketOf(durationUs: number): number {
  const us = Math.min(durationUs, LONGEST_US) | 0;
  const shift = Math.max(31 - Math.clz32(us) - STEP_BITS, 0);
  return shift * STEPS + (us >> shift);
}

/** The longest duration of a bucket, whole microseconds. */
function lastOf(bucket: number): number {
  const shift = Math.max((bucket >> STEP_BITS) - 1, 0);
  return ((bucket - shift * STEPS + 1) << shift) - 1;
}
