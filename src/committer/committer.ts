/**
 * Group commit. What the segments could not settle is gathered and given to the store in batches:
 * while one call is in flight the next batch gathers, so that the batch size follows the load. A
 * batch that is full need not wait for the answer of the one before, where the store takes several.
 * A commit has a fixed cost, so small ones keep an interval between them; a caller alone is never
 * held up by it. Overdue claims have a small share beside calls.
 */
import type { Clock, Timer } from '../clock/clock.ts';
import { assert } from '../domain/assert.ts';
import { ClaimOperation, ClaimStatus, Outcome, UnavailableReason } from '../domain/claim.ts';
import { ClockAhead } from '../domain/errors.ts';
import { EntryMark, EntryStep, NO_ENTRY } from '../entries/entry-table.ts';
import { EXPIRIES_BESIDE_CALLS } from '../limits.ts';
import type { SegmentFeeder } from '../pool/segment-pool.ts';
import { type EngineMemory, MAIN_LOOP, serverOfLoop, WorkerCounter } from '../segment/engine-memory.ts';
import { Outbox } from '../segment/outbox.ts';
import type { ClaimStore } from '../store/store.ts';
import { EntryFifo } from './entry-fifo.ts';

/** Of a batch, one place in so many is an expiry's where there are any. */
const KEPT_FOR_EXPIRIES = 8;

/** Items at which a commit's fixed cost, about 100 µs over all threads, is 3 µs for each: no need to wait for more. */
const WORTH_A_COMMIT = 32;
/**
 * The interval that claimd keeps between small commits, milliseconds: at 10,000 unary calls/s on
 * SQLite 11 instead of 17 µs of the store's CPU per call, for 1 ms of latency (docs/decisions).
 */
export const COMMIT_INTERVAL_MS = 2;
/** A batch of fewer says that there are few callers, who may all wait for their answers. */
const FEW_CALLERS = 4;

/**
 * A commit that failed only after so long, milliseconds, has taken the patience of those who waited
 * for their turn behind it: they fail with it. So nobody waits for more than two commits that fail
 * so, however many wait.
 */
const SLOW_FAILURE_MS = 500;

/** More than can ever wait: the committer is not woken. */
const NEVER = 0x7fff_ffff;

/** Keeps small commits apart. */
export interface CommitPace {
  readonly clock: Clock;
  /** From the begin of one small commit to that of the next, milliseconds; 0: none. */
  readonly intervalMs: number;
}

export interface CommitterEvents {
  /** A batch came back: its entries lie in their home queues; `epoch` is the registry's. */
  committed(epoch: number): void;
  /** The store did not confirm; the batch's callers are told UNAVAILABLE. */
  failed(error: unknown): void;
}

export class Committer {
  readonly #memory: EngineMemory;
  readonly #store: ClaimStore;
  readonly #feeder: SegmentFeeder;
  readonly #epoch: () => number;
  readonly #events: CommitterEvents;
  readonly #calls: EntryFifo;
  readonly #expiries: EntryFifo;
  readonly #outbox: Outbox;
  readonly #pace: CommitPace;
  /** Batches that are not in flight. */
  readonly #free: Int32Array[];
  readonly #inFlight = new Set<Promise<void>>();
  /** Calls that have come since the start. */
  #callsCome = 0;
  #begunUs = Number.NEGATIVE_INFINITY;
  #lastCount = 0;
  #timer: Timer | undefined;

  /** @param epoch the epoch that a batch is decided in at the earliest. */
  constructor(
    memory: EngineMemory,
    store: ClaimStore,
    feeder: SegmentFeeder,
    epoch: () => number,
    events: CommitterEvents,
    pace: CommitPace,
  ) {
    this.#memory = memory;
    this.#store = store;
    this.#feeder = feeder;
    this.#epoch = epoch;
    this.#events = events;
    this.#pace = pace;
    this.#calls = new EntryFifo(memory.entries.capacity);
    this.#expiries = new EntryFifo(memory.entries.capacity);
    this.#free = Array.from({ length: store.maxCommitsInFlight }, () => new Int32Array(store.maxBatchItems));
    // What it sends to its own thread is drained by the events below, without a bell.
    this.#outbox = new Outbox(memory, MAIN_LOOP);
    this.#setWake();
  }

  /** Entries that wait for the next batch. */
  get waitingCount(): number {
    return this.#calls.length + this.#expiries.length;
  }

  /** Takes what the segments have put on the commit queue, and commits it when it is time. */
  pump(): void {
    const { queues, entries, commitQueue } = this.#memory;
    let entry = queues.takeAll(commitQueue);
    while (entry !== NO_ENTRY) {
      const next = entries.next[entry];
      entries.holder[entry] = 0;
      if (entries.operation[entry] === ClaimOperation.EXPIRE) this.#expiries.add(entry);
      else this.#addCall(entry);
      entry = next;
    }
    this.#beginFull();
    if (this.#inFlight.size > 0 || this.waitingCount === 0) return;
    const waitMs = this.#msUntilDue();
    if (waitMs <= 0) this.#begin();
    else this.#timer ??= this.#pace.clock.after(waitMs, () => this.#begin());
  }

  /** Commits what waits at once. Resolves when nothing waits and nothing is in flight. */
  async settled(): Promise<void> {
    while (this.#inFlight.size > 0 || this.waitingCount > 0) {
      if (this.#inFlight.size === 0) this.#begin();
      await Promise.race(this.#inFlight);
    }
  }

  #addCall(entry: number): void {
    this.#calls.add(entry);
    this.#callsCome += 1;
  }

  /** Batches that can't grow have nothing to wait for but a place. */
  #beginFull(): void {
    while (this.#free.length > 0 && this.#calls.length >= this.#store.maxBatchItems) this.#begin();
  }

  #msUntilDue(): number {
    if (this.waitingCount >= WORTH_A_COMMIT || this.#lastCount < FEW_CALLERS) return 0;
    const { clock, intervalMs } = this.#pace;
    return intervalMs - (clock.monotonicUs() - this.#begunUs) / 1_000;
  }

  #begin(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const batch = this.#free.pop();
    assert(batch !== undefined, 'a commit is begun where one more may be in flight');
    this.#begunUs = this.#pace.clock.monotonicUs();
    const count = this.#gather(batch);
    this.#markBegun(batch, count, this.#begunUs, count);
    const committed = this.#commit(batch, count).then((tell) => {
      this.#inFlight.delete(committed);
      this.#free.push(batch);
      this.#end();
      tell();
    });
    this.#inFlight.add(committed);
    this.#lastCount = count;
    this.#setWake();
  }

