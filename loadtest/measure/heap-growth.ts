/** Whether a heap grows: what its samples after full collections say (measure/heap-sampler). */
import type { HeapSample } from './heap-sampler.ts';
import { slope, spread } from './statistics.ts';

const MS_PER_HOUR = 3_600_000;

/**
 * Heaps are compared by the medians of stretches of time, so that a collection that fell on a full
 * batch is not taken for a leak, nor hides one.
 */
export interface HeapGrowth {
  readonly threadId: number;
  readonly samples: number;
  /** Median of the first stretch, MB. */
  readonly levelMb: number;
  /** The greatest median of any later stretch. */
  readonly laterMb: number;
  /** laterMb − levelMb. */
  readonly growthMb: number;
  /** The greatest sample of all. */
  readonly greatestMb: number;
  /** Slope of least squares through the samples after the first stretch. */
  readonly slopeMbPerHour: number;
}

export function parseSamples(text: string): HeapSample[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line): HeapSample => JSON.parse(line));
}

/**
 * Growth of each thread's heap, in stretches of `stretchMs` from its first sample on.
 * @throws Error where a thread has no sample after its first stretch.
 */
export function heapGrowth(samples: readonly HeapSample[], stretchMs: number): HeapGrowth[] {
  const threads = Map.groupBy(samples, (sample) => sample.threadId);
  return [...threads].sort(([a], [b]) => a - b).map(([thread, own]) => threadGrowth(thread, own, stretchMs));
}

function threadGrowth(threadId: number, samples: readonly HeapSample[], stretchMs: number): HeapGrowth {
  const beginMs = samples[0].uptimeMs;
  const stretches = Map.groupBy(samples, (sample) => Math.floor((sample.uptimeMs - beginMs) / stretchMs));
  const [levelMb, ...laterMbs] = [...stretches.values()].map((stretch) => spread(stretch.map(heapMb)).median);
  if (laterMbs.length === 0) throw new Error(`thread ${threadId} has no heap sample after ${stretchMs} ms`);
  const laterMb = spread(laterMbs).max;
  const later = samples.filter((sample) => sample.uptimeMs - beginMs >= stretchMs);
  const hours = later.map((sample) => sample.uptimeMs / MS_PER_HOUR);
  return {
    threadId,
    samples: samples.length,
    levelMb,
    laterMb,
    growthMb: laterMb - levelMb,
    greatestMb: spread(samples.map(heapMb)).max,
    slopeMbPerHour: slope(hours, later.map(heapMb)),
  };
}

function heapMb(sample: HeapSample): number {
  return sample.heapUsedBytes / 1e6;
}
