/** The table of outcomes (DESIGN § 2), row by row, on any kind of store. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type MakeStore, RegistryUnderTest, SETTINGS } from './registry-under-test.ts';
import { expire, get, type Replica, type Result, submit, validate } from './replica.ts';

/** Time 0 expires here; the epochs before are for validating. */
const EXPIRY = 2;

function assertResult(result: Result, expected: Partial<Result>): void {
  assert.partialDeepStrictEqual(result, expected);
}

/** Nothing about the claim is said: neither its status nor its player, time or end. */
function assertSilent(result: Result, outcome: string, asked: { player: string; at?: number }): void {
  assertResult(result, { outcome, status: 'UNSPECIFIED', player: asked.player });
  assert.equal(result.at, asked.at, 'the entry keeps the time that it came with');
}

/** A claim of player p1 in each of its states, and the first epoch from which it is in it. */
const STATES: readonly {
  readonly name: string;
  readonly status: string;
  readonly from: number;
  readonly endEpoch: number;
  readonly reach: (replica: Replica) => Promise<unknown>;
}[] = [
  { name: 'pending', status: 'PENDING', from: 0, endEpoch: EXPIRY, reach: async () => undefined },
  {
    name: 'validated',
    status: 'VALIDATED',
    from: 1,
    endEpoch: 1,
    reach: (replica) => replica.one(1, validate('c', 'p1')),
  },
  {
    name: 'overdue',
    status: 'EXPIRED',
    from: EXPIRY,
    endEpoch: EXPIRY,
    reach: (replica) => replica.advance(EXPIRY),
  },
  {
    name: 'expired lastingly',
    status: 'EXPIRED',
    from: EXPIRY,
    endEpoch: EXPIRY,
    reach: (replica) => replica.one(EXPIRY, expire('c', 'p1')),
  },
];

export function describeOutcomes(makeStore: MakeStore): void {
  describe('outcomes', () => {
    describeNewClaims(makeStore);
    for (const state of STATES) describeState(makeStore, state);
    describeValidation(makeStore);
    describeExpiry(makeStore);
    describePlayerMode(makeStore);
    describeBatchOrder(makeStore);
    describeIds(makeStore);
  });
}

function describeNewClaims(makeStore: MakeStore): void {
  test('submit of a new id: ACCEPTED, PENDING', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    const expected = {
      outcome: 'ACCEPTED',
      status: 'PENDING',
      epoch: 0,
      player: 'p1',
      at: 0,
      endEpoch: EXPIRY,
    };
    assert.deepEqual(await replica.one(0, submit('c', 'p1')), expected);
  });

  test('submit of a new id whose expiry epoch has come: ACCEPTED, EXPIRED', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    const result = await replica.one(EXPIRY, submit('just', 'p1'));
    assertResult(result, { outcome: 'ACCEPTED', status: 'EXPIRED', epoch: EXPIRY, endEpoch: EXPIRY });
    const before = await replica.one(EXPIRY - 1, submit('long ago', 'p1', -1_000));
    assertResult(before, { outcome: 'ACCEPTED', status: 'EXPIRED', epoch: EXPIRY, endEpoch: EXPIRY - 1 });
    assertResult(await replica.one(EXPIRY, validate('just', 'p1')), {
      outcome: 'EXPIRED',
      status: 'EXPIRED',
    });
  });

  test('validate, get and expire of an unknown id: NOT_FOUND, and nothing is made', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    for (const item of [validate('c', 'p1'), get('c', 'p1'), expire('c', 'p1')]) {
      assertSilent(await replica.one(0, item), 'NOT_FOUND', { player: 'p1' });
    }
    assert.deepEqual(await replica.scan(), []);
  });
}

function describeState(makeStore: MakeStore, state: (typeof STATES)[number]): void {
  const { status, endEpoch, from } = state;
  const reached = async (registry: RegistryUnderTest): Promise<Replica> => {
    const replica = await registry.open();
    await replica.one(0, submit('c', 'p1'));
    await state.reach(replica);
    return replica;
  };

  test(`submit of a ${state.name} claim again, another time: REPLAYED, ${status}, the first time`, async (t) => {
    const replica = await reached(new RegistryUnderTest(makeStore, t));
    const again = await replica.one(from, submit('c', 'p1', 700));
    assert.deepEqual(again, { outcome: 'REPLAYED', status, epoch: from, player: 'p1', at: 0, endEpoch });
  });

  test(`submit and validate of another's ${state.name} claim: TAKEN, and nothing of it is told`, async (t) => {
    const replica = await reached(new RegistryUnderTest(makeStore, t));
    assertSilent(await replica.one(from, submit('c', 'p2', 700)), 'TAKEN', { player: 'p2', at: 700 });
    assertSilent(await replica.one(from, validate('c', 'p2')), 'TAKEN', { player: 'p2' });
    assertResult(await replica.one(from, get('c')), { player: 'p1', status });
  });

  test(`get of a ${state.name} claim, whatever player is named: FOUND, ${status}, its player`, async (t) => {
    const replica = await reached(new RegistryUnderTest(makeStore, t));
    const expected = { outcome: 'FOUND', status, epoch: from, player: 'p1', at: 0, endEpoch };
    for (const named of ['', 'p1', 'someone else']) {
      assert.deepEqual(await replica.one(from, get('c', named)), expected);
    }
  });
}

