import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heapGrowth, parseSamples } from '../../loadtest/measure/heap-growth.ts';
import type { HeapSample } from '../../loadtest/measure/heap-sampler.ts';

function samples(threadId: number, heapsMb: readonly number[]): HeapSample[] {
  return heapsMb.map((heapMb, i) => ({
    threadId,
    uptimeMs: 10_000 * (i + 1),
    heapUsedBytes: heapMb * 1e6,
    externalBytes: 0,
    rssBytes: 0,
  }));
}

test('growth is the greatest later heap beyond the greatest of the first part', () => {
  const [main] = heapGrowth(samples(0, [20, 24, 22, 23, 25, 24]), 20_000);
  assert.equal(main.levelMb, 24);
  assert.equal(main.laterMb, 25);
  assert.equal(main.growthMb, 1);
  assert.equal(main.samples, 6);
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
