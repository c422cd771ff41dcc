/** A registry in Redis as operators see it: its keys, its settings, and what is not to be touched. */
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { Redis } from 'ioredis';
import { ClaimOperation } from '../../../src/domain/claim.ts';
import {
  ClockAhead,
  EpochOutOfRange,
  RegistryMismatch,
  StoreUnavailable,
} from '../../../src/domain/errors.ts';
import { EntryTable } from '../../../src/entries/entry-table.ts';
import { SUMMARY_HISTORY_EPOCHS } from '../../../src/limits.ts';
import { RedisKeys, RedisSharding } from '../../../src/store/redis/keys.ts';
import type { RedisLocation } from '../../../src/store/redis/options.ts';
import { fill } from '../../support/entries.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { get, submit, validate } from '../replica.ts';
import { FAULT_SETTINGS, openRedisReplica, redisReplica, standaloneAt } from './replica.ts';

let server: RedisServer;
let client: Redis;
let made = 0;
before(async () => {
  server = await startRedis();
  client = server.client();
});
after(() => server.stop());

const nextPrefix = () => `registry${made++}:`;

/** The server, as a location whose database can be another. */
const inDatabase0 = () => ({
  kind: 'standalone' as const,
  ...{ host: server.host, port: server.port, database: 0, tls: false, text: server.url },
});

/** Every key that begins so, with its bytes. */
async function dump(prefix: string): Promise<Map<string, string>> {
  const keys = await client.keys(`${prefix}*`);
  const bytes = await Promise.all(keys.sort().map((key) => client.dumpBuffer(key)));
  return new Map(keys.map((key, i) => [key, bytes[i].toString('base64')]));
}

describe('settings', () => {
  const SETTINGS = {
    format: '1',
    epoch_length_ms: '10000',
    validation_window_ms: '600000',
    retention_epochs: '60',
    partition: 'claim',
    shards: '4',
  };

  test('are legible', async (t) => {
    const keyPrefix = nextPrefix();
    await openRedisReplica(t, standaloneAt(server), { keyPrefix });
    assert.deepEqual(await client.hgetall(`${keyPrefix}claim_registry_settings`), SETTINGS);
  });

  const others: readonly [string, Record<string, string>, RegExp][] = [
    ['another number of shards', { ...SETTINGS, shards: '8' }, /shards is 8, asked for was 4/],
    ['a format of later versions', { ...SETTINGS, format: '2' }, /format 2, this program serves 1/],
    ['something else altogether', { name: 'x' }, /not of a registry of this program/],
  ];
  for (const [name, has, words] of others) {
    test(`${name}: RegistryMismatch, and nothing is touched`, async (t) => {
      const keyPrefix = nextPrefix();
      await client.hset(`${keyPrefix}claim_registry_settings`, has);
      const { replica } = redisReplica(t, standaloneAt(server), { keyPrefix });
      const before = await dump(keyPrefix);
      await assert.rejects(replica.open(), (error) => {
        assert.ok(error instanceof RegistryMismatch, String(error));
        assert.match(error.message, words);
        return true;
      });
      assert.deepEqual(await dump(keyPrefix), before);
    });
  }

  test('claims without settings are another program’s: RegistryMismatch, and nothing is touched', async (t) => {
    const keyPrefix = nextPrefix();
    const key = `${keyPrefix}claim_registry`;
    await client.hset(key, 'c', '{"playerId":"p","timestamp":1,"status":"PENDING"}');
    const { replica } = redisReplica(t, standaloneAt(server), { keyPrefix, shards: 1 });
    const before = await dump(keyPrefix);
    await assert.rejects(replica.open(), (error) => {
      assert.ok(error instanceof RegistryMismatch, String(error));
      assert.ok(error.message.includes(key), error.message);
      return true;
    });
    assert.deepEqual(await dump(keyPrefix), before);
  });

  test('replicas that come to an empty server at once all serve the same registry', async (t) => {
    const keyPrefix = nextPrefix();
    const opened = Array.from({ length: 6 }, () => openRedisReplica(t, standaloneAt(server), { keyPrefix }));
    const replicas = await Promise.all(opened);
    const results = await Promise.all(replicas.map(({ replica }, i) => replica.one(0, submit('c', `p${i}`))));
    assert.equal(results.filter((result) => result.outcome === 'ACCEPTED').length, 1);
  });

  test('are there again before the first claim, where somebody has emptied Redis', async (t) => {
    const keyPrefix = nextPrefix();
    const { replica } = await openRedisReplica(t, standaloneAt(server), { keyPrefix });
    await replica.one(0, submit('before', 'p'));
    await client.del(...(await client.keys(`${keyPrefix}*`)));
    assert.equal((await replica.one(0, submit('before', 'p'))).outcome, 'ACCEPTED');
    assert.deepEqual(await client.hgetall(`${keyPrefix}claim_registry_settings`), SETTINGS);
  });

  test('that others have put in their place: StoreUnavailable, and no claim is made', async (t) => {
    const keyPrefix = nextPrefix();
    const { replica } = await openRedisReplica(t, standaloneAt(server), { keyPrefix });
    await client.del(...(await client.keys(`${keyPrefix}*`)));
    await client.hset(`${keyPrefix}claim_registry_settings`, { ...SETTINGS, partition: 'player' });
    await assert.rejects(replica.one(0, submit('c', 'p')), (error) => {
      return error instanceof StoreUnavailable && error.message.includes('partition is player');
    });
    assert.deepEqual(await client.keys(`${keyPrefix}*`), [`${keyPrefix}claim_registry_settings`]);
  });
});

