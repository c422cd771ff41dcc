import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EntryAllocator } from '../../src/entries/entry-allocator.ts';
import { NO_ENTRY } from '../../src/entries/entry-table.ts';

test('it gives out each of its entries once, then none', () => {
  const allocator = new EntryAllocator(100, 4);
  const given = [1, 2, 3, 4].map(() => allocator.allocate());
  assert.deepEqual(new Set(given), new Set([100, 101, 102, 103]));
  assert.equal(allocator.allocate(), NO_ENTRY);
  assert.equal(allocator.freeCount, 0);
});

test('what was freed last is given out first', () => {
  const allocator = new EntryAllocator(0, 8);
  const [a, b] = [allocator.allocate(), allocator.allocate()];
  allocator.free(a);
  allocator.free(b);
  assert.equal(allocator.allocate(), b);
  assert.equal(allocator.allocate(), a);
});

test('it never gives out an entry that is in use, whatever the order of frees', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.nat(1_000), { maxLength: 200 }),
      (capacity, ops) => {
        const allocator = new EntryAllocator(7, capacity);
        const used: number[] = [];
        for (const op of ops) {
          if (op % 2 === 0) {
            const entry = allocator.allocate();
            assert.equal(entry === NO_ENTRY, used.length === capacity);
            if (entry === NO_ENTRY) continue;
            assert.ok(!used.includes(entry) && entry >= 7 && entry < 7 + capacity);
            used.push(entry);
          } else if (used.length > 0) {
            const [entry] = used.splice(op % used.length, 1);
            allocator.free(entry);
          }
          assert.equal(allocator.freeCount, allocator.capacity - used.length);
          assert.equal(allocator.freeCount, capacity - used.length);
        }
      },
    ),
  );
});

test('freeing twice is an assertion, with others in flight too', () => {
  const idle = new EntryAllocator(0, 2);
  assert.throws(() => idle.free(0), { name: 'AssertionFailure' });

  const busy = new EntryAllocator(0, 4);
  const [a, b] = [busy.allocate(), busy.allocate()];
  busy.free(a);
  assert.throws(() => busy.free(a), { name: 'AssertionFailure' }, `${a} is free while ${b} is in flight`);
});

test('freeing an entry of another owner is an assertion', () => {
  const allocator = new EntryAllocator(10, 4);
  allocator.allocate();
  for (const foreign of [9, 14, NO_ENTRY]) {
    assert.throws(() => allocator.free(foreign), { name: 'AssertionFailure' }, `${foreign}`);
  }
});
