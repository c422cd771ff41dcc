/**
 * Feeds segments from one event-loop thread: pushes entries, and once per turn wakes as many
 * workers as the work is worth. Waking a thread costs more than serving dozens of entries, so a
 * few are served on this thread (small-runs), and more wake a worker for every so many, which also
 * serves what others are home to. Only where stealing is off is each home worker woken.
 */
import type { Clock } from '../clock/clock.ts';
import { SegmentMap } from '../partitioner/segment-map.ts';
import { type EngineMemory, serverOfLoop, WorkerCounter } from '../segment/engine-memory.ts';
import { wakeWorker } from '../segment/worker-state.ts';
import type { SegmentFeeder } from './segment-pool.ts';
import { SmallRuns } from './small-runs.ts';

/**
 * Entries that are worth waking a worker for: at about 0.5 µs each as much work as the wake-up
 * itself costs (25 µs, half the round trip measured in docs/decisions).
 */
const WORTH_A_WAKE = 64;

/** Entries that nobody waits for gather longer: a wake-up for so many is a tenth of a µs for each. */
const PATIENT_WORTH_A_WAKE = 256;

export class ThreadFeeder implements SegmentFeeder {
  readonly #memory: EngineMemory;
  /** The server that its event loop is. */
  readonly #server: number;
  readonly #home: Uint8Array;
  /** Entries pushed since the last flush, by home worker. */
  readonly #pushed: Int32Array;
  #pushedInAll = 0;
  /** Those of them that somebody waits for. */
  readonly #small: SmallRuns;

  /**
   * @param loop the event loop that it works on.
   * @param onServed takes what was served on this thread from its queues.
   */
  constructor(memory: EngineMemory, loop: number, clock: Clock, onServed: () => void) {
    this.#memory = memory;
    this.#server = serverOfLoop(memory.shape, loop);
    this.#small = new SmallRuns(memory, loop, WORTH_A_WAKE, clock, onServed);
    const map = new SegmentMap(memory.segments, memory.shape.workers);
    this.#home = Uint8Array.from({ length: memory.segments }, (_, segment) => map.homeOf(segment));
    this.#pushed = new Int32Array(memory.shape.workers);
  }

  push(entry: number): void {
    this.#small.note(this.#memory.entries.segment[entry]);
    this.pushPatient(entry);
  }

  pushPatient(entry: number): void {
    const segment = this.#memory.entries.segment[entry];
    this.#memory.queues.push(segment, entry);
    this.#memory.count(this.#server, WorkerCounter.QUEUED, 1);
    this.#pushed[this.#home[segment]] += 1;
    this.#pushedInAll += 1;
  }

  flush(): void {
    // Within a flush: the outer one sees to what has been pushed since.
    if (this.#small.isServing) return;
    if (this.#memory.shape.stealing && this.#small.areFew) {
      const served = this.#small.serve();
      // It may have taken entries along that were pushed before the last wake-up, and are not counted.
      this.#pushedInAll = Math.max(this.#small.count, this.#pushedInAll - served);
    }
    if (this.#small.count > 0 || this.#pushedInAll >= PATIENT_WORTH_A_WAKE) this.flushAll();
  }

  flushAll(): void {
    if (this.#pushedInAll === 0) return;
    if (this.#memory.shape.stealing) this.#wakeAsNeeded();
    else this.#wakeHomes();
    this.#pushed.fill(0);
    this.#pushedInAll = 0;
    this.#small.forget();
  }

  #wakeHomes(): void {
    for (let worker = 0; worker < this.#pushed.length; worker += 1) {
      if (this.#pushed[worker] > 0) wakeWorker(this.#memory, worker);
    }
  }

  /** The busiest home first, then whoever sleeps: those that are awake will look for work themselves. */
  #wakeAsNeeded(): void {
    let wakes = Math.ceil(this.#pushedInAll / WORTH_A_WAKE);
    const { workers } = this.#memory.shape;
    const first = this.#busiestHome();
    for (let i = 0; i < workers && wakes > 0; i += 1) {
      if (wakeWorker(this.#memory, (first + i) % workers)) wakes -= 1;
    }
  }

  #busiestHome(): number {
    let busiest = 0;
    for (let worker = 1; worker < this.#pushed.length; worker += 1) {
      if (this.#pushed[worker] > this.#pushed[busiest]) busiest = worker;
    }
    return busiest;
  }
}
