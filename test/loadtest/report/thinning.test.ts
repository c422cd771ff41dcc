import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { thinned } from '../../../loadtest/report/thinning.ts';

const series = fc
  .array(fc.integer({ min: 0, max: 1000 }), { maxLength: 300 })
  .map((ys) => ys.map((y, x): [number, number] => [x, y]));

test('few points are kept as they are', () => {
  fc.assert(fc.property(series, (points) => assert.deepEqual(thinned(points, 300), points)));
});

test('many become as many as are allowed, in order, and the highest stays', () => {
  fc.assert(
    fc.property(series, fc.integer({ min: 1, max: 50 }), (points, most) => {
      const kept = thinned(points, most);
      assert.equal(kept.length, Math.min(points.length, most));
      assert.ok(kept.every(([x], i) => i === 0 || x > kept[i - 1][0]));
      const top = (some: readonly (readonly [number, number])[]) => Math.max(...some.map(([, y]) => y));
      assert.equal(top(kept), top(points));
    }),
  );
});
