/** What the process and its threads tell of their running: memory, garbage collection, event loops, CPU. */
import { type EngineMemory, loopCount, threadNames } from '../segment/engine-memory.ts';
import { gauge, type HistogramMetric, type Metric, type NumberMetric } from '../telemetry/metric.ts';
import { GC_KINDS, type RuntimeStats } from '../telemetry/runtime/runtime-stats.ts';

const LOOPS = ['main', 'ingress-N'];
const THREADS = [...LOOPS, 'worker-N', 'store'];
const US_PER_S = 1_000_000;

interface Thread {
  readonly name: string;
  readonly stats: RuntimeStats;
}

export function runtimeMetrics(memory: EngineMemory): Metric[] {
  const all = threadNames(memory.shape).map((name, i): Thread => ({ name, stats: memory.runtime[i] }));
  const loops = all.slice(0, loopCount(memory.shape));
  return [
    pauses(all),
    loopDelays(loops),
    byThread(
      all,
      'gauge',
      'claims.heap.used',
      'By',
      'heap that objects take, dead ones included',
      (stats) => stats.heapUsed,
    ),
    byThread(
      all,
      'gauge',
      'claims.heap.after_gc',
      'By',
      'heap that collections left: the last major one, before the first the last minor one',
      (stats) => stats.heapFloor,
    ),
    byThread(
      all,
      'counter',
      'claims.heap.allocated',
      'By',
      'bytes allocated on the heap',
      (stats) => stats.allocated,
    ),
    gauge('claims.rss', 'By', 'resident memory of the process', () => process.memoryUsage.rss()),
    {
      kind: 'counter',
      name: 'claims.process.cpu.time',
      unit: 's',
      description: 'CPU time of the process, all threads',
      labels: { mode: ['user', 'system'] },
      read: (observe) => {
        const { user, system } = process.cpuUsage();
        observe(user / US_PER_S, { mode: 'user' });
        observe(system / US_PER_S, { mode: 'system' });
      },
    },
  ];
}

function pauses(threads: readonly Thread[]): HistogramMetric {
  return {
    kind: 'histogram',
    name: 'claims.gc.duration',
    unit: 's',
    description: 'how long garbage collection held up a thread',
    labels: { thread: THREADS, gc: GC_KINDS },
    read: (observe) => {
      for (const { name, stats } of running(threads)) {
        for (const [i, gc] of GC_KINDS.entries()) observe(stats.pauses[i], { thread: name, gc });
      }
    },
  };
}

function loopDelays(loops: readonly Thread[]): HistogramMetric {
  return {
    kind: 'histogram',
    name: 'claims.event_loop.delay',
    unit: 's',
    description: 'how much later than asked for a timer of the event loop was called',
    labels: { thread: LOOPS },
    read: (observe) => {
      for (const { name, stats } of running(loops)) observe(stats.loopDelay, { thread: name });
    },
  };
}

/** @param read undefined where there is nothing to tell yet. */
function byThread(
  threads: readonly Thread[],
  kind: 'gauge' | 'counter',
  name: string,
  unit: string,
  description: string,
  read: (stats: RuntimeStats) => number | undefined,
): NumberMetric {
  return {
    kind,
    name,
    unit,
    description,
    labels: { thread: THREADS },
    read: (observe) => {
      for (const { name: thread, stats } of running(threads)) {
        const value = read(stats);
        if (value !== undefined) observe(value, { thread });
      }
    },
  };
}

/** Those that have told something: the store has a thread only where it is SQLite. */
function running(threads: readonly Thread[]): readonly Thread[] {
  return threads.filter(({ stats }) => stats.samples > 0);
}
