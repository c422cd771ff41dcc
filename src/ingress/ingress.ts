/**
 * One thread's side of the engine: admits calls' claims as entries, hands them to their segments,
 * and settles each exactly once when it comes back. What full means here: no entry is free, and
 * the call is refused before any work is done.
 */
import { assert } from '../domain/assert.ts';
import { ClaimOperation, Outcome, type PartitionMode, UnavailableReason } from '../domain/claim.ts';
import { type EpochRules, ExpiryEpochs } from '../domain/epochs.ts';
import { EntryAllocator } from '../entries/entry-allocator.ts';
import { EntryStep, type EntryTable, NO_ENTRY } from '../entries/entry-table.ts';
import { WATCHERS_MAX } from '../limits.ts';
import { StatePartitioner } from '../partitioner/partitioner.ts';
import type { SegmentFeeder } from '../pool/segment-pool.ts';
import { type EngineMemory, loopOf, serverOfLoop, WorkerCounter } from '../segment/engine-memory.ts';
import { SharedCount } from '../segment/shared-count.ts';
import type { CallStats } from '../telemetry/call-stats.ts';
import type { IngressThreads } from './ingress-threads.ts';

/** Whoever waits for an entry; called exactly once for each that was dispatched in its name. */
export interface EntryOwner {
  /** The entry's outcome stands in its columns; `finish` it once they were read. */
  answered(entry: number): void;
}

export class Ingress implements IngressThreads {
  readonly entries: EntryTable;
  readonly rules: EpochRules;
  readonly partition: PartitionMode;
  /** WatchEpochs streams that are open, on all ingress threads. */
  readonly watchers: SharedCount;
  /** What this thread counts of its calls. */
  readonly callStats: CallStats;
  readonly #memory: EngineMemory;
  readonly #thread: number;
  readonly #queue: number;
  /** The server that its event loop is. */
  readonly #server: number;
  readonly #partitioner: StatePartitioner;
  readonly #feeder: SegmentFeeder;
  readonly #defer: (call: () => void) => void;
  readonly #allocator: EntryAllocator;
  readonly #owners: (EntryOwner | undefined)[];
  readonly #expiryEpochs: ExpiryEpochs;
  #flushPlanned = false;
  #dispatched = 0;
  readonly #onIdle: (() => void)[] = [];
  #waitingForRoom: { count: number; call: () => void }[] = [];

  /**
   * @param thread its number among the ingress threads.
   * @param defer calls back at the end of this turn of the event loop.
   */
  constructor(
    memory: EngineMemory,
    thread: number,
    feeder: SegmentFeeder,
    defer: (call: () => void) => void,
  ) {
    this.#memory = memory;
    this.#thread = thread;
    this.#defer = defer;
    this.entries = memory.entries;
    this.rules = memory.shape.rules;
    this.partition = memory.shape.partition;
    this.callStats = memory.callStats[thread];
    this.watchers = new SharedCount(memory.watchers, WATCHERS_MAX);
    this.#expiryEpochs = new ExpiryEpochs(this.rules);
    this.#queue = memory.ingressQueue(thread);
    this.#server = serverOfLoop(memory.shape, loopOf(memory.shape, thread));
    this.#partitioner = new StatePartitioner(memory.segments, this.partition);
    this.#feeder = feeder;
    this.#allocator = new EntryAllocator(memory.firstEntryOf(thread), memory.shape.ingressEntries);
    this.#owners = new Array(memory.shape.ingressEntries);
  }

  /** The epoch in which what needs no segment is decided. */
  get epoch(): number {
    return this.#memory.epoch;
  }

