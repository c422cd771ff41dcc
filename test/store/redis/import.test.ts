/** Claims of elsewhere added to a registry in Redis: what becomes of each, and that counts still add up. */
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { SteppedClock } from '../../../src/clock/stepped-clock.ts';
import { ClaimStatus } from '../../../src/domain/claim.ts';
import { RegistryMismatch } from '../../../src/domain/errors.ts';
import { type ImportedClaim, type ImportOutcome, RedisImport } from '../../../src/store/redis/import.ts';
import type { RegistrySettings } from '../../../src/store/store.ts';
import { SeededRandom } from '../../registry/seeded-random.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { SETTINGS } from '../registry-under-test.ts';
import { get, type Replica, submit, validate } from '../replica.ts';
import { openRedisReplica, standaloneAt } from './replica.ts';

const SHARDS = 4;
const { PENDING, VALIDATED, EXPIRED } = ClaimStatus;
/** The same every time; another seed is another history. */
const SEED = 36_525;

let server: RedisServer;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

/** A registry of its own, a replica of it, and what imports into it. */
interface Imported {
  readonly replica: Replica;
  readonly prefix: string;
  /** Imports in an epoch, counted as the replica counts them; times too. */
  readonly add: (epoch: number, claims: readonly Claim[], isDryRun?: boolean) => Promise<ImportOutcome[]>;
}
type Claim = readonly [claim: string, status: ClaimStatus, at: number, player?: string];

let registries = 0;

async function imported(t: TestContext, settings: RegistrySettings = SETTINGS): Promise<Imported> {
  const prefix = `import${registries++}:`;
  const overrides = { settings, shards: SHARDS, keyPrefix: prefix };
  const { replica } = await openRedisReplica(t, standaloneAt(server), overrides);
  const clock = new SteppedClock(replica.baseMs);
  const importers = [false, true].map((isDryRun) => importer(t, clock, prefix, { settings, isDryRun }));
  const add: Imported['add'] = (epoch, claims, isDryRun = false) => {
    clock.setWall(replica.baseMs + epoch * settings.epochLengthMs);
    return importers[isDryRun ? 1 : 0].add(claims.map((claim) => toImport(replica, claim)));
  };
  return { replica, prefix, add };
}

function importer(
  t: TestContext,
  clock: SteppedClock,
  keyPrefix: string,
  options: { settings?: RegistrySettings; isDryRun?: boolean; isNew?: boolean; shards?: number } = {},
): RedisImport {
  const made = new RedisImport({
    location: standaloneAt(server),
    settings: SETTINGS,
    shards: SHARDS,
    keyPrefix,
    maxClockSkewMs: 1e12,
    timeoutMs: 5_000,
    clock,
    isDryRun: false,
    isNew: false,
    ...options,
  });
  t.after(() => made.close());
  return made;
}

function toImport(replica: Replica, [claimId, status, at, playerId = 'owner']: Claim): ImportedClaim {
  return { claimId, playerId, status, timestampMs: replica.baseMs + at };
}

/** Epoch 10 of a registry where a claim of time t expires in ceil((t + 1,500) / 1,000), kept 3 epochs. */
const CASES: readonly (readonly [Claim, ImportOutcome, stored: [status: string, endEpoch: number] | null])[] =
  [
    [['pending', PENDING, 10_000], 'pending', ['PENDING', 12]],
    [['pending-edge', PENDING, 8_501], 'pending', ['PENDING', 11]],
    [['overdue-edge', PENDING, 8_500], 'expired', ['EXPIRED', 10]],
    [['overdue', PENDING, 6_000], 'expired', ['EXPIRED', 8]],
    [['overdue-kept', PENDING, 5_500], 'expired', ['EXPIRED', 7]],
    [['overdue-gone', PENDING, 4_500], 'past_retention', null],
    [['validated', VALIDATED, 10_000], 'validated', ['VALIDATED', 10]],
    [['validated-long-ago', VALIDATED, -1_000_000], 'validated', ['VALIDATED', 10]],
    [['expired', EXPIRED, 7_000], 'expired', ['EXPIRED', 9]],
    [['expired-early', EXPIRED, 10_000], 'expired', ['EXPIRED', 10]],
    [['expired-gone', EXPIRED, 0], 'past_retention', null],
  ];

