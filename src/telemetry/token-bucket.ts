/** Lets through so many a second, and a burst at once after a rest; the rest is to be dropped. */
const US_PER_S = 1_000_000;

export class TokenBucket {
  readonly #perUs: number;
  readonly #burst: number;
  #tokens: number;
  #filledUs = Number.NEGATIVE_INFINITY;

  /** @param burst so many at once, 1 or more. */
  constructor(perS: number, burst: number) {
    this.#perUs = perS / US_PER_S;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** @param nowUs of a clock that does not go back. @returns false where it is to be dropped. */
  take(nowUs: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowUs - this.#filledUs) * this.#perUs);
    this.#filledUs = nowUs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