  /** Whether `count` entries are free; looks for returned ones before it says no. */
  hasRoom(count: number): boolean {
    if (this.#allocator.freeCount < count) this.drain();
    return this.#allocator.freeCount >= count;
  }

  /** A free entry to decode a claim into; ask for room first. Give it back by dispatch or release. */
  allocate(): number {
    const entry = this.#allocator.allocate();
    assert(entry !== NO_ENTRY, 'an entry was allocated without room');
    return entry;
  }

  /** Gives back an entry that was not dispatched. */
  release(entry: number): void {
    this.#allocator.free(entry);
  }

  /** Sends a decoded claim on its way; `owner` hears of it exactly once. */
  dispatch(entry: number, operation: ClaimOperation, owner: EntryOwner): void {
    const { entries } = this;
    entries.operation[entry] = operation;
    entries.step[entry] = EntryStep.REQUEST;
    entries.reason[entry] = UnavailableReason.NONE;
    entries.fromStore[entry] = 0;
    entries.reserved[entry] = 0;
    if (operation === ClaimOperation.SUBMIT) {
      this.#expiryEpochs.store(entries.timestampMs, entry, entries.endEpoch, entry);
    }
    this.#partitioner.assign(entries, entry);
    const slot = entry - this.#allocator.first;
    assert(this.#owners[slot] === undefined, 'an entry was dispatched twice');
    this.#owners[slot] = owner;
    this.#countWaiting(1);
    this.#feeder.push(entry);
    this.#planFlush();
  }

  drain(): void {
    const { queues, entries } = this.#memory;
    let entry = queues.takeAll(this.#queue);
    let count = 0;
    while (entry !== NO_ENTRY) {
      const next = entries.next[entry];
      entries.holder[entry] = 0;
      this.#takeHome(entry);
      entry = next;
      count += 1;
    }
    this.#memory.count(this.#server, WorkerCounter.CAME_HOME, count);
    this.#tellWaiting();
  }

  drainAll(): Promise<void> {
    this.drain();
    return Promise.resolve();
  }

  lost(entriesLost: readonly number[]): void {
    const { entries } = this;
    for (const entry of entriesLost) {
      if (!this.#owns(entry)) continue;
      if (entries.step[entry] === EntryStep.REQUEST) {
        entries.outcome[entry] = Outcome.UNAVAILABLE;
        entries.status[entry] = 0;
        entries.reason[entry] = UnavailableReason.WORKER_LOST;
        entries.fromStore[entry] = 0;
      } else {
        entries.step[entry] = EntryStep.RETURNED;
      }
      this.#takeHome(entry);
    }
    this.#tellWaiting();
  }

  /** The owner has read the entry: its segment learns what the store decided, or it is free again. */
  finish(entry: number): void {
    const { entries } = this;
    if (entries.fromStore[entry] === 0 && entries.reserved[entry] === 0) {
      this.#free(entry);
      return;
    }
    entries.step[entry] = EntryStep.LEARN;
    this.#feeder.pushPatient(entry);
    this.#planFlush();
  }

  /** Calls back once `count` entries are free. */
  onceRoom(count: number, call: () => void): void {
    this.#waitingForRoom.push({ count, call });
    // From now on workers ring when they return entries; those returned before are taken here.
    Atomics.store(this.#memory.eager, this.#thread, 1);
    this.#feeder.flushAll();
    this.drain();
  }

  /** Whoever waits for room by that callback, if anybody does, has gone: those behind move up. */
  forget(call: () => void): void {
    const left = this.#waitingForRoom.filter((waiting) => waiting.call !== call);
    if (left.length === this.#waitingForRoom.length) return;
    this.#waitingForRoom = left;
    this.#tellWaiting();
  }

  idle(): Promise<void> {
    if (this.#dispatched === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  #owns(entry: number): boolean {
    return entry >= this.#allocator.first && entry < this.#allocator.first + this.#allocator.capacity;
  }

  #takeHome(entry: number): void {
    if (this.entries.step[entry] === EntryStep.RETURNED) {
      this.#free(entry);
      return;
    }
    const slot = entry - this.#allocator.first;
    const owner = this.#owners[slot];
    assert(owner !== undefined, 'an entry was answered twice');
    this.#owners[slot] = undefined;
    this.#countWaiting(-1);
    owner.answered(entry);
    if (this.#dispatched === 0) for (const idle of this.#onIdle.splice(0)) idle();
  }

  #countWaiting(by: number): void {
    this.#dispatched += by;
    this.#memory.waiting[this.#thread] = this.#dispatched;
  }

  #free(entry: number): void {
    this.#allocator.free(entry);
  }

  /** In order: a large frame is not passed for ever by small ones. */
  #tellWaiting(): void {
    while (this.#waitingForRoom.length > 0 && this.#allocator.freeCount >= this.#waitingForRoom[0].count) {
      this.#waitingForRoom.shift()?.call();
    }
    if (this.#waitingForRoom.length === 0) Atomics.store(this.#memory.eager, this.#thread, 0);
  }

  /** Wakes workers once per turn of the event loop, after all that arrived with it was dispatched. */
  #planFlush(): void {
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    this.#defer(() => {
      this.#flushPlanned = false;
      this.#feeder.flush();
    });
  }
}
