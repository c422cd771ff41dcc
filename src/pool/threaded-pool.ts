/**
 * Serves the segments on worker threads: a piscina pool in which every thread runs one long task
 * over shared memory, so that no claim pays for a task of its own. A worker that dies is cleaned
 * up after, replaced and reported; its segments are served again at once, from empty tables.
 */
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Clock } from '../clock/clock.ts';
import { assert } from '../domain/assert.ts';
import { threadEntry } from '../entries/thread-entry.ts';
import { BellListener } from '../segment/bell.ts';
import { type EngineMemory, MAIN_LOOP } from '../segment/engine-memory.ts';
import { markDead, wakeWorker } from '../segment/worker-state.ts';
import { cleanUpAfter } from './lost-worker.ts';
import type { PoolEvents, SegmentPool } from './segment-pool.ts';
import type { WorkerTask } from './segment-worker.ts';
import { ThreadFeeder } from './thread-feeder.ts';

/** A worker allocates next to nothing; a small young generation keeps its thread small. */
const WORKER_YOUNG_GENERATION_MB = 2;
const STOP = 1;
/** A worker that dies again and again is started ever later: at once, after 20, 40 … at most 1,000 ms. */
const RESTART_DELAY_MS = 20;
const RESTART_DELAY_MAX_MS = 1_000;
/** A worker that lived so long has recovered. */
const HEALTHY_AFTER_US = 1_000_000;

export class ThreadedPool implements SegmentPool {
  readonly memory: EngineMemory;
  readonly #feeder: ThreadFeeder;
  readonly #clock: Clock;
  readonly #piscina: Piscina<WorkerTask | undefined, void>;
  readonly #workers: Promise<void>[] = [];
  #events: PoolEvents | undefined;
  #listener: BellListener | undefined;
  #listening: Promise<void> = Promise.resolve();
  #stopping = false;

  constructor(memory: EngineMemory, clock: Clock) {
    const { workers } = memory.shape;
    this.memory = memory;
    this.#clock = clock;
    this.#feeder = new ThreadFeeder(memory, MAIN_LOOP, clock, () => this.#events?.drain());
    this.#piscina = new Piscina({
      filename: fileURLToPath(threadEntry(import.meta.url, './segment-worker')),
      minThreads: workers,
      maxThreads: workers,
      concurrentTasksPerWorker: 1,
      // The default would park an idle worker's event loop; ours park in their own loop.
      atomics: 'disabled',
      idleTimeout: Number.POSITIVE_INFINITY,
      resourceLimits: { maxYoungGenerationSizeMb: WORKER_YOUNG_GENERATION_MB },
      recordTiming: false,
    });
    this.#piscina.on('workerDestroy', () => this.#makeUpFor());
  }

  async start(events: PoolEvents): Promise<void> {
    this.#events = events;
    const { bells, shape } = this.memory;
    this.#listener = new BellListener(bells, MAIN_LOOP, () => events.drain());
    this.#listening = this.#listener.listen();
    for (let worker = 0; worker < shape.workers; worker += 1) this.#workers.push(this.#supervise(worker));
  }

  /** The worker threads there are now, to watch (or, in a test, to end). */
  get threads(): readonly Worker[] {
    return this.#piscina.threads;
  }

  push(entry: number): void {
    this.#feeder.push(entry);
  }

  pushPatient(entry: number): void {
    this.#feeder.pushPatient(entry);
  }

  flush(): void {
    this.#feeder.flush();
  }

  flushAll(): void {
    this.#feeder.flushAll();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    Atomics.store(this.memory.stop, 0, STOP);
    this.#wakeAll();
    await Promise.all(this.#workers);
    this.#listener?.stop();
    await this.#listening;
    await this.#piscina.destroy();
  }

  /** Keeps one worker's task running until the pool stops. */
  async #supervise(worker: number): Promise<void> {
    let delayMs = 0;
    while (!this.#stopping) {
      const startedUs = this.#clock.monotonicUs();
      const reason = await this.#run(worker);
      if (reason === undefined) return;
      await this.#reportLoss(worker, reason);
      const wasHealthy = this.#clock.monotonicUs() - startedUs > HEALTHY_AFTER_US;
      if (wasHealthy) delayMs = 0;
      await this.#delay(delayMs);
      delayMs = Math.min(Math.max(2 * delayMs, RESTART_DELAY_MS), RESTART_DELAY_MAX_MS);
    }
  }

  /** Resolves to why the worker died, or undefined where it returned as told. */
  async #run(worker: number): Promise<string | undefined> {
    try {
      await this.#piscina.run({ handle: this.memory.handle, worker });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async #reportLoss(worker: number, reason: string): Promise<void> {
    const events = this.#events;
    assert(events !== undefined, 'the pool was not started');
    markDead(this.memory, worker);
    events.workerLost(await cleanUpAfter(this.memory, worker, reason, () => events.drainAll()));
    // Until the worker is back its segments are served by thieves, who may all be asleep.
    this.#wakeAll();
  }

  /**
   * Piscina does not replace a thread that ends while it starts, nor any after that; but it starts
   * the one it lacks when there is a further task.
   */
  #makeUpFor(): void {
    this.#clock.after(RESTART_DELAY_MS, () => {
      if (this.#stopping || this.#piscina.threads.length >= this.memory.shape.workers) return;
      // Where that thread ends too, we are called again.
      this.#piscina.run(undefined).catch(() => undefined);
    });
  }

  #wakeAll(): void {
    for (let worker = 0; worker < this.memory.shape.workers; worker += 1) wakeWorker(this.memory, worker);
  }

  #delay(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve);
    });
  }
}