  /** Resolves to what is to be told once the batch has its place among the free again. */
  async #commit(batch: Int32Array, count: number): Promise<() => void> {
    const begunUs = this.#begunUs;
    const comeByThen = this.#callsCome;
    try {
      const epoch = await this.#store.commit({ entries: batch, count, epoch: this.#epoch() });
      this.#sendHome(batch, count, this.#pace.clock.monotonicUs());
      return () => this.#events.committed(epoch);
    } catch (error) {
      const reason =
        error instanceof ClockAhead ? UnavailableReason.CLOCK_AHEAD : UnavailableReason.STORE_FAILED;
      const endedUs = this.#pace.clock.monotonicUs();
      this.#fail(batch, count, reason);
      this.#sendHome(batch, count, endedUs);
      const tookMs = (endedUs - begunUs) / 1_000;
      if (tookMs >= SLOW_FAILURE_MS) this.#failWaiting(batch, comeByThen, reason, endedUs);
      return () => this.#events.failed(error);
    }
  }

  #gather(batch: Int32Array): number {
    const max = batch.length;
    // Some places are kept for expiries: else a load that fills every batch would fill the table too.
    const kept = Math.min(this.#expiries.length, Math.floor(max / KEPT_FOR_EXPIRIES));
    const calls = this.#calls.take(batch, 0, max - kept);
    const room = calls === 0 ? max : Math.min(max - calls, EXPIRIES_BESIDE_CALLS);
    const count = calls + this.#expiries.take(batch, calls, room);
    Atomics.sub(this.#memory.commitWaiting, 0, count);
    return count;
  }

  #fail(batch: Int32Array, count: number, reason: UnavailableReason): void {
    const { entries } = this.#memory;
    for (let i = 0; i < count; i += 1) {
      const entry = batch[i];
      entries.outcome[entry] = Outcome.UNAVAILABLE;
      entries.status[entry] = ClaimStatus.UNSPECIFIED;
      entries.reason[entry] = reason;
      entries.fromStore[entry] = 1;
    }
  }

  /** Fails those of the first `come` calls that no commit has taken yet. */
  #failWaiting(batch: Int32Array, come: number, reason: UnavailableReason, nowUs: number): void {
    const comeSince = this.#callsCome - come;
    for (let left = this.#calls.length - comeSince; left > 0; ) {
      const taken = this.#calls.take(batch, 0, Math.min(left, batch.length));
      Atomics.sub(this.#memory.commitWaiting, 0, taken);
      this.#markBegun(batch, taken, nowUs, 0);
      this.#fail(batch, taken, reason);
      this.#sendHome(batch, taken, nowUs);
      left -= taken;
    }
  }

  #markBegun(batch: Int32Array, count: number, begunUs: number, size: number): void {
    const { entries } = this.#memory;
    for (let i = 0; i < count; i += 1) {
      entries.mark(batch[i], EntryMark.COMMIT_BEGUN, begunUs);
      entries.mark(batch[i], EntryMark.COMMIT_SIZE, size);
    }
  }

  /** Calls' entries go to their ingress thread, to be answered; expiries straight back to learn. */
  #sendHome(batch: Int32Array, count: number, endedUs: number): void {
    const { entries, shape } = this.#memory;
    let forHome = 0;
    for (let i = 0; i < count; i += 1) {
      const entry = batch[i];
      entries.mark(entry, EntryMark.COMMIT_ENDED, endedUs);
      if (entries.operation[entry] === ClaimOperation.EXPIRE) {
        entries.step[entry] = EntryStep.LEARN;
        this.#feeder.push(entry);
      } else {
        this.#outbox.add(this.#memory.homeQueue(entry), entry, true);
        forHome += 1;
      }
    }
    this.#outbox.send();
    this.#memory.count(serverOfLoop(shape, MAIN_LOOP), WorkerCounter.SENT_HOME, forHome);
  }

  /** What was sent home may lead to the next commit at once; the events below pump what has come since. */
  #end(): void {
    this.#setWake();
    this.#outbox.ringBells();
    this.#feeder.flush();
  }

  /** While a commit is in flight, what comes is looked at when it ends; sooner where it fills a batch. */
  #setWake(): void {
    const { wakeCommitterAt } = this.#memory;
    const full = this.#free.length > 0 ? this.#store.maxBatchItems : NEVER;
    Atomics.store(wakeCommitterAt, 0, this.#inFlight.size === 0 ? 1 : full);
  }
}
