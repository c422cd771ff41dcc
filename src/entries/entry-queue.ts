/**
 * Queues of entries in shared memory: many producers on any threads, one consumer at a time, who
 * takes everything at once. A queue is one word, its newest entry; each entry names the one before
 * it in the `next` column. So a queue can't overflow (the bound is the number of entries), an
 * empty one costs four bytes, and taking a whole run is a single atomic exchange.
 *
 *     head ──▶ newest ──▶ … ──▶ oldest ──▶ NO_ENTRY          (Treiber's stack, popped whole)
 *
 * A consumer turns the chain round to serve it in order of arrival. Nobody pops single entries,
 * so the ABA problem does not arise. Costs beside a ring per segment: docs/decisions.
 */
import { type EntryTable, NO_ENTRY } from './entry-table.ts';

/** Heads hold entry + 1, so that fresh shared memory (all zero) is all empty queues. */
const EMPTY = 0;

export class EntryQueues {
  readonly #heads: Int32Array;
  readonly #next: Int32Array;

  constructor(heads: Int32Array, entries: EntryTable) {
    this.#heads = heads;
    this.#next = entries.next;
  }

  push(queue: number, entry: number): void {
    this.pushChain(queue, entry, entry);
  }

  /** Puts a chain (newest → … → oldest by `next`) on the queue, in one step. */
  pushChain(queue: number, newest: number, oldest: number): void {
    let head = Atomics.load(this.#heads, queue);
    for (;;) {
      this.#next[oldest] = head - 1;
      const seen = Atomics.compareExchange(this.#heads, queue, head, newest + 1);
      if (seen === head) return;
      head = seen;
    }
  }

  isEmpty(queue: number): boolean {
    return Atomics.load(this.#heads, queue) === EMPTY;
  }

  /** The newest entry, left where it is, or NO_ENTRY. */
  peek(queue: number): number {
    return Atomics.load(this.#heads, queue) - 1;
  }

  /** Takes the whole queue if its newest entry is still `newest`. */
  takeIf(queue: number, newest: number): boolean {
    return Atomics.compareExchange(this.#heads, queue, newest + 1, EMPTY) === newest + 1;
  }

  /** Takes the whole queue; returns its oldest entry, from which `next` leads in order of arrival. */
  takeAll(queue: number): number {
    return this.reverse(Atomics.exchange(this.#heads, queue, EMPTY) - 1);
  }

  /** Turns a chain round: from newest first to oldest first. */
  reverse(newest: number): number {
    let entry = newest;
    let behind = NO_ENTRY;
    while (entry !== NO_ENTRY) {
      const next = this.#next[entry];
      this.#next[entry] = behind;
      behind = entry;
      entry = next;
    }
    return behind;
  }

  /** Whether `entry` waits in the queue. Only for a queue that nobody can take from meanwhile. */
  contains(queue: number, entry: number): boolean {
    for (let e = this.peek(queue); e !== NO_ENTRY; e = this.#next[e]) {
      if (e === entry) return true;
    }
    return false;
  }
}
