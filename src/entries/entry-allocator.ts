/**
 * The free entries of one owner (an ingress thread, or the coordinator): a plain stack, since only
 * the owner allocates and frees. Last freed, first used, so that a quiet service stays in cache.
 */
import { assert } from '../domain/assert.ts';
import { NO_ENTRY } from './entry-table.ts';

export class EntryAllocator {
  readonly first: number;
  readonly capacity: number;
  readonly #free: Int32Array;
  readonly #inUse: Uint8Array;
  #freeCount: number;

  /** Owns the entries first … first + capacity − 1. */
  constructor(first: number, capacity: number) {
    this.first = first;
    this.capacity = capacity;
    this.#free = Int32Array.from({ length: capacity }, (_, i) => first + capacity - 1 - i);
    this.#inUse = new Uint8Array(capacity);
    this.#freeCount = capacity;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  /** A free entry, or NO_ENTRY where all are in flight. */
  allocate(): number {
    if (this.#freeCount === 0) return NO_ENTRY;
    this.#freeCount -= 1;
    const entry = this.#free[this.#freeCount];
    this.#inUse[entry - this.first] = 1;
    return entry;
  }

  free(entry: number): void {
    // Out of range reads as undefined: an entry of another owner.
    // The words are constant: they would be made for every entry.
    assert(this.#inUse[entry - this.first] === 1, 'an entry was freed that was not in use');
    this.#inUse[entry - this.first] = 0;
    this.#free[this.#freeCount] = entry;
    this.#freeCount += 1;
  }
}
