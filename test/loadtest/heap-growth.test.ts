import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heapGrowth, parseSamples } from '../../loadtest/measure/heap-growth.ts';
import type { HeapSample } from '../../loadtest/measure/heap-sampler.ts';

function samples(threadId: number, heapsMb: readonly number[]): HeapSample[] {
  return heapsMb.map((heapMb, i) => ({
    threadId,
    uptimeMs: 10_000 * (i + 1),
    heapUsedBytes: heapMb * 1e6,
    rssBytes: 0,
  }));
}

test('growth is the greatest median of a later stretch beyond that of the first', () => {
  // Stretches of three samples; an outlier in each is no level.
  const heaps = [20, 29, 21, 24, 24, 35, 22, 23, 23];
  const [main] = heapGrowth(samples(0, heaps), 30_000);
  assert.deepEqual([main.levelMb, main.laterMb, main.growthMb], [21, 24, 3]);
  assert.deepEqual([main.greatestMb, main.samples], [35, 9]);
});

test('a heap that falls after its start has grown by less than nothing', () => {
  const [main] = heapGrowth(samples(0, [30, 30, 25, 25]), 20_000);
  assert.equal(main.growthMb, -5);
});

test('each thread has a level of its own', () => {
  const mixed = [...samples(2, [5, 5, 5]), ...samples(0, [20, 20, 29])];
  const growth = heapGrowth(mixed, 10_000).map(({ threadId, growthMb }) => [threadId, growthMb]);
  assert.deepEqual(growth, [
    [0, 9],
    [2, 0],
  ]);
});

test('a leak shows as a slope in MB per hour', () => {
  const leak = Array.from({ length: 60 }, (_, i) => 20 + i / 360);
  const [main] = heapGrowth(samples(0, leak), 100_000);
  assert.ok(Math.abs(main.slopeMbPerHour - 1) < 1e-6, String(main.slopeMbPerHour));
});

test('too short a run is refused rather than called flat', () => {
  assert.throws(() => heapGrowth(samples(0, [20, 20]), 60_000), /no heap sample after/);
});

test('samples are read from JSON lines', () => {
  const written = samples(0, [1, 2]);
  assert.deepEqual(parseSamples(written.map((sample) => `${JSON.stringify(sample)}\n`).join('')), written);
});
