/** A bounded first-in, first-out list of entry numbers. Its bound is the number of entries there are. */
import { assert } from '../domain/assert.ts';

export class EntryFifo {
  readonly #slots: Int32Array;
  #head = 0;
  #length = 0;

  constructor(capacity: number) {
    this.#slots = new Int32Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  add(entry: number): void {
    assert(this.#length < this.#slots.length, 'more entries than there are');
    this.#slots[(this.#head + this.#length) % this.#slots.length] = entry;
    this.#length += 1;
  }

  /** Moves up to `max` entries to `to` from position `at`; returns how many. */
  take(to: Int32Array, at: number, max: number): number {
    const count = Math.min(max, this.#length);
    for (let i = 0; i < count; i += 1) {
      to[at + i] = this.#slots[this.#head];
      this.#head = (this.#head + 1) % this.#slots.length;
    }
    this.#length -= count;
    return count;
  }
}
