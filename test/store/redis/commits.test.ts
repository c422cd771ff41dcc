/**
 * The fence: a commit that is sent twice is decided once, and one that comes too late not at all.
 * Beneath the commits lies a connection that loses answers on command.
 */
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { Redis } from 'ioredis';
import { systemClock } from '../../../src/clock/clock.ts';
import { ClaimOperation, ClaimStatus, Outcome } from '../../../src/domain/claim.ts';
import { StoreUnavailable } from '../../../src/domain/errors.ts';
import { EntryTable } from '../../../src/entries/entry-table.ts';
import { REDIS_WAITING_COMMITS_MAX } from '../../../src/limits.ts';
import { RedisCommits } from '../../../src/store/redis/commits.ts';
import { RedisConnection } from '../../../src/store/redis/connection.ts';
import type { Deadline } from '../../../src/store/redis/deadline.ts';
import type { RedisStoreOptions } from '../../../src/store/redis/options.ts';
import { RedisRegistry } from '../../../src/store/redis/registry.ts';
import type { RedisClient } from '../../../src/store/redis/scripts.ts';
import { type EntryFields, fill, read } from '../../support/entries.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { standaloneAt } from './replica.ts';

const SETTINGS = {
  epochLengthMs: 10_000,
  validationWindowMs: 10_000,
  retentionEpochs: 60,
  partition: 'claim',
} as const;
const EPOCH = 100;
const EXPIRY = 102;

let server: RedisServer;
let client: Redis;
let made = 0;
before(async () => {
  server = await startRedis();
  client = server.client();
});
after(() => server.stop());

/** Sends every call twice, and takes what `between` does in the meantime; only the second answer counts. */
class LosingConnection {
  readonly #connection: RedisConnection;
  between: (() => Promise<unknown>) | undefined;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  run<T>(deadline: Deadline, work: (client: RedisClient) => Promise<T>): Promise<T> {
    return this.#connection.run(deadline, async (redis) => {
      const { between } = this;
      this.between = undefined;
      if (between !== undefined) {
        await work(redis);
        await between();
      }
      return work(redis);
    });
  }
}

class Committing {
  readonly entries = EntryTable.allocate(32);
  readonly connection: LosingConnection;
  readonly commits: RedisCommits;

  constructor(t: TestContext, keyPrefix: string, overrides: Partial<RedisStoreOptions> = {}) {
    const options: RedisStoreOptions = {
      location: standaloneAt(server),
      settings: SETTINGS,
      shards: 4,
      keyPrefix,
      maxClockSkewMs: 1e12,
      timeoutMs: 2_000,
      clock: systemClock,
      entries: this.entries,
      replicaId: `replica${made++}`,
      events: { corruptField: () => undefined, connection: () => undefined },
      ...overrides,
    };
    const connection = new RedisConnection({ ...options, name: 'test' });
    t.after(() => connection.close());
    this.connection = new LosingConnection(connection);
    const ignore = () => undefined;
    this.commits = new RedisCommits(new RedisRegistry(options), this.connection, ignore);
  }

  async commit(items: readonly EntryFields[], epoch = EPOCH) {
    const numbers = Int32Array.from(items, (item, i) => {
      fill(this.entries, i, item);
      return i;
    });
    await this.commits.commit({ entries: numbers, count: items.length, epoch });
    return Array.from(numbers, (entry) => read(this.entries, entry));
  }
}

const submit = (claimId: string, playerId = 'p1'): EntryFields => ({
  operation: ClaimOperation.SUBMIT,
  claimId,
  playerId,
  timestampMs: 1_005_000,
  expiresAtEpoch: EXPIRY,
});
const of = (operation: ClaimOperation, claimId: string, playerId = ''): EntryFields => ({
  operation,
  claimId,
  playerId,
});
const validate = (claimId: string) => of(ClaimOperation.VALIDATE, claimId, 'p1');
const get = (claimId: string) => of(ClaimOperation.GET, claimId);
const nothing = async () => undefined;

/** All keys of a registry with their values, in order. */
async function dump(prefix: string): Promise<[string, string | null][]> {
  const keys = (await client.keys(`${prefix}*`)).sort();
  const dumped = await Promise.all(keys.map((key) => client.dumpBuffer(key)));
  return keys.map((key, i) => [key, dumped[i].toString('base64')]);
}

