/**
 * The memory that the engine's threads share, and how it is laid out: entries, queues, locks,
 * bells, the claim table. One thread allocates it; the others attach to the same buffers.
 *
 * Queues, by number:
 *   0 … S−1   one per segment: entries for the segment to serve
 *   S         commit: entries that the store must decide
 *   S+1       coordinator: its own entries, come back
 *   S+2+i     ingress thread i: its entries, answered or done with
 */
import type { PartitionMode } from '../domain/claim.ts';
import type { EpochRules } from '../domain/epochs.ts';
import { EntryQueues } from '../entries/entry-queue.ts';
import { EntryTable } from '../entries/entry-table.ts';
import { ClaimTable } from '../registry/claim-table.ts';
import { type TableShape, tableBytes } from '../registry/table-layout.ts';
import { CallStats } from '../telemetry/call-stats.ts';
import { type RuntimePlace, RuntimeStats } from '../telemetry/runtime/runtime-stats.ts';

/** The shape of an engine: all that a thread needs to know to attach. */
export interface EngineShape {
  readonly table: TableShape;
  readonly rules: EpochRules;
  readonly partition: PartitionMode;
  readonly workers: number;
  readonly ingressThreads: number;
  /** Entries of each ingress thread, and of the coordinator behind them. */
  readonly ingressEntries: number;
  readonly coordinatorEntries: number;
  /** Epochs that another replica may be ahead of this one. */
  readonly aheadEpochs: number;
  readonly stealing: boolean;
}

/** The shape and the buffers: what is handed to a thread. */
export interface EngineHandle {
  readonly shape: EngineShape;
  readonly entries: SharedArrayBuffer;
  readonly table: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
  /** What each ingress thread counts of its calls. */
  readonly calls: SharedArrayBuffer;
  /** What each thread tells of its own running. */
  readonly runtime: SharedArrayBuffer;
}

/**
 * Threads that have an event loop: the main one, which is number 0, and the ingress threads behind
 * it; a lone ingress is on the main thread.
 */
export function loopCount(shape: EngineShape): number {
  return shape.ingressThreads === 1 ? 1 : 1 + shape.ingressThreads;
}

/** The number of an ingress thread's event loop. */
export function loopOf(shape: EngineShape, thread: number): number {
  return shape.ingressThreads === 1 ? MAIN_LOOP : 1 + thread;
}

/**
 * What the threads are called where they tell of themselves, by their numbers there: those with an
 * event loop by theirs, then the workers, last the store's, which is there where the store is SQLite.
 */
export function threadNames(shape: EngineShape): string[] {
  const loops = Array.from({ length: loopCount(shape) }, (_, loop) => loopName(loop));
  const workers = Array.from({ length: shape.workers }, (_, worker) => `worker-${worker}`);
  return [...loops, ...workers, 'store'];
}

/** `main`, `ingress-0` … by the event loop's number. */
export function loopName(loop: number): string {
  return loop === MAIN_LOOP ? 'main' : `ingress-${loop - 1}`;
}

/**
 * Who serves segments: the workers, by number, and behind them the event loops by theirs, each of
 * which serves a few entries itself where waking a worker would cost more (pool/small-runs).
 */
export function serverCount(shape: EngineShape): number {
  return shape.workers + loopCount(shape);
}

/** The server that an event loop is. */
export function serverOfLoop(shape: EngineShape, loop: number): number {
  return shape.workers + loop;
}

/**
 * Counters of one server, written by it alone. The last three, with ENTRIES, which are counted as
 * they are taken, say how many wait in queues: those put on segments' (by event loops), sent home by
 * who served or committed them, and come home (to event loops).
 */
export const WorkerCounter = {
  RUNS: 0,
  ENTRIES: 1,
  STOLEN_RUNS: 2,
  STOLEN_ENTRIES: 3,
  WAKES: 4,
  QUEUED: 5,
  SENT_HOME: 6,
  CAME_HOME: 7,
} as const;
const COUNTERS_PER_SERVER = 8;

const QUEUES_BESIDE_SEGMENTS = 2;
/** stop, commitWaiting, wakeCommitterAt, watchers */
const WORDS_OF_ALL = 4;
/** The event loop of the main thread, on which the coordinator and the committer are. */
export const MAIN_LOOP = 0;

export class EngineMemory {
  readonly handle: EngineHandle;
  readonly shape: EngineShape;
  readonly entries: EntryTable;
  readonly queues: EntryQueues;
  readonly tables: readonly ClaimTable[];
  /** Per segment: 0 free, else the server that holds it, + 1 (segment-lock). */
  readonly locks: Int32Array;
  /** Per worker: its WorkerState; it sleeps on this word. */
  readonly parked: Int32Array;
  /** Per server: the newest entry + 1 of the run it is taking, 0 where none (see RunTaker). */
  readonly taking: Int32Array;
  /** Per event loop: 1 once rung. */
  readonly bells: Int32Array;
  /** Per ingress thread: 1 while it waits for entries to come free, and so for every return. */
  readonly eager: Int32Array;
  /** Per ingress thread: claims whose callers wait. Written by that thread alone. */
  readonly waiting: Int32Array;
  /** One word: 1 tells the workers to return. */
  readonly stop: Int32Array;
  /** One word: entries on the commit queue, and of those taken from it that wait for a batch. */
  readonly commitWaiting: Int32Array;
  /** One word: the committer is woken where so many wait for it; until then it looks at its queue by itself. */
  readonly wakeCommitterAt: Int32Array;
  /** One word: WatchEpochs streams that are open, on all threads. */
  readonly watchers: Int32Array;
  /** Per ingress thread: what it counts of its calls. Written by that thread alone. */
  readonly callStats: readonly CallStats[];
  /** Per thread by threadNames: what it tells of its own running. Written by that thread alone. */
  readonly runtime: readonly RuntimeStats[];
  readonly #counters: Float64Array;

