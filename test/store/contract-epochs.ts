/** Epochs, retention and the counts of epochs, on any kind of store. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClockAhead, EpochOutOfRange } from '../../src/domain/errors.ts';
import { SUMMARY_HISTORY_EPOCHS } from '../../src/limits.ts';
import type { EpochCounts } from '../../src/store/store.ts';
import { type MakeStore, RegistryUnderTest, SETTINGS } from './registry-under-test.ts';
import { expire, get, type Item, submit, validate } from './replica.ts';

/** A claim of time 0 expires in this epoch. */
const EXPIRY = 2;
const { retentionEpochs } = SETTINGS;

export function describeEpochs(makeStore: MakeStore): void {
  describe('epochs', () => {
    describeHighest(makeStore);
    describeSkew(makeStore);
  });
  describe('retention', () => describeRetention(makeStore));
  describe('counts', () => {
    describeCounts(makeStore);
    describeRange(makeStore);
  });
}

function describeHighest(makeStore: MakeStore): void {
  test('a fresh registry has been shown no epoch', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).replica();
    assert.equal(await replica.store.open(), 0);
  });

  test('epochs never go back: an earlier one is answered with, and decided in, the highest', async (t) => {
    const registry = new RegistryUnderTest(makeStore, t);
    const replica = await registry.open();
    await replica.one(0, submit('c', 'p1'));
    assert.equal(await replica.advance(5), 5);
    assert.equal(await replica.advance(3), 5);
    const late = await replica.one(0, validate('c', 'p1'));
    assert.deepEqual([late.outcome, late.epoch], ['EXPIRED', 5]);
    assert.equal(await (await registry.replica()).open(), 5);
  });

  test('a commit shows its epoch too', async (t) => {
    const registry = new RegistryUnderTest(makeStore, t);
    await (await registry.open()).commit(4, []);
    assert.equal(await (await registry.open()).advance(0), 4);
  });
}

function describeSkew(makeStore: MakeStore): void {
  test('an epoch that the store’s clock does not bear out: ClockAhead, and nothing is written', async (t) => {
    const registry = new RegistryUnderTest(makeStore, t);
    const replica = await registry.replica({}, 2_000);
    await replica.open();
    await replica.one(0, submit('c', 'p1'));
    // Far enough off that the time which the test itself takes does not matter.
    await assert.rejects(replica.advance(100), ClockAhead);
    await assert.rejects(replica.one(100, submit('d', 'p1')), ClockAhead);
    assert.ok((await replica.advance(0)) < 100);
    assert.deepEqual(
      (await replica.scan()).map((claim) => claim.claim),
      ['c'],
    );
  });

  test('an entry of a refused commit is not written to', async (t) => {
    const registry = new RegistryUnderTest(makeStore, t);
    const replica = await registry.replica({}, 0);
    await replica.open();
    await assert.rejects(replica.one(100, submit('c', 'p1')), ClockAhead);
    assert.equal(replica.written, 0);
    await replica.one(0, submit('c', 'p1'));
    assert.equal(replica.written, 1);
  });

  test('an epoch that the registry has reached is fine, whatever the clock says', async (t) => {
    const registry = new RegistryUnderTest(makeStore, t);
    await (await registry.open()).advance(100);
    const replica = await registry.open(0);
    assert.equal(await replica.advance(100), 100);
    assert.equal((await replica.one(100, submit('c', 'p1', 100_000))).outcome, 'ACCEPTED');
  });
}