describe('a commit sent twice', () => {
  const items = [
    ...[submit('a'), submit('a'), submit('a', 'p2'), validate('a'), validate('a'), get('a')],
    ...[submit('b'), get('b'), validate('unknown'), of(ClaimOperation.EXPIRE, 'b')],
    ...['c', 'd', 'e', 'f', 'g'].map((claimId) => submit(claimId)),
  ];

  test('has the outcomes and values of the first time, and leaves what that left', async (t) => {
    const [once, twice] = [new Committing(t, 'once:'), new Committing(t, 'twice:')];
    const expected = await once.commit(items);
    twice.connection.between = nothing;
    assert.deepEqual(await twice.commit(items), expected);
    assert.deepEqual(
      await client.hgetall('twice:claim_epochs:{0}'),
      await client.hgetall('once:claim_epochs:{0}'),
    );
    const claims = async (prefix: string) =>
      Promise.all([0, 1, 2, 3].map((k) => client.hgetall(`${prefix}claim_registry:{${k}}`)));
    assert.deepEqual(await claims('twice:'), await claims('once:'));
  });

  test('also where others have changed the claims in between', async (t) => {
    const [replica, other] = [new Committing(t, 'between:'), new Committing(t, 'between:')];
    replica.connection.between = () => other.commit([validate('x'), submit('y', 'p2')], EPOCH + 1);
    const results = await replica.commit([submit('x'), get('x'), validate('y')]);
    assert.deepEqual(
      results.map(({ outcome, status, epoch }) => [outcome, status, epoch]),
      [
        [Outcome.ACCEPTED, ClaimStatus.PENDING, EPOCH],
        [Outcome.FOUND, ClaimStatus.PENDING, EPOCH],
        [Outcome.NOT_FOUND, ClaimStatus.UNSPECIFIED, EPOCH],
      ],
    );
    // The value that was told is the pending claim's, not that of the claim as it is now.
    assert.equal(results[1].endEpoch, EXPIRY);
    assert.equal(results[1].playerId, 'p1');
  });

  test('with another number is decided again: everything is there already', async (t) => {
    const replica = new Committing(t, 'again:');
    await replica.commit([submit('a')]);
    const [again] = await replica.commit([submit('a')]);
    assert.equal(again.outcome, Outcome.REPLAYED);
  });

  test('the fences are two keys of the replica, for an hour', async (t) => {
    const replica = new Committing(t, 'fence:', { replicaId: 'own' });
    await replica.commit(items);
    const fences = (await client.keys('fence:claim_commit*')).sort();
    assert.deepEqual(fences, ['fence:claim_commit:{0}:own:0', 'fence:claim_commit:{0}:own:1']);
    for (const fence of fences) {
      const seconds = await client.ttl(fence);
      assert.ok(seconds > 3_500 && seconds <= 3_600, `${seconds} s`);
    }
  });
});

test('a commit that was given up and comes after a later one changes nothing', async (t) => {
  const prefix = 'ghost:';
  const replica = new Committing(t, prefix);
  await replica.commit([submit('first')]);
  let afterLater: unknown;
  // The call below is sent once more when a later commit of the replica, in another process's guise,
  // has been decided: the fence has the later number then.
  replica.connection.between = async () => {
    const [fence] = await client.keys(`${prefix}claim_commit*:0`);
    const [number, ...answer] = String(await client.get(fence)).split(' ');
    await client.set(fence, [Number(number) + 1, ...answer].join(' '));
    afterLater = await dump(prefix);
  };
  const late = replica.commit([submit('second'), validate('first')]);
  await assert.rejects(late, (error) => {
    return error instanceof StoreUnavailable && error.message.includes('later commit');
  });
  assert.deepEqual(await dump(prefix), afterLater);
  assert.equal(replica.entries.fromStore[1], 0, 'no entry was written to');
});

test('an epoch that is shown keeps no fence', async (t) => {
  const replica = new Committing(t, 'shown:');
  assert.equal(await replica.commits.advanceEpoch(EPOCH), EPOCH);
  assert.deepEqual(await client.keys('shown:claim_commit*'), []);
});

test('commits that wait are bounded', async (t) => {
  const { commits } = new Committing(t, 'waiting:');
  const batch = { entries: new Int32Array(0), count: 0, epoch: EPOCH };
  const called = Array.from({ length: REDIS_WAITING_COMMITS_MAX + 1 }, () => commits.commit(batch));
  const settled = await Promise.allSettled(called);
  const refused = settled.filter((result) => result.status === 'rejected');
  assert.equal(refused.length, 1);
  assert.ok(refused[0].reason instanceof StoreUnavailable);
  assert.match(refused[0].reason.message, /1024 commits wait/);
  assert.equal(await commits.commit(batch), EPOCH, 'there is room again');
});