function describeValidation(makeStore: MakeStore): void {
  test('validate in the last epoch before expiry: ACCEPTED, VALIDATED, ends in that epoch', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    await replica.one(0, submit('c', 'p1'));
    const expected = { outcome: 'ACCEPTED', status: 'VALIDATED', epoch: 1, player: 'p1', at: 0, endEpoch: 1 };
    assert.deepEqual(await replica.one(EXPIRY - 1, validate('c', 'p1')), expected);
  });

  test('validate in the expiry epoch: EXPIRED', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    await replica.one(0, submit('c', 'p1'));
    const expected = {
      outcome: 'EXPIRED',
      status: 'EXPIRED',
      epoch: 2,
      player: 'p1',
      at: 0,
      endEpoch: EXPIRY,
    };
    assert.deepEqual(await replica.one(EXPIRY, validate('c', 'p1')), expected);
  });

  test('validate again, also after its expiry epoch: REPLAYED, and it ended when it first did', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    await replica.commit(0, [submit('c', 'p1'), validate('c', 'p1')]);
    for (const epoch of [0, 1, EXPIRY, EXPIRY + 1]) {
      const again = await replica.one(epoch, validate('c', 'p1'));
      assertResult(again, { outcome: 'REPLAYED', status: 'VALIDATED', epoch, endEpoch: 0 });
    }
  });
}

function describeExpiry(makeStore: MakeStore): void {
  test('expire of an overdue claim: EXPIRED, from then on also as it is stored', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    await replica.one(0, submit('c', 'p1'));
    await replica.advance(EXPIRY);
    assert.deepEqual(
      (await replica.scan()).map((claim) => claim.status),
      ['PENDING'],
    );
    const first = await replica.one(EXPIRY, expire('c', 'p1'));
    assertResult(first, { outcome: 'EXPIRED', status: 'EXPIRED', at: 0, endEpoch: EXPIRY });
    assert.deepEqual(await replica.one(EXPIRY, expire('c', 'p1')), first);
    assert.deepEqual(
      (await replica.scan()).map((claim) => claim.status),
      ['EXPIRED'],
    );
  });

  test('expire of a validated claim: EXPIRED with the status it ended in', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    await replica.commit(0, [submit('c', 'p1'), validate('c', 'p1')]);
    const result = await replica.one(EXPIRY, expire('c', 'p1'));
    assertResult(result, { outcome: 'EXPIRED', status: 'VALIDATED', endEpoch: 0 });
  });

  test('expire of a claim that is not overdue leaves it pending', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    await replica.one(0, submit('c', 'p1'));
    assertResult(await replica.one(EXPIRY - 1, expire('c', 'p1')), { status: 'PENDING' });
    assertResult(await replica.one(EXPIRY - 1, validate('c', 'p1')), { outcome: 'ACCEPTED' });
  });
}

function describePlayerMode(makeStore: MakeStore): void {
  test('player mode: each player has a claim of that id, with a life of its own', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t, { partition: 'player' }).open();
    const both = await replica.commit(0, [submit('c', 'p1', 100), submit('c', 'p2', 200)]);
    assert.deepEqual(
      both.map((result) => result.outcome),
      ['ACCEPTED', 'ACCEPTED'],
    );
    assertResult(await replica.one(0, validate('c', 'p1')), {
      outcome: 'ACCEPTED',
      status: 'VALIDATED',
      at: 100,
    });
    assertResult(await replica.one(0, get('c', 'p2')), { outcome: 'FOUND', status: 'PENDING', at: 200 });
    assertResult(await replica.one(0, submit('c', 'p2')), { outcome: 'REPLAYED', at: 200 });
    assertResult(await replica.one(EXPIRY, expire('c', 'p2')), { outcome: 'EXPIRED', status: 'EXPIRED' });
    assertResult(await replica.one(EXPIRY, get('c', 'p1')), { outcome: 'FOUND', status: 'VALIDATED' });
    for (const item of [validate('c', 'p3'), get('c', 'p3'), expire('c', 'p3')]) {
      assertSilent(await replica.one(EXPIRY, item), 'NOT_FOUND', { player: 'p3' });
    }
  });

  test('player mode: ids that run together when joined are still told apart', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t, { partition: 'player' }).open();
    const results = await replica.commit(0, [submit('bc', 'a'), submit('c', 'ab')]);
    assert.deepEqual(
      results.map((result) => result.outcome),
      ['ACCEPTED', 'ACCEPTED'],
    );
  });
}