function describeRetention(makeStore: MakeStore): void {
  const ends: readonly { name: string; endEpoch: number; items: readonly [number, Item][] }[] = [
    { name: 'validated', endEpoch: 1, items: [[1, validate('c', 'p1')]] },
    { name: 'overdue', endEpoch: EXPIRY, items: [] },
    { name: 'expired lastingly', endEpoch: EXPIRY, items: [[EXPIRY + 1, expire('c', 'p1')]] },
  ];
  for (const { name, endEpoch, items } of ends) {
    test(`a ${name} claim is kept through its last epoch of retention, and absent from the next`, async (t) => {
      const replica = await new RegistryUnderTest(makeStore, t).open();
      await replica.one(0, submit('c', 'p1'));
      for (const [epoch, item] of items) await replica.one(epoch, item);

      const lastKept = endEpoch + retentionEpochs;
      assert.equal((await replica.one(lastKept, get('c'))).outcome, 'FOUND');
      assert.equal((await replica.one(lastKept, submit('c', 'p2'))).outcome, 'TAKEN');
      assert.equal((await replica.scan()).length, 1);

      await replica.advance(lastKept + 1);
      for (const item of [get('c'), validate('c', 'p1'), expire('c', 'p1')]) {
        assert.equal((await replica.one(lastKept + 1, item)).outcome, 'NOT_FOUND');
      }
      assert.deepEqual(await replica.scan(), []);
    });
  }

  test('a submit of an id past retention is a new claim, with a whole life', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    await replica.commit(0, [submit('c', 'p1'), validate('c', 'p1')]);
    const now = retentionEpochs + 1;
    const at = now * SETTINGS.epochLengthMs;
    const born = await replica.one(now, submit('c', 'p2', at));
    const endEpoch = now + EXPIRY;
    assert.deepEqual(born, {
      outcome: 'ACCEPTED',
      status: 'PENDING',
      epoch: now,
      player: 'p2',
      at,
      endEpoch,
    });
    assert.equal((await replica.one(now, submit('c', 'p1', at))).outcome, 'TAKEN');
    assert.equal((await replica.one(now + 1, validate('c', 'p2'))).outcome, 'ACCEPTED');
    assert.equal((await replica.scan()).length, 1);
    assert.equal((await replica.one(now + 1 + retentionEpochs, get('c'))).outcome, 'FOUND');
    assert.equal((await replica.one(now + 2 + retentionEpochs, get('c'))).outcome, 'NOT_FOUND');
  });
}

const ZEROS = { submitted: 0, validated: 0, expired: 0, pending: 0 };

function describeCounts(makeStore: MakeStore): void {
  test('counts of an epoch: what was submitted, validated and expired in it, and pending at its end', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    await replica.commit(0, [submit('a', 'p1'), submit('b', 'p1'), submit('c', 'p1', 500)]);
    await replica.commit(0, [submit('a', 'p1'), submit('a', 'p2'), validate('a', 'p1'), validate('a', 'p1')]);
    await replica.commit(1, [submit('d', 'p1', 1_000), get('d'), validate('x', 'p1')]);
    await replica.commit(2, [validate('b', 'p1'), submit('late', 'p1'), expire('b', 'p1')]);
    await replica.advance(5);
    assert.deepEqual(await replica.counts(0, 4), [
      { epoch: 0, submitted: 3, validated: 1, expired: 0, pending: 2 },
      { epoch: 1, submitted: 1, validated: 0, expired: 0, pending: 3 },
      // b and c expire; `late` is submitted and expired at once.
      { epoch: 2, submitted: 1, validated: 0, expired: 3, pending: 1 },
      { epoch: 3, submitted: 0, validated: 0, expired: 1, pending: 0 },
      { epoch: 4, ...ZEROS },
    ]);
  });

  test('what expires is counted at the boundary, whenever it is made lasting', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    await replica.commit(0, [submit('a', 'p1'), submit('b', 'p1')]);
    await replica.advance(EXPIRY + 1);
    const counted = await replica.counts(0, EXPIRY);
    assert.deepEqual(counted[EXPIRY], { ...ZEROS, epoch: EXPIRY, expired: 2 });
    await replica.commit(EXPIRY + 1, [expire('a', 'p1'), expire('b', 'p1'), expire('a', 'p1')]);
    await replica.advance(EXPIRY + 2);
    assert.deepEqual(await replica.counts(0, EXPIRY), counted);
    assert.deepEqual(await replica.counts(EXPIRY + 1, EXPIRY + 1), [{ ...ZEROS, epoch: EXPIRY + 1 }]);
  });

  test('the same batch again changes no count', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    const items = [submit('a', 'p1'), submit('b', 'p1'), validate('a', 'p1'), submit('late', 'p1', -1_500)];
    await replica.commit(0, items);
    const again = await replica.commit(0, items);
    assert.ok(again.every((result) => result.outcome === 'REPLAYED'));
    await replica.advance(1);
    const expected = { epoch: 0, submitted: 3, validated: 1, expired: 1, pending: 1 };
    assert.deepEqual(await replica.counts(0, 0), [expected]);
  });

  test('a claim born anew after retention counts as a claim of its own', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    await replica.one(0, submit('c', 'p1'));
    const now = EXPIRY + retentionEpochs + 1;
    await replica.one(now, submit('c', 'p1', now * SETTINGS.epochLengthMs));
    await replica.advance(now + 1);
    assert.deepEqual(await replica.counts(now, now), [{ ...ZEROS, epoch: now, submitted: 1, pending: 1 }]);
  });
}

