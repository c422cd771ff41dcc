import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssertionFailure } from '../../src/domain/assert.ts';
import { SharedCount } from '../../src/segment/shared-count.ts';

test('counts up to its bound over all who share the word, and no further', () => {
  const word = new Int32Array(new SharedArrayBuffer(4));
  const [one, other] = [new SharedCount(word, 3), new SharedCount(word, 3)];
  assert.deepEqual(
    [one.take(), other.take(), one.take(), other.take(), one.take()],
    [true, true, true, false, false],
  );
  other.release();
  assert.deepEqual([one.take(), one.take()], [true, false]);
  assert.equal(word[0], 3);
});

test('what was never taken can not be released', () => {
  const count = new SharedCount(new Int32Array(new SharedArrayBuffer(4)), 1);
  assert.throws(() => count.release(), AssertionFailure);
});
