/**
 * The embedded store: a registry in a SQLite database, on a thread of its own. This is the thread's
 * client, which sends it what is asked and settles each call exactly once, also where the thread
 * ends before its time. The work is in registry.ts.
 */
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../clock/clock.ts';
import { assert } from '../../domain/assert.ts';
import { errorFrom } from '../../domain/error-message.ts';
import { StoreUnavailable } from '../../domain/errors.ts';
import type { EntryTable } from '../../entries/entry-table.ts';
import { Replies } from '../../entries/replies.ts';
import { threadEntry } from '../../entries/thread-entry.ts';
import { SQLITE_BATCH_MAX_ITEMS } from '../../limits.ts';
import { type RuntimePlace, RuntimeStats } from '../../telemetry/runtime/runtime-stats.ts';
import type {
  ClaimStore,
  CommitBatch,
  EpochCounts,
  RegistrySettings,
  ScanCursor,
  ScanPage,
} from '../store.ts';
import { CommitRing } from './commit-ring.ts';
import type {
  NumberedRequest,
  SqliteThreadData,
  StoreReply,
  StoreRequest,
  StoreResult,
  StoreResults,
} from './protocol.ts';

export interface SqliteStoreOptions {
  /** The database's file, made with its folder where it is not there; or ':memory:'. */
  readonly path: string;
  readonly settings: RegistrySettings;
  /** How far an epoch may be ahead of `clock`, milliseconds. */
  readonly maxClockSkewMs: number;
  /** Bound on the database file's size; 0: none. A store that is full rejects with StoreUnavailable. */
  readonly maxBytes: number;
  /** This machine's clock, which is also the store's. */
  readonly clock: Clock;
  readonly entries: EntryTable;
  /** Where its thread tells of its own running; memory that nobody reads where this is left out. */
  readonly runtime?: RuntimePlace;
}

const NOT_OPEN = 'the store is not open';

/** A commit that found the ring full. */
interface WaitingCommit {
  readonly id: number;
  readonly batch: CommitBatch;
  readonly nowMs: number;
}

export class SqliteStore implements ClaimStore {
  readonly maxBatchItems = SQLITE_BATCH_MAX_ITEMS;
  /** Its thread is full with one: a second would only wait, with fewer items than it might have. */
  readonly maxCommitsInFlight = 1;
  readonly isShared = false;
  readonly #options: SqliteStoreOptions;
  readonly #ring = CommitRing.allocate();
  readonly #replies = new Replies<StoreResult>();
  readonly #waiting: WaitingCommit[] = [];
  /** Undefined before it is started and after it ended. */
  #thread: Worker | undefined;
  /** Why calls are refused, while they are. */
  #refusal: string | undefined = NOT_OPEN;
  #closed: Promise<void> | undefined;

  constructor(options: SqliteStoreOptions) {
    this.#options = options;
  }

  async open(): Promise<number> {
    assert(this.#refusal === NOT_OPEN, 'a store is opened once');
    this.#thread = this.#startThread();
    this.#refusal = undefined;
    try {
      return await this.#ask({ kind: 'open' });
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async commit(batch: CommitBatch): Promise<number> {
    assert(batch.count <= this.maxBatchItems, `a batch of ${batch.count} items`);
    this.#checkTaken();
    const { id, promise } = this.#expect<'commit'>();
    const nowMs = this.#options.clock.nowMs();
    if (this.#waiting.length > 0 || !this.#ring.put(id, batch, nowMs)) {
      const entries = batch.entries.slice(0, batch.count);
      this.#waiting.push({ id, batch: { ...batch, entries }, nowMs });
    }
    return promise;
  }

  async advanceEpoch(epoch: number): Promise<number> {
    return this.#ask({ kind: 'advanceEpoch', epoch, nowMs: this.#options.clock.nowMs() });
  }

  async epochCounts(from: number, to: number): Promise<EpochCounts[]> {
    return this.#ask({ kind: 'epochCounts', from, to });
  }

  async scan(cursor: ScanCursor | null, limit: number): Promise<ScanPage> {
    return this.#ask({ kind: 'scan', cursor, limit });
  }

  async reclaim(limit: number): Promise<number> {
    return this.#ask({ kind: 'reclaim', limit });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#refusal ??= 'the store is closed';
    await this.#replies.settled();
    const thread = this.#thread;
    if (thread === undefined) return;
    const exited = new Promise((resolve) => thread.once('exit', resolve));
    await this.#send(thread, { kind: 'close' });
    await exited;
  }

  #startThread(): Worker {
    const { path, settings, maxClockSkewMs, maxBytes, entries } = this.#options;
    const { runtime = { memory: RuntimeStats.allocate(1), thread: 0 } } = this.#options;
    const workerData: SqliteThreadData = {
      path,
      settings,
      maxClockSkewMs,
      maxBytes,
      entries: entries.buffer,
      ring: this.#ring.buffer,
      runtime,
    };
    const thread = new Worker(threadEntry(import.meta.url, './thread'), { name: 'store', workerData });
    thread.on('message', (reply: StoreReply) => this.#settle(reply));
    let why = "the store's thread ended";
    thread.on('error', (error) => {
      why = `the store's thread failed: ${String(error)}`;
    });
    // Comes last, after every answer that was sent.
    thread.on('exit', () => this.#lose(why));
    return thread;
  }

  /** The thread is gone, and with it whatever it was asked. */
  #lose(why: string): void {
    this.#thread = undefined;
    this.#refusal ??= why;
    this.#waiting.length = 0;
    this.#replies.rejectAll(new StoreUnavailable(why));
  }

  async #ask<R extends StoreRequest>(request: R): Promise<StoreResults[R['kind']]> {
    return this.#send(this.#checkTaken(), request);
  }

  #send<R extends StoreRequest>(thread: Worker, request: R): Promise<StoreResults[R['kind']]> {
    const { id, promise } = this.#expect<R['kind']>();
    const message: NumberedRequest = { id, request };
    thread.postMessage(message);
    this.#ring.ring();
    return promise;
  }

  /** The thread that takes calls. @throws StoreUnavailable where calls are refused. */
  #checkTaken(): Worker {
    if (this.#refusal !== undefined) throw new StoreUnavailable(this.#refusal);
    assert(this.#thread !== undefined, 'an open store has a thread');
    return this.#thread;
  }

  /** Gives the next request its number and its promise. */
  #expect<K extends keyof StoreResults>(): { id: number; promise: Promise<StoreResults[K]> } {
    const { id, reply } = this.#replies.expect();
    return { id, promise: reply as Promise<StoreResults[K]> };
  }

  #settle(reply: StoreReply): void {
    if ('error' in reply) this.#replies.reject(reply.id, errorFrom(reply.error));
    else this.#replies.resolve(reply.id, reply.result);
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#ring.put(next.id, next.batch, next.nowMs)) return;
      this.#waiting.shift();
    }
  }
}
