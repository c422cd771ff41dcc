import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  GC_KINDS,
  type GcPause,
  PAUSE_BOUNDS_S,
  RuntimeStats,
} from '../../../src/telemetry/runtime/runtime-stats.ts';

const THREADS = 3;

test('threads beside each other do not write into each other’s figures, and all are read elsewhere', () => {
  const memory = RuntimeStats.allocate(THREADS);
  assert.equal(RuntimeStats.byteLength % 8, 0, 'the next thread’s floats are aligned');
  for (let thread = 0; thread < THREADS; thread += 1) {
    const stats = new RuntimeStats({ memory, thread });
    stats.recordHeap(100 + thread, 1_000 * (thread + 1));
    stats.recordHeapAfter('major', 50 + thread);
    stats.recordLoopDelay(thread);
    GC_KINDS.forEach((kind, index) => {
      stats.recordPause(kind, 1 + thread + index / 10);
    });
  }
  for (let thread = 0; thread < THREADS; thread += 1) {
    const stats = new RuntimeStats({ memory, thread });
    assert.deepEqual(
      [stats.heapUsed, stats.heapAfterMajor, stats.allocated, stats.samples],
      [100 + thread, 50 + thread, 1_000 * (thread + 1), 1],
    );
    assert.deepEqual(
      stats.pauses.map(({ count, sum }) => [count, Number(sum.toFixed(6))]),
      GC_KINDS.map((_, index) => [1, Number((0.001 * (1 + thread + index / 10)).toFixed(6))]),
    );
    assert.equal(stats.loopDelay.sum, thread * 0.001);
    assert.deepEqual(stats.takeLongestPause(), { kind: 'weakcb', pauseMs: 1 + thread + 0.3 });
  }
});

test('a thread that has told nothing has no heap after a collection, and no pause', () => {
  const stats = new RuntimeStats({ memory: RuntimeStats.allocate(1), thread: 0 });
  assert.deepEqual(
    [stats.heapAfterMajor, stats.samples, stats.takeLongestPause()],
    [undefined, 0, undefined],
  );
});

test('what was allocated is as the thread says; what is used is the newest', () => {
  const stats = new RuntimeStats({ memory: RuntimeStats.allocate(1), thread: 0 });
  stats.recordHeap(700, 40);
  stats.recordHeap(500, 42);
  assert.deepEqual([stats.heapUsed, stats.allocated, stats.samples], [500, 42, 2]);
});

test('a thread that takes another’s place adds to what that one allocated', () => {
  const memory = RuntimeStats.allocate(1);
  new RuntimeStats({ memory, thread: 0 }).recordHeap(700, 40);
  const successor = new RuntimeStats({ memory, thread: 0 });
  successor.recordHeap(300, 5);
  successor.recordHeap(300, 8);
  assert.equal(successor.allocated, 48);
});

test('the floor of the heap is what the strongest collection so far has left', () => {
  const stats = new RuntimeStats({ memory: RuntimeStats.allocate(1), thread: 0 });
  const floorAfter = (record: () => void): number => {
    record();
    return stats.heapFloor;
  };
  assert.deepEqual(
    [
      floorAfter(() => stats.recordHeap(100, 0)),
      floorAfter(() => stats.recordHeap(140, 0)),
      floorAfter(() => stats.recordHeapAfter('incremental', 141)),
      floorAfter(() => stats.recordHeapAfter('minor', 90)),
      floorAfter(() => stats.recordHeapAfter('major', 60)),
      floorAfter(() => stats.recordHeapAfter('minor', 80)),
      floorAfter(() => stats.recordHeap(150, 0)),
      floorAfter(() => stats.recordHeapAfter('major', 65)),
    ],
    [100, 100, 100, 90, 60, 60, 60, 65],
  );
});

test('the longest pause is that of all kinds since it was last taken', () => {
  const pause = fc.record({
    kind: fc.constantFrom(...GC_KINDS),
    pauseMs: fc.integer({ min: 1, max: 900_000 }).map((us) => us / 1_000),
  });
  fc.assert(
    fc.property(fc.array(fc.array(pause)), (reads) => {
      const stats = new RuntimeStats({ memory: RuntimeStats.allocate(1), thread: 0 });
      for (const pauses of reads) {
        for (const { kind, pauseMs } of pauses) stats.recordPause(kind, pauseMs);
        const longest = pauses.reduce((most, { pauseMs }) => Math.max(most, pauseMs), 0);
        const taken: GcPause | undefined = stats.takeLongestPause();
        assert.equal(taken?.pauseMs ?? 0, longest);
        if (taken !== undefined) {
          assert.ok(pauses.some(({ kind, pauseMs }) => kind === taken.kind && pauseMs === longest));
        }
      }
      const count = stats.pauses.reduce((sum, histogram) => sum + histogram.count, 0);
      assert.equal(count, reads.flat().length);
    }),
  );
});

test('pauses are told apart from 0.1 to 500 ms, none by more than a factor of two and a half', () => {
  assert.equal(PAUSE_BOUNDS_S[0], 0.0001);
  assert.equal(PAUSE_BOUNDS_S.at(-1), 0.5);
  PAUSE_BOUNDS_S.slice(1).forEach((bound, i) => {
    assert.ok(bound > PAUSE_BOUNDS_S[i] && bound / PAUSE_BOUNDS_S[i] <= 2.5001, `${bound}`);
  });
});
