/**
 * What one thread tells of itself while it is watched (measure/heap-sampler): its heap after a full
 * collection, the pauses of collections that it made of its own accord, and how late its event loop
 * was. Memory is bounded: what V8 records of collections is summed up at every `drain`.
 */

/** Collections of one kind, as V8 names it. */
export interface GcPauses {
  readonly count: number;
  readonly totalMs: number;
  readonly longestMs: number;
  /** Longer than 100 ms. */
  readonly over100Ms: number;
}

/** How late timers were. */
export interface LoopDelay {
  readonly p99Ms: number;
  readonly longestMs: number;
}

export interface ThreadSample {
  /** As Node numbers its threads; 0: the main thread. */
  readonly threadId: number;
  /** As it was named when it was started; may be empty. */
  readonly threadName: string;
  readonly heapUsedBytes: number;
  /** Since the last sample, by kind; without the collection that the sample forced. */
  readonly pauses: Readonly<Record<string, GcPauses>>;
  /** Since the last sample; absent in a thread whose event loop does not turn. */
  readonly loopDelay?: LoopDelay;
}

export interface ThreadProbe {
  /** Sums up what V8 has recorded; to be called every second or so. */
  drain(): void;
  /** Forces a full collection. */
  sample(): ThreadSample;
}

/**
 * Begins to watch the thread that calls it; V8's flag --expose-gc must be set.
 * Uses nothing from outside of itself, for other threads are given its source text.
 */
export function makeThreadProbe(): ThreadProbe {
  const { GCProfiler } = process.getBuiltinModule('node:v8');
  const { monitorEventLoopDelay } = process.getBuiltinModule('node:perf_hooks');
  const { threadId, threadName } = process.getBuiltinModule('node:worker_threads');
  const collect: () => void = process.getBuiltinModule('node:vm').runInNewContext('gc');
  const resolutionMs = 10;
  const longMs = 100;
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  let profiler = new GCProfiler();
  let pauses: Record<string, GcPauses> = {};

  const begin = (): void => {
    profiler = new GCProfiler();
    profiler.start();
  };
  const sumUp = (): void => {
    for (const { gcType, cost } of profiler.stop()?.statistics ?? []) {
      // Node counts a pause in microseconds.
      const ms = cost / 1000;
      const { count, totalMs, longestMs, over100Ms } = pauses[gcType] ?? {
        count: 0,
        totalMs: 0,
        longestMs: 0,
        over100Ms: 0,
      };
      pauses[gcType] = {
        count: count + 1,
        totalMs: totalMs + ms,
        longestMs: Math.max(longestMs, ms),
        over100Ms: over100Ms + (ms > longMs ? 1 : 0),
      };
    }
  };
  // The histogram holds whole intervals between timers: what is beyond the resolution is lateness.
  const late = (ns: number): number => Math.max(ns / 1e6 - resolutionMs, 0);

  begin();
  delay.enable();
  return {
    drain: () => {
      sumUp();
      begin();
    },
    sample: () => {
      sumUp();
      delay.disable();
      const loopDelay = { p99Ms: late(delay.percentile(99)), longestMs: late(delay.max) };
      const turned = delay.count > 0 ? { loopDelay } : {};
      const told = pauses;
      pauses = {};
      collect();
      const { heapUsed } = process.memoryUsage();
      delay.reset();
      delay.enable();
      begin();
      return { threadId, threadName: threadName ?? '', heapUsedBytes: heapUsed, pauses: told, ...turned };
    },
  };
}
