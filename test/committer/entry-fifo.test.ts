import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EntryFifo } from '../../src/committer/entry-fifo.ts';

test('it is what an array would be, also after it has gone round many times', () => {
  const op = fc.record({ add: fc.boolean(), count: fc.integer({ min: 0, max: 9 }), at: fc.nat(3) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(op, { maxLength: 150 }), (capacity, ops) => {
      const fifo = new EntryFifo(capacity);
      const model: number[] = [];
      let next = 0;
      for (const { add, count, at } of ops) {
        if (add) {
          for (let i = 0; i < count && model.length < capacity; i += 1, next += 1) {
            fifo.add(next);
            model.push(next);
          }
        } else {
          const to = new Int32Array(16).fill(-1);
          const taken = fifo.take(to, at, count);
          const expected = model.splice(0, count);
          assert.equal(taken, expected.length);
          assert.deepEqual([...to.slice(at, at + taken)], expected);
          const untouched = [...to.slice(0, at), ...to.slice(at + taken)];
          assert.ok(
            untouched.every((value) => value === -1),
            'nothing else is written to',
          );
        }
        assert.equal(fifo.length, model.length);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('one more than there is room for is an assertion, and changes nothing', () => {
  const fifo = new EntryFifo(2);
  fifo.add(5);
  fifo.add(6);
  assert.throws(() => fifo.add(7), { name: 'AssertionFailure' });
  const to = new Int32Array(2);
  assert.equal(fifo.take(to, 0, 9), 2);
  assert.deepEqual([...to], [5, 6]);
});

test('an empty one gives nothing', () => {
  const to = new Int32Array([9]);
  assert.equal(new EntryFifo(1).take(to, 0, 1), 0);
  assert.deepEqual([...to], [9]);
});
