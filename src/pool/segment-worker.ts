/**
 * The one long task of a worker thread: serve its own segments, steal whole runs from busy ones,
 * sleep. It returns when told to stop. It has no event loop, no sockets, no store.
 */
import { systemClock } from '../clock/clock.ts';
import { SegmentMap } from '../partitioner/segment-map.ts';
import { type EngineHandle, EngineMemory, WorkerCounter } from '../segment/engine-memory.ts';
import { isLocked } from '../segment/segment-lock.ts';
import { SegmentServer } from '../segment/segment-server.ts';
import { WorkerState } from '../segment/worker-state.ts';
import { ProfilerSource } from '../telemetry/runtime/runtime-source.ts';
import { SleeperRuntime } from '../telemetry/runtime/sleeper-runtime.ts';

export interface WorkerTask {
  readonly handle: EngineHandle;
  readonly worker: number;
}

/** Entries after which those who wait for them are told, though there is more to serve: 30 µs of work. */
const WORTH_A_BELL = 64;

class SegmentWorker {
  readonly #memory: EngineMemory;
  readonly #worker: number;
  readonly #server: SegmentServer;
  readonly #firstOwn: number;
  readonly #ownCount: number;
  readonly #runtime: SleeperRuntime;
  #nextVictim: number;
  /** Entries served since the bells were rung. */
  #unrung = 0;

  constructor(task: WorkerTask) {
    this.#memory = new EngineMemory(task.handle);
    this.#worker = task.worker;
    this.#server = new SegmentServer(this.#memory, task.worker, systemClock);
    const map = new SegmentMap(this.#memory.segments, this.#memory.shape.workers);
    this.#firstOwn = map.firstOf(task.worker);
    this.#ownCount = map.countOf(task.worker);
    this.#nextVictim = this.#firstOwn + this.#ownCount;
    const stats = this.#memory.runtimeOfWorker(task.worker);
    this.#runtime = new SleeperRuntime(stats, new ProfilerSource(), systemClock);
  }

  run(): void {
    const { stop, shape, parked } = this.#memory;
    Atomics.store(parked, this.#worker, WorkerState.AWAKE);
    while (Atomics.load(stop, 0) === 0) {
      if (this.#serveOwn()) continue;
      if (shape.stealing && this.#steal()) continue;
      this.#ringBells();
      this.#park();
    }
  }

  #serveOwn(): boolean {
    let served = false;
    for (let i = 0; i < this.#ownCount; i += 1) {
      if (this.#serve(this.#firstOwn + i) > 0) served = true;
    }
    return served;
  }

  /** Serves one run of another worker's segment, looking from where the last search ended. */
  #steal(): boolean {
    const { segments } = this.#memory;
    const others = segments - this.#ownCount;
    for (let i = 0; i < others; i += 1) {
      const segment = this.#nextVictim % segments;
      const served = this.#serve(segment);
      if (served > 0) {
        this.#memory.count(this.#worker, WorkerCounter.STOLEN_RUNS, 1);
        this.#memory.count(this.#worker, WorkerCounter.STOLEN_ENTRIES, served);
        return true;
      }
      this.#nextVictim = segment + 1;
      if (this.#isOwn(this.#nextVictim % segments)) this.#nextVictim = this.#firstOwn + this.#ownCount;
    }
    return false;
  }

  #isOwn(segment: number): boolean {
    return segment >= this.#firstOwn && segment < this.#firstOwn + this.#ownCount;
  }

  #serve(segment: number): number {
    let total = 0;
    for (;;) {
      const served = this.#server.visit(segment);
      if (served === 0) return total;
      // Between them, small runs share one ring of the bells.
      this.#unrung += served;
      if (this.#unrung >= WORTH_A_BELL) this.#ringBells();
      total += served;
    }
  }

  #ringBells(): void {
    this.#server.ringBells();
    this.#unrung = 0;
    this.#runtime.look();
  }

  /** Sleeps until a feeder wakes it. Announced before the last look, so that no push is missed. */
  #park(): void {
    const { parked, stop } = this.#memory;
    Atomics.store(parked, this.#worker, WorkerState.PARKED);
    if (!this.#hasWork() && Atomics.load(stop, 0) === 0)
      Atomics.wait(parked, this.#worker, WorkerState.PARKED);
    Atomics.store(parked, this.#worker, WorkerState.AWAKE);
    this.#memory.count(this.#worker, WorkerCounter.WAKES, 1);
  }

  /** Of its own segments, or of any where it may steal: then a feeder wakes one worker for all. */
  #hasWork(): boolean {
    const { queues, locks, segments, shape } = this.#memory;
    const first = shape.stealing ? 0 : this.#firstOwn;
    const count = shape.stealing ? segments : this.#ownCount;
    for (let segment = first; segment < first + count; segment += 1) {
      if (!queues.isEmpty(segment) && !isLocked(locks, segment)) return true;
    }
    return false;
  }
}

/** Piscina's task. Without one there is nothing to do but to have been started. */
export default function runSegmentWorker(task: WorkerTask | undefined): void {
  if (task !== undefined) new SegmentWorker(task).run();
}
