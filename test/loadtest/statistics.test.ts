import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ratioSpread, slope, spread } from '../../loadtest/measure/statistics.ts';

test('the median of an odd and an even number of values', () => {
  assert.deepEqual(spread([5, 1, 10]), { median: 5, min: 1, max: 10 });
  assert.deepEqual(spread([4, 1, 10, 2]), { median: 3, min: 1, max: 10 });
  assert.throws(() => spread([]), /no values/);
});

test('a ratio is that of the medians, its range that of the rounds', () => {
  const { median, min, max } = ratioSpread([30, 50, 40], [20, 20, 40]);
  assert.deepEqual({ median, min, max }, { median: 2, min: 1, max: 2.5 });
});

test('the slope of a line is found, and of a single point is none', () => {
  assert.equal(slope([0, 1, 2, 3], [5, 7, 9, 11]), 2);
  assert.equal(slope([4], [9]), 0);
});