for (const partition of ['claim', 'player'] as const) {
  test(`every status at every age, and again, and as another player’s (${partition} mode)`, async (t) => {
    const { replica, add } = await imported(t, { ...SETTINGS, partition });
    const claims = CASES.map(([claim]) => claim);
    const stored = CASES.flatMap(([[claim, , at], , found]) =>
      found === null ? [] : [{ claim, player: 'owner', at, status: found[0], endEpoch: found[1] }],
    ).sort((a, b) => (a.claim < b.claim ? -1 : 1));
    const told = CASES.map(([, outcome]) => outcome);
    assert.deepEqual(await add(10, claims), told);
    assert.deepEqual(await replica.scan(), stored);

    const again = told.map((outcome) => (outcome === 'past_retention' ? outcome : 'same'));
    assert.deepEqual(await add(10, claims), again);
    const thief = claims.map(([claim, status, at]): Claim => [claim, status, at, 'thief']);
    const taken = again.map((outcome) => (outcome === 'same' ? 'taken' : outcome));
    assert.deepEqual(await add(10, thief), partition === 'claim' ? taken : told);
    assert.deepEqual(
      (await replica.scan()).filter(({ player }) => player === 'owner'),
      stored,
    );
  });
}

test('a claim that is there stands, whatever the source says of it; past retention its id is new', async (t) => {
  const { replica, add } = await imported(t);
  await replica.commit(10, [submit('c', 'owner', 10_000), submit('d', 'owner', 10_000)]);
  await replica.one(10, validate('d', 'owner'));
  const claims: Claim[] = [
    ['c', VALIDATED, 9_000],
    ['d', PENDING, 9_000],
    ['d', PENDING, 9_000, 'thief'],
  ];
  assert.deepEqual(await add(11, claims), ['same', 'same', 'taken']);
  const { outcome, at } = await replica.one(11, validate('c', 'owner'));
  assert.deepEqual([outcome, at], ['ACCEPTED', 10_000]);
  assert.deepEqual(await add(14, [['d', PENDING, 14_000, 'heir']]), ['pending']);
  assert.equal((await replica.one(14, get('d'))).player, 'heir');
});

test('what is imported is claimed, validated and expired like any other', async (t) => {
  const { replica, add } = await imported(t);
  await add(10, [
    ['one', PENDING, 10_000],
    ['two', PENDING, 10_000],
    ['done', VALIDATED, 1_000],
  ]);
  const told = await replica.commit(11, [
    submit('one', 'owner', 11_000),
    submit('one', 'thief', 11_000),
    validate('one', 'owner'),
    validate('done', 'owner'),
  ]);
  assert.deepEqual(
    told.map(({ outcome, status }) => `${outcome} ${status}`),
    ['REPLAYED PENDING', 'TAKEN UNSPECIFIED', 'ACCEPTED VALIDATED', 'REPLAYED VALIDATED'],
  );
  assert.equal((await replica.one(12, validate('two', 'owner'))).outcome, 'EXPIRED');
});

test('a claim twice in one page: the first has it', async (t) => {
  const { add } = await imported(t);
  const twice: Claim[] = [
    ['c', PENDING, 10_000],
    ['c', VALIDATED, 10_000],
    ['c', PENDING, 10_000, 'thief'],
  ];
  assert.deepEqual(await add(10, twice), ['pending', 'same', 'taken']);
});

test('pending ones are counted as submitted now, and fall due in their own epochs', async (t) => {
  const { replica, add } = await imported(t);
  await add(10, [
    ...CASES.map(([claim]) => claim),
    ['later', PENDING, 10_600],
    ['validated-here', PENDING, 10_000],
  ]);
  await replica.one(11, validate('validated-here', 'owner'));
  await replica.advance(15);
  assert.deepEqual(await replica.counts(9, 14), [
    { epoch: 9, submitted: 0, validated: 0, expired: 0, pending: 0 },
    { epoch: 10, submitted: 7, validated: 0, expired: 3, pending: 4 },
    { epoch: 11, submitted: 0, validated: 1, expired: 1, pending: 2 },
    { epoch: 12, submitted: 0, validated: 0, expired: 1, pending: 1 },
    { epoch: 13, submitted: 0, validated: 0, expired: 1, pending: 0 },
    { epoch: 14, submitted: 0, validated: 0, expired: 0, pending: 0 },
  ]);
});

