/**
 * Wrong data in Redis: what no store of this program wrote is told of, never taken for a claim or
 * for none, and never written over.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Redis } from 'ioredis';
import { StoreUnavailable } from '../../../src/domain/errors.ts';
import { startRedis } from '../../support/redis-server.ts';
import { expire, get, submit, validate } from '../replica.ts';
import { openRedisReplica, type RedisReplica, standaloneAt } from './replica.ts';

const REGISTRY = 'claim_registry';
const WRONG = [
  '',
  'P',
  'P|',
  'P|1700000000000|3',
  'X|1700000000000|3|p',
  'P|x|3|p',
  'P|1700000000000|x|p',
  'P|1700000000000||p',
  'P|-1|3|p',
  'P|1e3|3|p',
  'P|0x10|3|p',
  'P|1700000000000|3|',
  'P|99999999999999999999|3|p',
  'P|1700000000000|99999999999999999999|p',
  'P|1700000000000|-3|p',
  'P|1700000000000.5|3|p',
  ' P|1700000000000|3|p',
  '{"playerId":"p","timestamp":1700000000000,"status":"PENDING"}',
  '\u0000\u00ff',
  `P|1700000000000|3|${'p'.repeat(65)}`,
];

async function registry(t: TestContext): Promise<RedisReplica & { client: Redis }> {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const opened = await openRedisReplica(t, standaloneAt(redis), { shards: 1 });
  return { ...opened, client: redis.client() };
}

test('a field of wrong data: UNAVAILABLE, counted, told once, left as it is', async (t) => {
  const { replica, store, corrupt, client } = await registry(t);
  for (const [n, value] of WRONG.entries()) await client.hset(REGISTRY, `wrong-${n}`, value);
  const before = await client.hgetall(REGISTRY);
  for (const [n, value] of WRONG.entries()) {
    const claim = `wrong-${n}`;
    const items = [submit(claim, 'p'), validate(claim, 'p'), get(claim), expire(claim, 'p')];
    for (const item of items) {
      const { outcome, status } = await replica.one(0, item);
      assert.deepEqual(
        [outcome, status],
        ['UNAVAILABLE', 'UNSPECIFIED'],
        `${item.operation} of ${JSON.stringify(value)}`,
      );
    }
  }
  assert.deepEqual(await client.hgetall(REGISTRY), before);
  assert.deepEqual(
    corrupt,
    WRONG.map((_, n) => `${REGISTRY} wrong-${n}`),
  );
  assert.ok(store.corruptFields >= WRONG.length);
});

test('what is beside it in a batch is decided', async (t) => {
  const { replica, client } = await registry(t);
  await client.hset(REGISTRY, 'wrong', 'x');
  const results = await replica.commit(0, [
    submit('c', 'p'),
    submit('wrong', 'p'),
    validate('c', 'p'),
    get('wrong'),
  ]);
  assert.deepEqual(
    results.map(({ outcome }) => outcome),
    ['ACCEPTED', 'UNAVAILABLE', 'ACCEPTED', 'UNAVAILABLE'],
  );
});

test('a scan leaves it out and a reclaim leaves it be; mended, it is a claim', async (t) => {
  const { replica, store, client } = await registry(t);
  await replica.commit(0, [submit('c', 'p'), submit('mended', 'p')]);
  const value = await client.hget(REGISTRY, 'mended');
  await client.hset(REGISTRY, 'mended', 'x');
  assert.deepEqual(
    (await replica.scan()).map(({ claim }) => claim),
    ['c'],
  );
  await replica.advance(1_000);
  await replica.scan();
  await store.reclaim(100);
  assert.deepEqual(await client.hgetall(REGISTRY), { mended: 'x' });
  await client.hset(REGISTRY, 'mended', String(value));
  assert.equal((await replica.one(0, get('mended'))).outcome, 'NOT_FOUND');
});

test('a key of another type: StoreUnavailable in Redis’s words, and the key is left', async (t) => {
  const { replica, client } = await registry(t);
  await client.set(REGISTRY, 'a string');
  await assert.rejects(replica.one(0, submit('c', 'p')), (error) => {
    assert.ok(error instanceof StoreUnavailable, String(error));
    assert.match(error.message, /WRONGTYPE/);
    return true;
  });
  await assert.rejects(replica.scan(), StoreUnavailable);
  assert.equal(await client.get(REGISTRY), 'a string');
  await client.del(REGISTRY);
  assert.equal((await replica.one(0, submit('c', 'p'))).outcome, 'ACCEPTED');
});