function describeBatchOrder(makeStore: MakeStore): void {
  test('the items of a batch are decided in its order', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    const results = await replica.commit(0, [
      validate('c', 'p1'),
      submit('c', 'p1', 100),
      submit('c', 'p1', 200),
      submit('c', 'p2', 300),
      get('c'),
      validate('c', 'p2'),
      validate('c', 'p1'),
      validate('c', 'p1'),
      submit('c', 'p1', 400),
      get('c'),
    ]);
    assert.deepEqual(
      results.map(({ outcome, status, at }) => [outcome, status, at]),
      [
        ['NOT_FOUND', 'UNSPECIFIED', undefined],
        ['ACCEPTED', 'PENDING', 100],
        ['REPLAYED', 'PENDING', 100],
        ['TAKEN', 'UNSPECIFIED', 300],
        ['FOUND', 'PENDING', 100],
        ['TAKEN', 'UNSPECIFIED', undefined],
        ['ACCEPTED', 'VALIDATED', 100],
        ['REPLAYED', 'VALIDATED', 100],
        ['REPLAYED', 'VALIDATED', 100],
        ['FOUND', 'VALIDATED', 100],
      ],
    );
  });

  test('commits may overlap and are decided in the order of the calls', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    const calls = Array.from({ length: 200 }, (_, i) => [
      replica.one(0, submit(`c${i}`, 'p1')),
      replica.one(0, submit(`c${i}`, 'p2')),
      replica.one(0, validate(`c${i}`, 'p1')),
    ]);
    const outcomes = new Set<string>();
    for (const call of calls) {
      outcomes.add((await Promise.all(call)).map((result) => result.outcome).join());
    }
    assert.deepEqual([...outcomes], ['ACCEPTED,TAKEN,ACCEPTED']);
  });

  test('an empty batch and the largest one', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    assert.deepEqual(await replica.commit(0, []), []);
    const items = Array.from({ length: replica.store.maxBatchItems }, (_, i) => submit(`c${i}`, 'p1'));
    const results = await replica.commit(0, items);
    assert.ok(results.every((result) => result.outcome === 'ACCEPTED'));
    assert.equal((await replica.scan()).length, items.length);
  });
}

function describeIds(makeStore: MakeStore): void {
  test('ids are bytes: any UTF-8, up to 64 bytes, told apart exactly', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    const ids = [
      'a',
      'A',
      'a ',
      ' a',
      "'",
      '"; --',
      '%',
      '|',
      '\u00e9',
      'e\u0301',
      '\u{1f48e}'.repeat(16),
      'x'.repeat(64),
    ];
    const results = await replica.commit(
      0,
      ids.map((id) => submit(id, `${id.slice(0, 30)}|`)),
    );
    assert.ok(results.every((result) => result.outcome === 'ACCEPTED'));
    assert.deepEqual((await replica.scan()).map((claim) => claim.claim).sort(), [...ids].sort());
    for (const id of ids) assertResult(await replica.one(0, get(id)), { player: `${id.slice(0, 30)}|` });
  });

  test('times are exact up to the last that epochs can be counted for', async (t) => {
    const registry = new RegistryUnderTest(makeStore, t);
    const replica = await registry.open();
    const { epochLengthMs, validationWindowMs } = SETTINGS;
    const last = Number.MAX_SAFE_INTEGER - validationWindowMs - epochLengthMs - replica.baseMs;
    await replica.commit(0, [submit('last', 'p1', last), submit('one before', 'p1', last - 1)]);
    assertResult(await replica.one(0, get('last')), { at: last, endEpoch: replica.expiry(last) });
    assertResult(await replica.one(0, get('one before')), { at: last - 1 });
    assertResult(await replica.one(0, validate('last', 'p1')), { outcome: 'ACCEPTED', at: last });
  });
}
