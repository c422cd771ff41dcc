import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryOf } from '../../../loadtest/ratelimit/ratelimit-server.ts';

/** The end of Go's text, with a list of four places instead of 256. */
function profile(collections: number): string {
  return `heap profile: 1: 2 [3: 4] @ heap/1048576
# 0x47 main.alloc+0x1

# runtime.MemStats
# Alloc = 2500000
# HeapAlloc = 2357696
# HeapSys = 7700480
# PauseNs = [96923494 20000 0 0]
# PauseEnd = [1763733600123 0 0 0]
# NumGC = ${collections}
`;
}

test("Go's heap, and as many pauses as there were collections", () => {
  assert.deepEqual(memoryOf(profile(2)), { heapBytes: 2_357_696, pausesMs: [96.923494, 0.02] });
  assert.deepEqual(memoryOf(profile(900)).pausesMs.length, 4);
});

test('a text without the figures is an error', () => {
  assert.throws(() => memoryOf(profile(1).replace('HeapAlloc', 'Heap')), /no HeapAlloc in a heap profile/);
  assert.throws(() => memoryOf('404 page not found'), /no PauseNs/);
});
