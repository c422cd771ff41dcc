import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { INGRESS_THREADS_MAX, WORKERS_MAX } from '../src/limits.ts';
import { threadCounts } from '../src/thread-counts.ts';

const BY_CORES = { ingressThreads: 0, workers: 0 };

test('by the number of cores', () => {
  const counts = [1, 2, 3, 4, 8, 15, 16].map((cores) => threadCounts(BY_CORES, cores));
  assert.deepEqual(
    counts.map(({ ingressThreads, workers }) => [ingressThreads, workers]),
    [
      [1, 1],
      [1, 1],
      [1, 1],
      [3, 1],
      [7, 2],
      [14, 3],
      [15, 4],
    ],
  );
});

test('as asked for, each by itself', () => {
  assert.deepEqual(threadCounts({ ingressThreads: 5, workers: 0 }, 8), { ingressThreads: 5, workers: 2 });
  assert.deepEqual(threadCounts({ ingressThreads: 0, workers: 9 }, 8), { ingressThreads: 7, workers: 9 });
});

test('never more than there may be, never none', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4_096 }), (cores) => {
      const { ingressThreads, workers } = threadCounts(BY_CORES, cores);
      assert.ok(ingressThreads >= 1 && ingressThreads <= INGRESS_THREADS_MAX);
      assert.ok(workers >= 1 && workers <= WORKERS_MAX);
    }),
  );
});