test('counts add up and agree with the claims, whatever is imported among commits', async (t) => {
  const { replica, add } = await imported(t, { ...SETTINGS, retentionEpochs: 100 });
  const random = new SeededRandom(SEED);
  const statuses = [PENDING, VALIDATED, EXPIRED];
  for (let epoch = 0; epoch < 30; epoch += 1 + random.below(3)) {
    const page = Array.from({ length: random.below(300) }, (): Claim => {
      const at = epoch * 1_000 - random.below(3_000);
      return [`c${random.below(3_000)}`, random.pick(statuses), at, `p${random.below(2)}`];
    });
    const items = page.slice(0, 100).map(([claim, , at]) => submit(claim, 'p0', at));
    await Promise.all([add(epoch, page), replica.commit(epoch, items)]);
    await replica.commit(
      epoch,
      page.slice(0, 50).map(([claim]) => validate(claim, 'p0')),
    );
  }
  await replica.advance(40);
  let pending = 0;
  let [submitted, ended] = [0, 0];
  for (const counts of await replica.counts(0, 39)) {
    submitted += counts.submitted;
    ended += counts.validated + counts.expired;
    pending += counts.submitted - counts.validated - counts.expired;
    assert.equal(counts.pending, pending, `pending at the end of ${counts.epoch}`);
    assert.ok(counts.expired >= 0 && pending >= 0);
  }
  assert.equal(pending, 0);
  assert.equal(submitted, ended);
  assert.ok(submitted > 1_000, 'a real history');
});

test('more claims than one call takes, in one page', async (t) => {
  const { replica, add } = await imported(t);
  const claims = Array.from({ length: 5_000 }, (_, n): Claim => [`many${n}`, VALIDATED, 0]);
  assert.ok((await add(10, claims)).every((outcome) => outcome === 'validated'));
  assert.equal((await replica.scan(1_000)).length, claims.length);
});

describe('what keeps an import from writing', () => {
  test('a dry run: says the same, writes nothing', async (t) => {
    const { prefix, add } = await imported(t);
    const claims = CASES.map(([claim]) => claim);
    const client = server.client();
    const before = await client.keys(`${prefix}*`);
    const told = CASES.map(([, outcome]) => outcome);
    assert.deepEqual(await add(10, claims, true), told);
    assert.deepEqual(await client.keys(`${prefix}*`), before);
    assert.deepEqual(await add(10, claims), told);
    const all = await client.hgetall(`${prefix}claim_epochs:{1}`);
    await add(10, [['another', PENDING, 10_000]], true);
    assert.deepEqual(await client.hgetall(`${prefix}claim_epochs:{1}`), all);
  });

  test('a dry run on no registry at all makes none', async (t) => {
    const dry = importer(t, new SteppedClock(1_700_000_000_000), 'none:', { isDryRun: true, isNew: true });
    const claim = { claimId: 'c', playerId: 'p', timestampMs: 1_700_000_000_000, status: PENDING };
    assert.deepEqual(await dry.add([claim]), ['pending']);
    assert.deepEqual(await server.client().keys('none:*'), []);
  });

  test('other settings than the registry has: which, and which it has', async (t) => {
    const { prefix } = await imported(t);
    const claim = { claimId: 'c', playerId: 'p', timestampMs: 0, status: VALIDATED };
    for (const [options, said] of [
      [{ settings: { ...SETTINGS, epochLengthMs: 2_000 } }, 'epoch_length_ms is 1000, asked for was 2000'],
      [{ shards: 8 }, 'shards is 4, asked for was 8'],
    ] as const) {
      const other = importer(t, new SteppedClock(0), prefix, options);
      await assert.rejects(
        other.add([claim]),
        (error) => error instanceof RegistryMismatch && error.message.includes(said),
      );
    }
  });

  test('a value there that can’t be read is left as it is', async (t) => {
    const { prefix, add } = await imported(t);
    const client = server.client();
    const keys = Array.from({ length: SHARDS }, (_, shard) => `${prefix}claim_registry:{${shard}}`);
    for (const key of keys) await client.hset(key, 'corrupt', 'what is this');
    assert.deepEqual(await add(10, [['corrupt', PENDING, 10_000]]), ['unreadable_there']);
    for (const key of keys) assert.equal(await client.hget(key, 'corrupt'), 'what is this');
  });
});

test('a shard that Redis has lost is shown its epoch again before anything is added', async (t) => {
  const { prefix, add, replica } = await imported(t);
  await add(10, [['kept', PENDING, 10_000]]);
  const client = server.client();
  for (const key of await client.keys(`${prefix}claim_*:{*}`)) await client.del(key);
  assert.deepEqual(
    await add(10, [
      ['c', PENDING, 10_000],
      ['d', VALIDATED, 0],
    ]),
    ['pending', 'validated'],
  );
  await replica.advance(13);
  assert.deepEqual(
    (await replica.counts(10, 12)).map(({ submitted, expired, pending }) => [submitted, expired, pending]),
    [
      [1, 0, 1],
      [0, 0, 1],
      [0, 1, 0],
    ],
  );
});
