import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rankCorrelation, ranksOf } from '../../../src/telemetry/runtime/ranks.ts';

const numbers = fc.array(fc.integer({ min: -5, max: 5 }), { maxLength: 40 });

test('a rank is how many are less, and half of how many others are equal', () => {
  fc.assert(
    fc.property(numbers, (values) => {
      const expected = values.map((value) => {
        const less = values.filter((other) => other < value).length;
        const equal = values.filter((other) => other === value).length;
        return less + (equal - 1) / 2;
      });
      assert.deepEqual(ranksOf(values), expected);
    }),
  );
});

test('what rises with the other correlates by 1, what falls by −1, along any curve', () => {
  const x = [3, 9, 1, 40, 7];
  assert.equal(
    rankCorrelation(
      x,
      x.map((value) => value ** 3),
    ),
    1,
  );
  assert.equal(
    rankCorrelation(
      x,
      x.map((value) => -Math.exp(value)),
    ),
    -1,
  );
});

test('agrees with the sum of squared differences of ranks, where no two are equal', () => {
  const distinct = fc.uniqueArray(fc.integer(), { minLength: 2, maxLength: 30 });
  fc.assert(
    fc.property(distinct, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (x, chance) => {
      const y = x
        .map((_, i) => i)
        .map((i) => [chance.next().value ?? 0, i])
        .sort(([a], [b]) => a - b)
        .map(([, i]) => i);
      const ranks = ranksOf(x);
      const squares = y.reduce((sum, rank, i) => sum + (rank - ranks[i]) ** 2, 0);
      const n = x.length;
      const expected = 1 - (6 * squares) / (n * (n ** 2 - 1));
      assert.ok(Math.abs((rankCorrelation(x, y) ?? Number.NaN) - expected) < 1e-9);
    }),
  );
});

test('one value far from all others does not make a correlation', () => {
  const x = [1, 2, 3, 4, 5, 6, 7, 8, 1_000];
  const y = [5, 1, 4, 2, 6, 3, 1, 4, 9_000];
  assert.ok(Math.abs(rankCorrelation(x, y) ?? 1) < 0.5);
});

test('where one of them never changes there is none', () => {
  assert.equal(rankCorrelation([1, 2, 3], [4, 4, 4]), undefined);
  assert.equal(rankCorrelation([1], [2]), undefined);
  assert.equal(rankCorrelation([], []), undefined);
});