function describeRange(makeStore: MakeStore): void {
  test('epochs without activity are zeros with what stayed pending, also before the registry was made', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t, { validationWindowMs: 100_000 }).open();
    await replica.one(0, submit('c', 'p1'));
    await replica.advance(50);
    const counts = await replica.counts(-3, 49);
    assert.deepEqual(
      counts.map((c) => c.epoch),
      Array.from({ length: 53 }, (_, i) => i - 3),
    );
    const pending = (c: EpochCounts) => c.pending;
    assert.deepEqual(counts.map(pending), [0, 0, 0, ...Array(50).fill(1)]);
    assert.equal(
      counts.map((c) => c.submitted).reduce((a, b) => a + b),
      1,
    );
  });

  test('an epoch that is not complete: EpochOutOfRange', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    await assert.rejects(replica.store.epochCounts(0, 0), EpochOutOfRange);
    await replica.advance(3);
    await assert.rejects(replica.counts(3, 3), EpochOutOfRange);
    await assert.rejects(replica.counts(2, 3), EpochOutOfRange);
    assert.equal((await replica.counts(2, 2)).length, 1);
  });

  test('a gap of millions of epochs; what lies too far back: EpochOutOfRange, naming the oldest kept', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    await replica.commit(0, [submit('a', 'p1'), submit('b', 'p1'), validate('a', 'p1')]);
    const now = 5_000_000;
    assert.equal(await replica.advance(now), now);
    const oldest = now - SUMMARY_HISTORY_EPOCHS;
    assert.deepEqual(await replica.counts(oldest, oldest), [{ ...ZEROS, epoch: oldest }]);
    await assert.rejects(replica.counts(oldest - 1, oldest), (error: Error) => {
      const [asked, kept] = [oldest - 1, oldest].map((epoch) => String(epoch + replica.baseEpoch));
      return (
        error instanceof EpochOutOfRange && error.message.includes(asked) && error.message.includes(kept)
      );
    });
  });

  test('what is pending is still known when the epochs of its submit are no longer kept', async (t) => {
    const settings = { validationWindowMs: 2 * SUMMARY_HISTORY_EPOCHS * SETTINGS.epochLengthMs };
    const replica = await new RegistryUnderTest(makeStore, t, settings).open();
    for (const epoch of [0, 1, 2]) await replica.one(epoch, submit(`c${epoch}`, 'p1', epoch));
    const now = SUMMARY_HISTORY_EPOCHS + 10;
    await replica.advance(now);
    while ((await replica.store.reclaim(100)) > 0);
    assert.deepEqual(await replica.counts(10, 10), [{ ...ZEROS, epoch: 10, pending: 3 }]);
    assert.deepEqual(await replica.counts(now - 1, now - 1), [{ ...ZEROS, epoch: now - 1, pending: 3 }]);
  });
}
