import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SegmentMap } from '../../src/partitioner/segment-map.ts';

const WORKERS = Array.from({ length: 33 }, (_, i) => i + 1);
const SEGMENTS = Array.from({ length: 11 }, (_, i) => 2 ** i);

for (const segments of SEGMENTS) {
  test(`${segments} segments on 1 to 33 workers, and on as many as there may be`, () => {
    for (const workers of [...WORKERS, 254]) checkMap(segments, workers);
  });
}

function checkMap(segments: number, workers: number): void {
  const map = new SegmentMap(segments, workers);
  const where = `${segments} segments, ${workers} workers`;
  const homes = Array.from({ length: segments }, (_, segment) => map.homeOf(segment));
  const counts = new Array<number>(workers).fill(0);
  for (const home of homes) {
    assert.ok(Number.isInteger(home) && home >= 0 && home < workers, `home ${home}: ${where}`);
    counts[home] += 1;
  }
  for (let segment = 1; segment < segments; segment += 1) {
    assert.ok(homes[segment] >= homes[segment - 1], `homes are contiguous: ${where}`);
  }
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `shares differ by at most one: ${where}`);
  for (let worker = 0; worker < workers; worker += 1) {
    assert.equal(map.countOf(worker), counts[worker], `count of ${worker}: ${where}`);
    const own = Array.from({ length: counts[worker] }, (_, i) => map.firstOf(worker) + i);
    assert.ok(
      own.every((segment) => homes[segment] === worker),
      `own of ${worker}: ${where}`,
    );
  }
  assert.equal(map.firstOf(0), 0);
  assert.equal(map.firstOf(workers), segments);
}

test('no segments or no workers is an assertion', () => {
  assert.throws(() => new SegmentMap(0, 1), { name: 'AssertionFailure' });
  assert.throws(() => new SegmentMap(1, 0), { name: 'AssertionFailure' });
});
