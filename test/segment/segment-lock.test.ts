import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLocked, lockedBy, tryLock, unlock } from '../../src/segment/segment-lock.ts';

function newLocks(segments = 4): Int32Array {
  return new Int32Array(new SharedArrayBuffer(segments * 4));
}

test('fresh memory is free locks', () => {
  const locks = newLocks();
  for (const segment of [0, 1, 2, 3]) assert.equal(isLocked(locks, segment), false);
  assert.deepEqual(lockedBy(locks, 0), []);
});

test('a lock has one holder; worker 0 is one as well', () => {
  const locks = newLocks();
  assert.equal(tryLock(locks, 2, 0), true);
  assert.equal(isLocked(locks, 2), true);
  assert.equal(tryLock(locks, 2, 1), false, 'nobody waits for it');
  assert.equal(tryLock(locks, 2, 0), false, 'it is not reentrant');
  assert.equal(tryLock(locks, 1, 1), true, 'other segments are not concerned');
  unlock(locks, 2, 0);
  assert.equal(isLocked(locks, 2), false);
  assert.equal(tryLock(locks, 2, 1), true);
});

test('only its holder can let it go', () => {
  const locks = newLocks();
  tryLock(locks, 3, 1);
  assert.throws(() => unlock(locks, 3, 0), { name: 'AssertionFailure' });
  assert.throws(() => unlock(locks, 0, 1), { name: 'AssertionFailure' });
  assert.equal(tryLock(locks, 3, 0), false, 'still held');
});

test('the locks of a worker are found, and no other’s', () => {
  const locks = newLocks();
  tryLock(locks, 0, 253);
  tryLock(locks, 1, 0);
  tryLock(locks, 3, 253);
  assert.deepEqual(lockedBy(locks, 253), [0, 3]);
  assert.deepEqual(lockedBy(locks, 0), [1]);
  assert.deepEqual(lockedBy(locks, 252), []);
});
