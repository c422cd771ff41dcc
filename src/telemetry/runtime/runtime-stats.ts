/**
 * What a thread tells of its own running: pauses of its garbage collector, its heap, how late its
 * event loop is. Figures lie in shared memory: the thread writes its own, the main thread reads all,
 * also those of threads that sleep without an event loop and so could answer no message.
 *
 * Layout of one thread, bytes:
 *   float64 × 6       heap used, heap after the last major collection, floor of the heap, bytes
 *                     allocated, samples taken, lines left out of the log
 *   histograms        of pauses by GC_KINDS, then of the event loop's delay (see Histogram)
 *   int32 × 4 (kinds) the longest pause since it was last taken, microseconds
 */
import { Histogram } from '../histogram.ts';

/** As V8 has them: a scavenge, a mark-compact, the begin of incremental marking, weak callbacks. */
export const GC_KINDS = ['minor', 'major', 'incremental', 'weakcb'] as const;
export type GcKind = (typeof GC_KINDS)[number];

/** Upper bounds of pauses and of an event loop's delay, seconds: 1-2-5 from 0.1 to 500 ms. */
export const PAUSE_BOUNDS_S: readonly number[] = [
  0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
];

/** Where a thread's figures lie: what it is started with. */
export interface RuntimePlace {
  readonly memory: SharedArrayBuffer;
  /** Its number among the threads whose figures lie there. */
  readonly thread: number;
}

/** A pause, and what for. */
export interface GcPause {
  readonly kind: GcKind;
  readonly pauseMs: number;
}

const HEAP_USED = 0;
const HEAP_AFTER_MAJOR = 1;
const HEAP_FLOOR = 2;
const ALLOCATED = 3;
const SAMPLES = 4;
const LOG_LINES_LEFT_OUT = 5;
const GAUGES = 6;

const CELLS_PER_HISTOGRAM = Histogram.cells(PAUSE_BOUNDS_S);
const FLOATS = GAUGES + (GC_KINDS.length + 1) * CELLS_PER_HISTOGRAM;
const BYTES_PER_FLOAT = 8;
const BYTES_PER_INT = 4;
const US_PER_MS = 1_000;
const S_PER_MS = 0.001;
const INT32_MAX = 2 ** 31 - 1;

export class RuntimeStats {
  /** Of one thread; a multiple of 8. */
  static readonly byteLength = FLOATS * BYTES_PER_FLOAT + GC_KINDS.length * BYTES_PER_INT;

  /** Memory for the figures of so many threads. */
  static allocate(threads: number): SharedArrayBuffer {
    return new SharedArrayBuffer(threads * RuntimeStats.byteLength);
  }

  /** Pauses by GC_KINDS, seconds. */
  readonly pauses: readonly Histogram[];
  /** How much later than asked for a timer of the thread was called, seconds. */
  readonly loopDelay: Histogram;
  readonly #gauges: Float64Array;
  readonly #longestUs: Int32Array;
  /** The writer's: what its thread had allocated when it last said so. */
  #allocatedBefore = 0;

  constructor({ memory, thread }: RuntimePlace) {
    const start = thread * RuntimeStats.byteLength;
    const floats = new Float64Array(memory, start, FLOATS);
    const histogram = (number: number): Histogram => {
      const first = GAUGES + number * CELLS_PER_HISTOGRAM;
      return new Histogram(PAUSE_BOUNDS_S, floats.subarray(first, first + CELLS_PER_HISTOGRAM));
    };
    this.#gauges = floats.subarray(0, GAUGES);
    this.pauses = GC_KINDS.map((_, kind) => histogram(kind));
    this.loopDelay = histogram(GC_KINDS.length);
    this.#longestUs = new Int32Array(memory, start + FLOATS * BYTES_PER_FLOAT, GC_KINDS.length);
  }

  /** Bytes that objects take, dead ones included, as of the last sample. */
  get heapUsed(): number {
    return this.#gauges[HEAP_USED];
  }

  /** Bytes that were left by the last major collection; undefined before the first. */
  get heapAfterMajor(): number | undefined {
    const bytes = this.#gauges[HEAP_AFTER_MAJOR];
    return bytes === 0 ? undefined : bytes;
  }

  /**
   * Bytes below which the heap is not known to fall: what the last major collection left; before the
   * first, what the last minor one left; before any, what the thread began with.
   */
  get heapFloor(): number {
    return this.#gauges[HEAP_FLOOR];
  }

  /** Bytes allocated so far, by the threads that had this number before it too: it never falls. */
  get allocated(): number {
    return this.#gauges[ALLOCATED];
  }

  /** Samples of the heap; 0: there is no such thread, or it has not yet told anything. */
  get samples(): number {
    return this.#gauges[SAMPLES];
  }

  /** Lines that the thread has left out of the log, since the same were written often enough. */
  get logLinesLeftOut(): number {
    return this.#gauges[LOG_LINES_LEFT_OUT];
  }

  recordLogLineLeftOut(): void {
    this.#gauges[LOG_LINES_LEFT_OUT] += 1;
  }

  recordPause(kind: GcKind, pauseMs: number): void {
    const index = GC_KINDS.indexOf(kind);
    this.pauses[index].record(pauseMs * S_PER_MS);
    const pauseUs = Math.min(Math.round(pauseMs * US_PER_MS), INT32_MAX);
    // The reader may take it in between: then this one is the longest since.
    let longestUs = Atomics.load(this.#longestUs, index);
    while (pauseUs > longestUs) {
      const found = Atomics.compareExchange(this.#longestUs, index, longestUs, pauseUs);
      if (found === longestUs) return;
      longestUs = found;
    }
  }

  recordLoopDelay(delayMs: number): void {
    this.loopDelay.record(delayMs * S_PER_MS);
  }

  /** @param allocated bytes since the thread began. */
  recordHeap(used: number, allocated: number): void {
    this.#gauges[HEAP_USED] = used;
    if (this.#gauges[HEAP_FLOOR] === 0) this.#gauges[HEAP_FLOOR] = used;
    this.#gauges[ALLOCATED] += Math.max(0, allocated - this.#allocatedBefore);
    this.#allocatedBefore = allocated;
    this.#gauges[SAMPLES] += 1;
  }

  /** @param bytes that a collection of the kind has left. */
  recordHeapAfter(kind: GcKind, bytes: number): void {
    if (kind === 'major') this.#gauges[HEAP_AFTER_MAJOR] = bytes;
    const isFloor = kind === 'major' || (kind === 'minor' && this.#gauges[HEAP_AFTER_MAJOR] === 0);
    if (isFloor) this.#gauges[HEAP_FLOOR] = bytes;
  }

  /** The longest pause since this was last asked, by one reader; undefined where there was none. */
  takeLongestPause(): GcPause | undefined {
    let longest: GcPause | undefined;
    GC_KINDS.forEach((kind, index) => {
      const pauseMs = Atomics.exchange(this.#longestUs, index, 0) / US_PER_MS;
      if (pauseMs > (longest?.pauseMs ?? 0)) longest = { kind, pauseMs };
    });
    return longest;
  }
}