describe('databases', () => {
  test('a registry lies in the database of its location', async (t) => {
    const location: RedisLocation = { ...inDatabase0(), database: 3 };
    const keyPrefix = nextPrefix();
    await (await openRedisReplica(t, location, { keyPrefix })).replica.one(0, submit('c', 'p'));
    assert.deepEqual(await client.keys(`${keyPrefix}*`), []);
    const other = client.duplicate({ db: 3 });
    t.after(() => other.disconnect());
    assert.ok((await other.keys(`${keyPrefix}*`)).length > 0);
  });

  test('one that Redis does not have: StoreUnavailable, and nothing goes to another', async (t) => {
    const location: RedisLocation = { ...inDatabase0(), database: 99 };
    const keyPrefix = nextPrefix();
    const { replica } = redisReplica(t, location, { keyPrefix });
    await assert.rejects(replica.open(), (error) => {
      return error instanceof StoreUnavailable && error.message.includes('DB index is out of range');
    });
    assert.deepEqual(await client.keys(`${keyPrefix}*`), []);
  });
});

describe('keys and values', () => {
  test('claims are legible, in hashes of shards', async (t) => {
    const keyPrefix = nextPrefix();
    const { replica } = await openRedisReplica(t, standaloneAt(server), { keyPrefix });
    const ids = Array.from({ length: 40 }, (_, i) => `c${i}`);
    await replica.commit(0, [...ids.map((id) => submit(id, 'a|b', 5)), validate('c7', 'a|b')]);
    const shards = await Promise.all(
      [0, 1, 2, 3].map((k) => client.hgetall(`${keyPrefix}claim_registry:{${k}}`)),
    );
    assert.ok(shards.every((claims) => Object.keys(claims).length > 0));
    const claims: Record<string, string> = Object.assign({}, ...shards);
    const expiry = replica.baseEpoch + replica.expiry(5);
    assert.equal(claims['c0'], `P|${replica.baseMs + 5}|${expiry}|a|b`);
    assert.equal(claims['c7'], `V|${replica.baseMs + 5}|${replica.baseEpoch}|a|b`);
    assert.equal(Object.keys(claims).length, ids.length);
  });

  test('in player mode a field is the player and the claim, and a player’s claims lie in one shard', async (t) => {
    const keyPrefix = nextPrefix();
    const settings = { ...FAULT_SETTINGS, partition: 'player' } as const;
    const { replica } = await openRedisReplica(t, standaloneAt(server), { keyPrefix, settings });
    await replica.commit(
      0,
      Array.from({ length: 20 }, (_, i) => submit(`c${i}`, 'p')),
    );
    const keys = await client.keys(`${keyPrefix}claim_registry:*`);
    assert.equal(keys.length, 1);
    assert.ok((await client.hexists(keys[0], 'p\u001fc0')) === 1);
  });

  for (const [name, shards, prefix] of [
    ['several shards', 16, ''],
    ['several shards and a prefix', 16, 'app:'],
    ['one shard', 1, ''],
    ['one shard and a prefix', 1, 'app:'],
  ] as const) {
    test(`${name}: the keys of a shard have one slot, and all begin with the prefix`, async () => {
      const keys = new RedisKeys(prefix, shards);
      for (let shard = 0; shard < shards; shard += 1) {
        const names = [
          ...[keys.registry(shard), keys.epochs(shard), keys.summaries(shard)],
          ...[keys.fence(shard, 'replica', 0), keys.fence(shard, 'replica', 1)],
        ];
        assert.equal(new Set(names).size, names.length);
        assert.deepEqual(
          names.filter((key) => !key.startsWith(prefix)),
          [],
        );
        assert.equal(new Set(names.map(tagOf)).size, 1, names.join());
      }
    });
  }

  test('a single shard’s hash has the plain name', () => {
    assert.equal(new RedisKeys('', 1).registry(0), 'claim_registry');
    assert.equal(new RedisKeys('', 2).registry(1), 'claim_registry:{1}');
  });

  test('counts are legible: of the epoch, by epoch of expiry, and of complete epochs', async (t) => {
    const keyPrefix = nextPrefix();
    const { replica } = await openRedisReplica(t, standaloneAt(server), { keyPrefix, shards: 1 });
    const key = `{${keyPrefix}claim_registry}`;
    await replica.commit(0, [submit('a', 'p'), submit('b', 'p'), validate('b', 'p')]);
    const counts = {
      epoch: `${replica.baseEpoch}`,
      pending: '1',
      submitted: '2',
      validated: '1',
      expired: '0',
    };
    const due = `due:${replica.baseEpoch + replica.expiry(0)}`;
    assert.deepEqual(await client.hgetall(`${keyPrefix}claim_epochs:${key}`), { ...counts, [due]: '1' });
    await replica.advance(replica.expiry(0) + 1);
    const rows = Object.values(await client.hgetall(`${keyPrefix}claim_summaries:${key}`))
      .join(' ')
      .split(' ');
    assert.deepEqual(rows.sort(), [
      `${replica.baseEpoch}:2|1|0|1`,
      `${replica.baseEpoch + replica.expiry(0)}:0|0|1|0`,
    ]);
    assert.equal(await client.hexists(`${keyPrefix}claim_epochs:${key}`, due), 0);
  });
});

