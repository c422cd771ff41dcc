import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { leastLoaded } from '../../src/serving/placement.ts';

test('the thread with the fewest connections, of several the one with the fewest waiting', () => {
  assert.equal(leastLoaded([2, 1, 1], [0, 5, 4]), 2);
  assert.equal(leastLoaded([0, 0], [9, 0]), 1);
  assert.equal(leastLoaded([3], [7]), 0);
});

test('however many connections come, they never leave two threads more than one apart', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 0, max: 200 }), (threads, arrivals) => {
      const connections = new Array<number>(threads).fill(0);
      for (let i = 0; i < arrivals; i += 1) connections[leastLoaded(connections, connections)] += 1;
      assert.ok(Math.max(...connections) - Math.min(...connections) <= 1);
    }),
  );
});
