/** A bounded count of something that several threads have, in one word of shared memory. */
import { assert } from '../domain/assert.ts';

export class SharedCount {
  readonly #word: Int32Array;
  readonly #most: number;

  /** @param word whose first element is the count. */
  constructor(word: Int32Array, most: number) {
    this.#word = word;
    this.#most = most;
  }

  /** Counts one more; false where there are as many as there may be. */
  take(): boolean {
    if (Atomics.add(this.#word, 0, 1) < this.#most) return true;
    Atomics.sub(this.#word, 0, 1);
    return false;
  }

  release(): void {
    assert(Atomics.sub(this.#word, 0, 1) > 0, 'more were released than taken');
  }
}
