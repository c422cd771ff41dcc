/**
 * The store's thread. SQLite blocks, so it has this one to itself: it sleeps until its bell rings,
 * then serves what is there, commits before everything else, one at a time. A fault of the program
 * ends it; the client (sqlite-store) then rejects whatever it was asked.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../clock/clock.ts';
import { assert, unreachable } from '../../domain/assert.ts';
import { errorMessage } from '../../domain/error-message.ts';
import { StoreUnavailable } from '../../domain/errors.ts';
import { EntryTable } from '../../entries/entry-table.ts';
import { ProfilerSource } from '../../telemetry/runtime/runtime-source.ts';
import { RuntimeStats } from '../../telemetry/runtime/runtime-stats.ts';
import { SleeperRuntime } from '../../telemetry/runtime/sleeper-runtime.ts';
import { CommitRing } from './commit-ring.ts';
import type { NumberedRequest, SqliteThreadData, StoreReply, StoreRequest, StoreResult } from './protocol.ts';
import { SqliteRegistry } from './registry.ts';

class SqliteThread {
  readonly #port: MessagePort;
  readonly #data: SqliteThreadData;
  readonly #ring: CommitRing;
  readonly #runtime: SleeperRuntime;
  #registry: SqliteRegistry | undefined;
  #ended = false;
  /** The store's clock, as the request in hand was sent. */
  #nowMs = 0;

  constructor(port: MessagePort, data: SqliteThreadData) {
    this.#port = port;
    this.#data = data;
    this.#ring = new CommitRing(data.ring);
    this.#runtime = new SleeperRuntime(new RuntimeStats(data.runtime), new ProfilerSource(), systemClock);
  }

  run(): void {
    while (!this.#ended) {
      const rung = this.#ring.rung();
      if (this.#serveCommit() || this.#serveMessage()) this.#runtime.look();
      else this.#ring.sleep(rung);
    }
  }

  #serveCommit(): boolean {
    const commit = this.#ring.peek();
    if (commit === undefined) return false;
    this.#nowMs = commit.nowMs;
    const reply = this.#reply(commit.id, () => this.#opened().commit(commit));
    this.#ring.release();
    this.#port.postMessage(reply);
    return true;
  }

  #serveMessage(): boolean {
    const received: { message: NumberedRequest } | undefined = receiveMessageOnPort(this.#port);
    if (received === undefined) return false;
    const { id, request } = received.message;
    this.#port.postMessage(this.#reply(id, () => this.#serve(request)));
    return true;
  }

  #reply(id: number, work: () => StoreResult): StoreReply {
    try {
      return { id, result: work() };
    } catch (error) {
      return { id, error: errorMessage(error) };
    }
  }

  #serve(request: StoreRequest): StoreResult {
    switch (request.kind) {
      case 'open':
        return this.#open();
      case 'advanceEpoch':
        this.#nowMs = request.nowMs;
        return this.#opened().advanceEpoch(request.epoch);
      case 'epochCounts':
        return this.#opened().epochCounts(request.from, request.to);
      case 'scan':
        return this.#opened().scan(request.cursor, request.limit);
      case 'reclaim':
        return this.#opened().reclaim(request.limit);
      case 'close':
        return this.#close();
      default:
        return unreachable(request);
    }
  }

  #open(): number {
    const entries = new EntryTable(this.#data.entries);
    const clock = { nowMs: () => this.#nowMs };
    this.#registry = new SqliteRegistry({ ...this.#data, entries, clock });
    return this.#registry.highestEpoch();
  }

  #opened(): SqliteRegistry {
    if (this.#registry === undefined) throw new StoreUnavailable('the store is not open');
    return this.#registry;
  }

  #close(): null {
    this.#ended = true;
    this.#registry?.close();
    return null;
  }
}

assert(parentPort !== null, 'the store’s thread is started by its client');
new SqliteThread(parentPort, workerData).run();
