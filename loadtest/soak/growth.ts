/** Heaps and memory over the time after the warm-up: their levels and slopes. */

import { type Trend, trend } from '../../src/telemetry/runtime/trend.ts';
import type { HeapSample } from '../measure/heap-sampler.ts';
import { afterWarmup, minuteOf, type SoakRecord } from './record.ts';

export type Points = readonly (readonly [minute: number, value: number])[];

export interface ThreadHeap {
  /** "main", or a worker's name and number. */
  readonly name: string;
  readonly samples: readonly HeapSample[];
}

/** The samples of each thread, the main one first. */
export function threadHeaps(samples: readonly HeapSample[]): ThreadHeap[] {
  const threads = Map.groupBy(samples, (sample) => sample.threadId);
  return [...threads]
    .sort(([a], [b]) => a - b)
    .map(([threadId, own]) => ({ name: threadName(threadId, own[0].threadName), samples: own }));
}

function threadName(threadId: number, name: string): string {
  if (threadId === 0) return 'main';
  return name === '' ? `thread ${threadId}` : `${name} ${threadId}`;
}

/** MB at minutes since the load began. */
export function heapPoints(record: SoakRecord, samples: readonly HeapSample[]): Points {
  return samples.map((sample) => [minuteOf(record, sample.wallMs), sample.heapUsedBytes / 1e6]);
}

/** The heaps of all threads together, at each time at which all were sampled. */
export function totalHeapPoints(record: SoakRecord, samples: readonly HeapSample[]): Points {
  const times = [...Map.groupBy(samples, (sample) => sample.wallMs)];
  const threads = Math.max(...times.map(([, together]) => together.length));
  return times
    .filter(([, together]) => together.length === threads)
    .map(([wallMs, together]) => [
      minuteOf(record, wallMs),
      together.reduce((sum, sample) => sum + sample.heapUsedBytes, 0) / 1e6,
    ]);
}

/** Slope of all threads' heaps together after the warm-up, MB/h. */
export function heapTrend(record: SoakRecord): Trend {
  return perHour(totalHeapPoints(record, afterWarmup(record, record.heap)));
}

/** The slope of points in minutes, per hour. */
export function perHour(points: Points): Trend {
  return trend(points.map(([minute, value]) => [minute / 60, value]));
}
