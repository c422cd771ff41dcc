/**
 * A producer thread for the queue tests: pushes numbered entries of its own, singly and in chains,
 * and uses each again once the consumer has returned it to the producer's own queue.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { EntryAllocator } from '../../src/entries/entry-allocator.ts';
import { EntryQueues } from '../../src/entries/entry-queue.ts';
import { EntryTable, NO_ENTRY } from '../../src/entries/entry-table.ts';

export interface ProducerTask {
  readonly entries: SharedArrayBuffer;
  readonly heads: SharedArrayBuffer;
  /** One word: 1 once every producer may begin. */
  readonly start: SharedArrayBuffer;
  readonly producer: number;
  readonly firstEntry: number;
  readonly entryCount: number;
  /** Queues that it pushes to in turn: 0 … sharedQueues − 1. Its own is sharedQueues + producer. */
  readonly sharedQueues: number;
  /** How many it pushes in all. */
  readonly pushes: number;
}

/** Chains of 1, 2 … entries in turn, up to this many. */
const CHAIN_MAX = 5;

class Producer {
  readonly #task: ProducerTask;
  readonly #entries: EntryTable;
  readonly #queues: EntryQueues;
  readonly #allocator: EntryAllocator;
  readonly #ownQueue: number;
  #pushed = 0;

  constructor(task: ProducerTask) {
    this.#task = task;
    this.#entries = new EntryTable(task.entries);
    this.#queues = new EntryQueues(new Int32Array(task.heads), this.#entries);
    this.#allocator = new EntryAllocator(task.firstEntry, task.entryCount);
    this.#ownQueue = task.sharedQueues + task.producer;
  }

  run(): void {
    const { pushes, sharedQueues } = this.#task;
    for (let turn = 0; this.#pushed < pushes; turn += 1) {
      this.#pushSome(turn % sharedQueues, Math.min(1 + (turn % CHAIN_MAX), pushes - this.#pushed));
    }
  }

  #pushSome(queue: number, count: number): void {
    if (count === 1) {
      this.#queues.push(queue, this.#nextEntry());
      return;
    }
    const oldest = this.#nextEntry();
    let newest = oldest;
    for (let i = 1; i < count; i += 1) {
      const entry = this.#nextEntry();
      this.#entries.next[entry] = newest;
      newest = entry;
    }
    this.#queues.pushChain(queue, newest, oldest);
  }

  /** A free entry with the next number in it; waits for the consumer where all are on their way. */
  #nextEntry(): number {
    while (this.#allocator.freeCount === 0) this.#takeReturned();
    const entry = this.#allocator.allocate();
    this.#entries.segment[entry] = this.#task.producer;
    this.#entries.timestampMs[entry] = this.#pushed;
    this.#pushed += 1;
    return entry;
  }

  #takeReturned(): void {
    let entry = this.#queues.takeAll(this.#ownQueue);
    while (entry !== NO_ENTRY) {
      const next = this.#entries.next[entry];
      this.#allocator.free(entry);
      entry = next;
    }
  }
}

const task: ProducerTask = workerData;
const start = new Int32Array(task.start);
parentPort?.postMessage('ready');
Atomics.wait(start, 0, 0);
new Producer(task).run();
