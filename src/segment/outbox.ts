/**
 * Entries on their way out of a thread, gathered into one chain per queue, so that a run of many
 * costs each receiver one atomic push and one ring of the bell.
 */
import { type EntryMark, NO_ENTRY } from '../entries/entry-table.ts';
import { ring } from './bell.ts';
import type { EngineMemory } from './engine-memory.ts';

/** A worker thread has no event loop, and so no bell. */
const NO_BELL = -1;

export class Outbox {
  readonly #memory: EngineMemory;
  readonly #ownBell: number;
  /** First queue that an outbox sends to, the commit queue: those of segments come before. */
  readonly #firstQueue: number;
  readonly #newest: Int32Array;
  readonly #oldest: Int32Array;
  readonly #wake: Uint8Array;
  /** How many of what was gathered are for the committer. */
  #forCommit = 0;
  /** Bells to ring for what was sent. */
  readonly #unrung: Uint8Array;

  /** @param ownBell the sender's own bell, which it need not ring. */
  constructor(memory: EngineMemory, ownBell = NO_BELL) {
    this.#memory = memory;
    this.#ownBell = ownBell;
    this.#firstQueue = memory.commitQueue;
    const queues = memory.ingressQueue(memory.shape.ingressThreads) - this.#firstQueue;
    this.#newest = new Int32Array(queues).fill(NO_ENTRY);
    this.#oldest = new Int32Array(queues).fill(NO_ENTRY);
    this.#wake = new Uint8Array(queues);
    this.#unrung = new Uint8Array(memory.bells.length);
  }

  /** @param wake false where the receiver needs not look before it has something else to do. */
  add(queue: number, entry: number, wake: boolean): void {
    const i = queue - this.#firstQueue;
    if (i === 0) this.#forCommit += 1;
    this.#memory.entries.next[entry] = this.#newest[i];
    this.#newest[i] = entry;
    if (this.#oldest[i] === NO_ENTRY) this.#oldest[i] = entry;
    if (wake) this.#wake[i] = 1;
  }

  /** Marks every entry that was gathered. */
  mark(mark: EntryMark, value: number): void {
    const { entries } = this.#memory;
    for (const newest of this.#newest) {
      for (let entry = newest; entry !== NO_ENTRY; entry = entries.next[entry]) {
        entries.mark(entry, mark, value);
      }
    }
  }

  /** Pushes what was gathered; whoever is to look at it is told by ringBells. */
  send(): void {
    const memory = this.#memory;
    // Before they are pushed: a thread that dies in between then makes it too many, which wakes too soon.
    if (this.#forCommit > 0) Atomics.add(memory.commitWaiting, 0, this.#forCommit);
    this.#forCommit = 0;
    for (let i = 0; i < this.#newest.length; i += 1) {
      if (this.#newest[i] === NO_ENTRY) continue;
      const queue = this.#firstQueue + i;
      memory.queues.pushChain(queue, this.#newest[i], this.#oldest[i]);
      this.#newest[i] = NO_ENTRY;
      this.#oldest[i] = NO_ENTRY;
      const bell = memory.loopOfQueue(queue);
      const wake = this.#wake[i] === 1 || memory.isEager(queue);
      if (wake && !memory.looksUnasked(queue) && bell !== this.#ownBell) this.#unrung[bell] = 1;
      this.#wake[i] = 0;
    }
  }

  /** Wakes the receivers of what was sent: once for many runs, since a wake-up costs more than a run. */
  ringBells(): void {
    for (let bell = 0; bell < this.#unrung.length; bell += 1) {
      if (this.#unrung[bell] === 1) ring(this.#memory.bells, bell);
    }
    this.#unrung.fill(0);
  }
}
