import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Histogram, LATENCY_BOUNDS_S } from '../../src/telemetry/histogram.ts';

test('a value is counted in the first bucket whose bound it does not pass', () => {
  const values = fc.oneof(fc.constantFrom(...LATENCY_BOUNDS_S), fc.double({ min: 0, max: 10, noNaN: true }));
  fc.assert(
    fc.property(values, (value) => {
      const histogram = new Histogram(LATENCY_BOUNDS_S);
      histogram.record(value);
      const first = LATENCY_BOUNDS_S.findIndex((bound) => value <= bound);
      const bucket = first === -1 ? LATENCY_BOUNDS_S.length : first;
      assert.equal(histogram.counts[bucket], 1);
      assert.equal(histogram.count, 1);
      assert.equal(histogram.sum, value);
    }),
  );
});

test('bounds rise, and none from 0.1 to 100 ms is further from the next than twice', () => {
  for (const [i, bound] of LATENCY_BOUNDS_S.entries()) {
    if (i === 0) continue;
    const ratio = bound / LATENCY_BOUNDS_S[i - 1];
    assert.ok(ratio > 1, `${bound}`);
    if (bound <= 0.1) assert.ok(ratio <= 2.0001, `${bound} is ${ratio} times the one before`);
  }
});

test('what one thread records another reads in the same memory', () => {
  const memory = new SharedArrayBuffer(8 * Histogram.cells([1, 2]));
  const writer = new Histogram([1, 2], new Float64Array(memory));
  const reader = new Histogram([1, 2], new Float64Array(memory));
  for (const value of [0.5, 1, 1.5, 7]) writer.record(value);
  assert.deepEqual(reader.counts, [2, 1, 1]);
  assert.equal(reader.sum, 10);
});