  static allocate(shape: EngineShape): EngineMemory {
    const entries = shape.ingressThreads * shape.ingressEntries + shape.coordinatorEntries;
    const memory = new EngineMemory({
      shape,
      entries: new SharedArrayBuffer(EntryTable.byteLength(entries)),
      table: new SharedArrayBuffer(tableBytes(shape.table)),
      control: new SharedArrayBuffer(controlBytes(shape)),
      calls: CallStats.allocate(shape.ingressThreads),
      runtime: RuntimeStats.allocate(threadNames(shape).length),
    });
    for (const table of memory.tables) table.reset(0, 0);
    return memory;
  }

  constructor(handle: EngineHandle) {
    const { shape, control } = handle;
    const { segments } = shape.table;
    this.handle = handle;
    this.shape = shape;
    this.entries = new EntryTable(handle.entries);
    const servers = serverCount(shape);
    let offset = servers * COUNTERS_PER_SERVER * 8;
    const take = (words: number): Int32Array => {
      const view = new Int32Array(control, offset, words);
      offset += words * 4;
      return view;
    };
    this.#counters = new Float64Array(control, 0, servers * COUNTERS_PER_SERVER);
    this.queues = new EntryQueues(take(queueCount(shape)), this.entries);
    this.locks = take(segments);
    this.parked = take(shape.workers);
    this.taking = take(servers);
    this.bells = take(loopCount(shape));
    this.eager = take(shape.ingressThreads);
    this.waiting = take(shape.ingressThreads);
    this.stop = take(1);
    this.commitWaiting = take(1);
    this.wakeCommitterAt = take(1);
    this.watchers = take(1);
    this.callStats = Array.from(
      { length: shape.ingressThreads },
      (_, thread) => new CallStats(handle.calls, thread),
    );
    this.runtime = threadNames(shape).map(
      (_, thread) => new RuntimeStats({ memory: handle.runtime, thread }),
    );
    this.tables = Array.from(
      { length: segments },
      (_, segment) => new ClaimTable(handle.table, shape.table, segment, shape.partition),
    );
  }

  get segments(): number {
    return this.shape.table.segments;
  }
  /** The epoch that the segments are in; within a boundary the first of them. */
  get epoch(): number {
    return this.tables[0].epoch;
  }
  get commitQueue(): number {
    return this.segments;
  }
  get coordinatorQueue(): number {
    return this.segments + 1;
  }
  ingressQueue(thread: number): number {
    return this.segments + QUEUES_BESIDE_SEGMENTS + thread;
  }
  /** The first entry of an ingress thread; the coordinator's lie behind the last thread's. */
  firstEntryOf(thread: number): number {
    return thread * this.shape.ingressEntries;
  }
  get firstCoordinatorEntry(): number {
    return this.firstEntryOf(this.shape.ingressThreads);
  }

  /** Where the store's thread tells of its own running. */
  get storeRuntime(): RuntimePlace {
    return { memory: this.handle.runtime, thread: this.runtime.length - 1 };
  }
  runtimeOfLoop(loop: number): RuntimeStats {
    return this.runtime[loop];
  }
  runtimeOfWorker(worker: number): RuntimeStats {
    return this.runtime[loopCount(this.shape) + worker];
  }

  /** The queue that an entry goes home to: its ingress thread's, or the coordinator's. */
  homeQueue(entry: number): number {
    if (entry >= this.firstCoordinatorEntry) return this.coordinatorQueue;
    return this.ingressQueue(Math.floor(entry / this.shape.ingressEntries));
  }

  /** The event loop that takes from the queue, and its bell. */
  loopOfQueue(queue: number): number {
    const thread = queue - this.segments - QUEUES_BESIDE_SEGMENTS;
    return thread < 0 ? MAIN_LOOP : loopOf(this.shape, thread);
  }

  /** Whether the taker of the queue waits for entries to be returned. Asked after a push. */
  isEager(queue: number): boolean {
    const thread = queue - this.segments - QUEUES_BESIDE_SEGMENTS;
    return thread >= 0 && Atomics.load(this.eager, thread) === 1;
  }

  /** Whether the taker of the queue is about to look at it without being woken. Asked after a push. */
  looksUnasked(queue: number): boolean {
    if (queue !== this.commitQueue) return false;
    return Atomics.load(this.commitWaiting, 0) < Atomics.load(this.wakeCommitterAt, 0);
  }

  count(server: number, counter: number, by: number): void {
    this.#counters[server * COUNTERS_PER_SERVER + counter] += by;
  }

  counter(server: number, counter: number): number {
    return this.#counters[server * COUNTERS_PER_SERVER + counter];
  }

  /** Of all servers. */
  countedByAll(counter: number): number {
    let sum = 0;
    for (let server = 0; server < serverCount(this.shape); server += 1) sum += this.counter(server, counter);
    return sum;
  }
}

function queueCount(shape: EngineShape): number {
  return shape.table.segments + QUEUES_BESIDE_SEGMENTS + shape.ingressThreads;
}

function controlBytes(shape: EngineShape): number {
  const servers = serverCount(shape);
  const words =
    queueCount(shape) +
    shape.table.segments +
    shape.workers +
    servers +
    loopCount(shape) +
    2 * shape.ingressThreads +
    WORDS_OF_ALL;
  return servers * COUNTERS_PER_SERVER * 8 + words * 4;
}