/** What a Redis Cluster takes the slot of: the first tag, else the whole name. */
function tagOf(key: string): string {
  return /\{([^}]+)\}/.exec(key)?.[1] ?? key;
}

describe('shards that have been shown different epochs', () => {
  /** Two replicas, and a claim id in each of two shards. */
  async function apart(t: TestContext) {
    const keyPrefix = nextPrefix();
    const overrides = { keyPrefix, shards: 2 };
    const [one, other] = [
      await openRedisReplica(t, standaloneAt(server), { ...overrides, maxClockSkewMs: 0 }),
      await openRedisReplica(t, standaloneAt(server), overrides),
    ];
    const sharding = new RedisSharding(2, 'claim');
    const entries = EntryTable.allocate(1);
    const inShard = (shard: number): string => {
      const ids = Array.from({ length: 64 }, (_, i) => `c${i}`);
      const found = ids.find((claimId) => {
        fill(entries, 0, { operation: ClaimOperation.GET, claimId });
        return sharding.shardOf(entries, 0) === shard;
      });
      assert.ok(found !== undefined);
      return found;
    };
    return { one: one.replica, other: other.replica, first: inShard(0), second: inShard(1) };
  }

  test('an epoch that one shard has reached is fine for the others, whatever the clock says', async (t) => {
    const { one, other, first, second } = await apart(t);
    await assert.rejects(one.one(100, get(second)), ClockAhead);
    await other.one(100, get(first));
    assert.equal((await one.one(0, get(first))).epoch, 100);
    assert.equal((await one.one(0, get(second))).epoch, 100);
  });

  test('an epoch is complete when all have passed it', async (t) => {
    const { one, other, first } = await apart(t);
    await other.advance(0);
    await other.one(1, submit(first, 'p'));
    await assert.rejects(one.counts(0, 0), EpochOutOfRange);
    await other.advance(1);
    assert.deepEqual(await one.counts(0, 0), [
      { epoch: 0, submitted: 0, validated: 0, expired: 0, pending: 0 },
    ]);
  });
});

describe('reclaim', () => {
  test('summaries that are no longer told go, the newest of them stays', async (t) => {
    const keyPrefix = nextPrefix();
    const { replica, store } = await openRedisReplica(t, standaloneAt(server), { keyPrefix, shards: 1 });
    const summaries = `${keyPrefix}claim_summaries:{${keyPrefix}claim_registry}`;
    const buckets = 5;
    for (let epoch = 0; epoch < buckets * 64; epoch += 64) {
      await replica.one(epoch, submit(`c${epoch}`, 'p', epoch * FAULT_SETTINGS.epochLengthMs));
    }
    const now = 2 * 64 + SUMMARY_HISTORY_EPOCHS + 128;
    await replica.advance(now);
    const before = await replica.counts(now - SUMMARY_HISTORY_EPOCHS, now - SUMMARY_HISTORY_EPOCHS);
    const kept = await client.hlen(summaries);
    await store.reclaim(100);
    const left = (await client.hkeys(summaries)).map(Number);
    assert.ok(left.length < kept && left.length > 0, `${left.length} of ${kept}`);
    const oldestTold = replica.baseEpoch + now - SUMMARY_HISTORY_EPOCHS;
    assert.equal(left.filter((epoch) => epoch + 64 <= oldestTold).length, 1);
    assert.deepEqual(
      await replica.counts(now - SUMMARY_HISTORY_EPOCHS, now - SUMMARY_HISTORY_EPOCHS),
      before,
    );
  });

  test('a claim born anew since it was found is left', async (t) => {
    const keyPrefix = nextPrefix();
    const { replica, store } = await openRedisReplica(t, standaloneAt(server), { keyPrefix });
    await replica.commit(0, [submit('c', 'p'), validate('c', 'p'), submit('d', 'p'), validate('d', 'p')]);
    const now = FAULT_SETTINGS.retentionEpochs + 1;
    await replica.advance(now);
    assert.deepEqual(await replica.scan(), [], 'the scan has found both');
    await replica.one(now, submit('c', 'q', now * FAULT_SETTINGS.epochLengthMs));
    assert.equal(await store.reclaim(10), 1);
    assert.deepEqual(
      (await replica.scan()).map(({ claim, player }) => [claim, player]),
      [['c', 'q']],
    );
  });
});
