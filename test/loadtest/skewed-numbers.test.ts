/** Claims that are skewed: nine of ten in the first half of the hash's range, none twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimId, ItemTemplate } from '../../loadtest/measure/messages.ts';
import { skewedNumbers } from '../../loadtest/measure/skewed-numbers.ts';
import { hashBytes } from '../../src/partitioner/hash.ts';

const RUN = 'skewed-run';

function isInFirstHalf(id: Buffer): boolean {
  return hashBytes(id, 0, id.length) < 2 ** 31;
}

test('of every ten claims nine lie in the first half, and no number comes twice', () => {
  const count = 5_000;
  const numbers = skewedNumbers(count, (number) => Buffer.from(claimId(RUN, number)));
  assert.equal(new Set(numbers).size, count);
  for (const [n, number] of numbers.entries()) {
    assert.equal(isInFirstHalf(Buffer.from(claimId(RUN, number))), n % 10 < 9, `claim ${n}`);
  }
});

test('a skewed item bears the id that was found for its number', () => {
  const item = new ItemTemplate(RUN, false, false, true);
  const target = Buffer.alloc(item.bytes.length);
  const seen = new Set<string>();
  for (let n = 0; n < 1_000; n += 1) {
    item.write(target, 0, n);
    const id = target.subarray(2, 2 + claimId(RUN, 0).length);
    assert.equal(isInFirstHalf(id), n % 10 < 9);
    seen.add(id.toString());
  }
  assert.equal(seen.size, 1_000);
});
