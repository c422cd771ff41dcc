/** Whether a heap grows: what its samples after full collections say (measure/heap-sampler). */
import type { HeapSample } from './heap-sampler.ts';
import { slope } from './statistics.ts';

const MS_PER_HOUR = 3_600_000;

export interface HeapGrowth {
  readonly threadId: number;
  readonly samples: number;
  /** The greatest heap of the first part, and of all that follows, MB. */
  readonly levelMb: number;
  readonly laterMb: number;
  /** laterMb − levelMb. */
  readonly growthMb: number;
  /** Slope of least squares through the later samples. */
  readonly slopeMbPerHour: number;
}

export function parseSamples(text: string): HeapSample[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line): HeapSample => JSON.parse(line));
}

/**
 * Growth of each thread's heap beyond the level of the first `levelMs` since its first sample.
 * @throws Error where a thread has no sample in one of the parts.
 */
export function heapGrowth(samples: readonly HeapSample[], levelMs: number): HeapGrowth[] {
  const threads = Map.groupBy(samples, (sample) => sample.threadId);
  return [...threads].sort(([a], [b]) => a - b).map(([thread, own]) => threadGrowth(thread, own, levelMs));
}

function threadGrowth(threadId: number, samples: readonly HeapSample[], levelMs: number): HeapGrowth {
  const levelEndMs = samples[0].uptimeMs + levelMs;
  const first = samples.filter((sample) => sample.uptimeMs <= levelEndMs);
  const later = samples.filter((sample) => sample.uptimeMs > levelEndMs);
  if (later.length === 0) throw new Error(`thread ${threadId} has no heap sample after ${levelMs} ms`);
  const levelMb = greatestMb(first);
  const laterMb = greatestMb(later);
  const hours = later.map((sample) => sample.uptimeMs / MS_PER_HOUR);
  const heaps = later.map((sample) => sample.heapUsedBytes / 1e6);
  const slopeMbPerHour = slope(hours, heaps);
  return { threadId, samples: samples.length, levelMb, laterMb, growthMb: laterMb - levelMb, slopeMbPerHour };
}

function greatestMb(samples: readonly HeapSample[]): number {
  return Math.max(...samples.map((sample) => sample.heapUsedBytes)) / 1e6;
}
