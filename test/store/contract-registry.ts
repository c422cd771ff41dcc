/** The registry as a whole, on any kind of store: its settings, its replicas, scans and reclaiming. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RegistryMismatch, StoreUnavailable } from '../../src/domain/errors.ts';
import type { RegistrySettings } from '../../src/store/store.ts';
import { type MakeStore, RegistryUnderTest, SETTINGS } from './registry-under-test.ts';
import { expire, get, type Replica, submit, validate } from './replica.ts';

const EXPIRY = 2;
const { retentionEpochs, epochLengthMs } = SETTINGS;

export function describeRegistry(makeStore: MakeStore): void {
  describe('settings', () => describeSettings(makeStore));
  describe('restart', () => describeRestart(makeStore));
  describe('replicas', () => describeReplicas(makeStore));
  describe('scan', () => describeScan(makeStore));
  describe('reclaim', () => describeReclaim(makeStore));
}

function describeSettings(makeStore: MakeStore): void {
  const others: readonly [Partial<RegistrySettings>, string, string][] = [
    [{ epochLengthMs: 2_000 }, '1000', '2000'],
    [{ validationWindowMs: 9_500 }, '1500', '9500'],
    [{ retentionEpochs: 77 }, '3', '77'],
    [{ partition: 'player' }, 'claim', 'player'],
  ];
  for (const [other, has, asked] of others) {
    const name = Object.keys(other).join();
    test(`another ${name}: RegistryMismatch with both values, and the registry serves on`, async (t) => {
      const registry = new RegistryUnderTest(makeStore, t);
      const replica = await registry.open();
      await replica.one(0, submit('c', 'p1'));
      const stranger = await registry.replica(other);
      await assert.rejects(stranger.store.open(), (error: Error) => {
        return (
          error instanceof RegistryMismatch && error.message.includes(has) && error.message.includes(asked)
        );
      });
      await assert.rejects(stranger.store.advanceEpoch(1), StoreUnavailable);
      assert.equal((await replica.one(0, validate('c', 'p1'))).outcome, 'ACCEPTED');
      assert.equal((await (await registry.open()).one(0, get('c'))).status, 'VALIDATED');
    });
  }
}

function describeRestart(makeStore: MakeStore): void {
  test('everything is there again', async (t) => {
    const registry = new RegistryUnderTest(makeStore, t);
    const before = await registry.open();
    await before.commit(0, [
      submit('a', 'p1', 10),
      submit('b', 'p2'),
      submit('c', 'p3'),
      validate('b', 'p2'),
    ]);
    await before.commit(1, [submit('d', 'p4', 1_000)]);
    const claims = await before.scan();
    await before.store.close();

    const after = await registry.replica();
    assert.equal(await after.open(), 1);
    assert.deepEqual(await after.scan(), claims);
    const results = await after.commit(1, [validate('a', 'p1'), validate('b', 'p2'), submit('c', 'p1')]);
    assert.deepEqual(
      results.map((result) => result.outcome),
      ['ACCEPTED', 'REPLAYED', 'TAKEN'],
    );
    await after.advance(3);
    assert.deepEqual(await after.counts(0, 2), [
      { epoch: 0, submitted: 3, validated: 1, expired: 0, pending: 2 },
      { epoch: 1, submitted: 1, validated: 1, expired: 0, pending: 2 },
      { epoch: 2, submitted: 0, validated: 0, expired: 1, pending: 1 },
    ]);
  });

  test('close ends what was begun; later calls reject; closing again is fine', async (t) => {
    const registry = new RegistryUnderTest(makeStore, t);
    const replica = await registry.open();
    const begun = Array.from({ length: 20 }, (_, i) => replica.one(0, submit(`c${i}`, 'p1')));
    await replica.store.close();
    assert.ok((await Promise.all(begun)).every((result) => result.outcome === 'ACCEPTED'));
    await replica.store.close();
    await assert.rejects(replica.one(0, get('c1')), StoreUnavailable);
    await assert.rejects(replica.advance(1), StoreUnavailable);
    await assert.rejects(replica.counts(0, 0), StoreUnavailable);
    await assert.rejects(replica.scan(), StoreUnavailable);
    await assert.rejects(replica.store.reclaim(1), StoreUnavailable);
    assert.equal((await (await registry.open()).scan()).length, 20);
  });

  test('a store that was never opened rejects, and can be closed', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).replica();
    await assert.rejects(replica.one(0, submit('c', 'p1')), StoreUnavailable);
    await replica.store.close();
  });
}

function describeReplicas(makeStore: MakeStore): void {
  test('one winner: replicas race for the same ids, each with a player of its own', async (t) => {
    const registry = new RegistryUnderTest(makeStore, t);
    const replicas = [await registry.open(), await registry.open(), await registry.open()];
    const ids = Array.from({ length: 120 }, (_, i) => `c${i}`);
    const race = async (replica: Replica, player: string, order: readonly string[]) => {
      const calls = order.map((id) => replica.commit(0, [submit(id, player), validate(id, player)]));
      return new Map((await Promise.all(calls)).map((results, i) => [order[i], results]));
    };
    const raced = await Promise.all([
      race(replicas[0], 'p0', ids),
      race(replicas[1], 'p1', [...ids].reverse()),
      race(replicas[2], 'p2', ids),
    ]);
    for (const id of ids) {
      const all = raced.map((results) => results.get(id) ?? []);
      const submits = all.map(([submitted]) => submitted.outcome).sort();
      assert.deepEqual(submits, ['ACCEPTED', 'TAKEN', 'TAKEN'], id);
      const winner = all.findIndex(([submitted]) => submitted.outcome === 'ACCEPTED');
      assert.deepEqual(
        all.map(([, validated]) => validated.outcome),
        [0, 1, 2].map((i) => (i === winner ? 'ACCEPTED' : 'TAKEN')),
      );
      for (const replica of replicas) assert.equal((await replica.one(0, get(id))).player, `p${winner}`);
    }
    await replicas[1].advance(1);
    const expected = { epoch: 0, submitted: 120, validated: 120, expired: 0, pending: 0 };
    for (const replica of replicas) assert.deepEqual(await replica.counts(0, 0), [expected]);
  });

  test('an epoch shown by one replica is everyone’s', async (t) => {
    const registry = new RegistryUnderTest(makeStore, t);
    const [ahead, behind] = [await registry.open(), await registry.open()];
    await behind.one(0, submit('c', 'p1'));
    await ahead.advance(EXPIRY);
    const late = await behind.one(1, validate('c', 'p1'));
    assert.deepEqual([late.outcome, late.epoch], ['EXPIRED', EXPIRY]);
    assert.deepEqual(await behind.counts(0, 1), await ahead.counts(0, 1));
  });

  test('what one replica did is at once so for the others', async (t) => {
    const registry = new RegistryUnderTest(makeStore, t);
    const [one, other] = [await registry.open(), await registry.open()];
    await one.one(0, submit('c', 'p1'));
    assert.equal((await other.one(0, submit('c', 'p1'))).outcome, 'REPLAYED');
    assert.equal((await other.one(0, validate('c', 'p1'))).outcome, 'ACCEPTED');
    assert.equal((await one.one(0, validate('c', 'p1'))).outcome, 'REPLAYED');
  });
}

function describeScan(makeStore: MakeStore): void {
  test('an empty registry has nothing to scan', async (t) => {
    assert.deepEqual(await (await new RegistryUnderTest(makeStore, t).open()).scan(), []);
  });

  for (const partition of ['claim', 'player'] as const) {
    test(`${partition} mode: finds each claim as it is stored, for any page size`, async (t) => {
      const replica = await new RegistryUnderTest(makeStore, t, { partition }).open();
      await replica.commit(0, [
        submit('a', 'p1', 5),
        submit('b', 'p1'),
        submit('c', 'p2'),
        validate('b', 'p1'),
      ]);
      await replica.commit(EXPIRY, [expire('c', 'p2')]);
      const expected = [
        { claim: 'a', player: 'p1', at: 5, status: 'PENDING', endEpoch: EXPIRY },
        { claim: 'b', player: 'p1', at: 0, status: 'VALIDATED', endEpoch: 0 },
        { claim: 'c', player: 'p2', at: 0, status: 'EXPIRED', endEpoch: EXPIRY },
      ];
      for (const limit of [1, 2, 3, 4, 1_000]) assert.deepEqual(await replica.scan(limit), expected);
    });
  }

  test('finds every claim that is there throughout, while others come, change and go', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    const old = Array.from({ length: 50 }, (_, i) => `old${i}`);
    await replica.commit(
      0,
      old.flatMap((id) => [submit(id, 'p1'), validate(id, 'p1')]),
    );
    const now = retentionEpochs;
    const at = now * epochLengthMs;
    const kept = Array.from({ length: 300 }, (_, i) => `kept${i}`);
    await replica.commit(
      now,
      kept.map((id) => submit(id, 'p1', at)),
    );
    let turn = 0;
    const found = await replica.scan(7, async () => {
      turn += 1;
      await replica.commit(now + 1, [
        submit(`new${turn}`, 'p1', at),
        submit(`old${turn}`, 'p2', at),
        validate(`kept${turn * 5}`, 'p1'),
      ]);
      await replica.store.reclaim(3);
    });
    const ids = new Set(found.map((claim) => claim.claim));
    assert.deepEqual(
      kept.filter((id) => !ids.has(id)),
      [],
    );
  });
}

function describeReclaim(makeStore: MakeStore): void {
  /** Frees until nothing is left to free; every call keeps to its limit. */
  const reclaimAll = async (replica: Replica, limit: number): Promise<number> => {
    let freed = 0;
    for (let idle = 0; idle < 100; idle += 1) {
      const once = await replica.store.reclaim(limit);
      assert.ok(once <= limit);
      freed += once;
      if (once > 0) idle = 0;
    }
    return freed;
  };

  test('frees what is past retention, and nothing else', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    const ids = Array.from({ length: 60 }, (_, i) => `c${i}`);
    await replica.commit(
      0,
      ids.map((id) => submit(id, 'p1')),
    );
    await replica.commit(
      0,
      ids.slice(0, 20).map((id) => validate(id, 'p1')),
    );
    await replica.commit(
      1,
      ids.slice(20, 30).map((id) => validate(id, 'p1')),
    );
    assert.equal(await reclaimAll(replica, 7), 0);
    await replica.advance(retentionEpochs + 1);
    assert.equal(await reclaimAll(replica, 7), 20);
    await replica.advance(retentionEpochs + 2);
    assert.equal(await reclaimAll(replica, 7), 10);
    assert.equal((await replica.scan()).length, 30);
    await replica.advance(retentionEpochs + 3);
    assert.equal(await reclaimAll(replica, 7), 30);
    assert.equal((await replica.one(retentionEpochs + 3, submit('c1', 'p2', 9_000))).outcome, 'ACCEPTED');
  });

  test('claims that end much later do not keep those submitted after them', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    const far = 1_000_000;
    const live = Array.from({ length: 500 }, (_, i) => submit(`live${i}`, 'p1', far));
    const past = Array.from({ length: 40 }, (_, i) => submit(`past${i}`, 'p1'));
    await replica.commit(0, live);
    await replica.commit(0, past);
    assert.equal(await reclaimAll(replica, 5), 0);
    await replica.advance(EXPIRY + retentionEpochs + 1);
    assert.equal(await reclaimAll(replica, 5), past.length);
    assert.equal((await replica.scan()).length, live.length);
  });

  test('changes no count and no epoch', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    await replica.commit(0, [submit('a', 'p1'), submit('b', 'p1'), validate('a', 'p1')]);
    const now = EXPIRY + retentionEpochs + 1;
    await replica.advance(now);
    const counts = await replica.counts(0, now - 1);
    assert.equal(await reclaimAll(replica, 1), 2);
    assert.deepEqual(await replica.counts(0, now - 1), counts);
    assert.equal(await replica.advance(0), now);
  });
}
