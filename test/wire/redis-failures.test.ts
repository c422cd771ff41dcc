/**
 * The started server while its Redis fails: callers are answered, the server stays alive and says
 * what is wrong, and once Redis is back every fact that was acknowledged is still one.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { systemClock } from '../../src/clock/clock.ts';
import { ClaimClient, type Item } from '../support/client.ts';
import { checkNothingRefused, type FactLoad, reportRecovery } from '../support/fact-load.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { clientFor } from '../support/for-test.ts';
import { freePort, LOOPBACK } from '../support/free-port.ts';
import { HealthClient } from '../support/health-client.ts';
import { callerOf, loadBy, type RedisClaimd, redisClaimdFor } from '../support/redis-claimd.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { failsWith, until } from '../support/waiting.ts';

/** claimd's own, milliseconds. */
const REDIS_TIMEOUT_MS = 2_000;
/** Above a deadline, on a machine with other things to do. A guard against hanging, not a measure. */
const SLACK_MS = 2_000;
const SILENCE_MS = 5_000;
/** More than ten commits' worth in one call. */
const MANY = 6_000;

async function redisFor(t: TestContext): Promise<RedisServer> {
  const redis = await startRedis();
  t.after(() => redis.stop());
  return redis;
}

async function pairOn(t: TestContext, url: string): Promise<[RedisClaimd, RedisClaimd]> {
  const options = { env: { CLAIMS_REDIS_TIMEOUT_MS: '500' } };
  return Promise.all([redisClaimdFor(t, url, options), redisClaimdFor(t, url, options)]);
}

interface Readiness {
  readonly code: number;
  readonly said: string;
}

async function readiness({ claimd }: Pick<RedisClaimd, 'claimd'>): Promise<Readiness> {
  return readinessAt(claimd.adminAddress);
}

async function readinessAt(adminAddress: string): Promise<Readiness> {
  const reply = await fetch(`http://${adminAddress}/readyz`);
  return { code: reply.status, said: await reply.text() };
}

/** What a server that started after everything, and so knows of Redis alone, says of the facts. */
async function checkAnew(t: TestContext, url: string, load: FactLoad): Promise<void> {
  const { client } = await redisClaimdFor(t, url);
  await load.facts.check(callerOf(client));
}

/** Lines of a log that hold a text. */
function lines({ claimd }: RedisClaimd, text: string): string[] {
  return claimd
    .log()
    .split('\n')
    .filter((line) => line.includes(text));
}

test('Redis absent at start: it waits, is not ready, says so, then serves', async (t) => {
  const [port, own, admin] = [await freePort(), await freePort(), await freePort()];
  const env = { CLAIMS_LISTEN: `${LOOPBACK}:${own}`, CLAIMS_ADMIN_LISTEN: `${LOOPBACK}:${admin}` };
  const starting = redisClaimdFor(t, `redis://${LOOPBACK}:${port}`, {
    env: { ...env, CLAIMS_REDIS_TIMEOUT_MS: '500' },
  });
  const reason = new RegExp(`STORE_UNAVAILABLE.*${port}.*ECONNREFUSED`);
  await until('readiness to say what it waits for', async () => {
    const told = await readinessAt(`${LOOPBACK}:${admin}`).catch(() => undefined);
    return told !== undefined && told.code === 503 && reason.test(told.said);
  });
  const [client, health] = [new ClaimClient(`${LOOPBACK}:${own}`), new HealthClient(`${LOOPBACK}:${own}`)];
  t.after(() => {
    client.close();
    health.close();
  });
  assert.equal(await health.check(''), 'NOT_SERVING');
  await failsWith(client.submit({ claimId: 'c', playerId: 'p' }), status.UNAVAILABLE);
  const redis = await startRedis({ port });
  t.after(() => redis.stop());
  const begunMs = systemClock.nowMs();
  const started = await starting;
  t.diagnostic(`serves ${systemClock.nowMs() - begunMs} ms after Redis does`);
  assert.equal((await readiness(started)).code, 200);
  assert.equal((await client.submit({ claimId: 'c', playerId: 'p' })).outcome, 'ACCEPTED');
  assert.equal(lines(started, 'the start waits for it').length, 1, started.claimd.log());
  assert.equal(lines(started, 'the start goes on').length, 1);
});

test('Redis silent for 5 s: every call ends, whatever waits, and the server recovers', async (t) => {
  const redis = await redisFor(t);
  const server = await redisClaimdFor(t, redis.url);
  const load = loadBy(t, [server.client]);
  await load.untilConfirmed();
  redis.pause();
  const silence = delay(SILENCE_MS);
  const items = Array.from({ length: MANY }, (_, n): Item => ({ claimId: `many-${n}`, playerId: 'p' }));
  // Several connections: one has no more streams than CONNECTION_MAX_STREAMS at a time.
  const clients = [1, 2, 3].map(() => clientFor(t, server.claimd));
  const calls = [
    server.client.batchSubmit(items),
    ...items
      .slice(0, 500)
      .map(async (item, n) => [await clients[n % clients.length].submit({ ...item, playerId: 'q' })]),
  ];
  const begunMs = systemClock.nowMs();
  for (const results of await Promise.all(calls)) {
    for (const { outcome, reason } of results) {
      assert.equal(outcome, 'UNAVAILABLE');
      assert.match(reason, /did not confirm/);
    }
  }
  const tookMs = systemClock.nowMs() - begunMs;
  assert.ok(tookMs <= 2 * REDIS_TIMEOUT_MS + SLACK_MS, `the last call ended after ${tookMs} ms`);
  await until('readiness to tell it', async () => (await readiness(server)).code === 503);
  await silence;
  redis.resume();
  await reportRecovery(t, load);
  await until('readiness', async () => (await readiness(server)).code === 200);
  await load.end();
  await checkAnew(t, redis.url, load);
  assert.equal(await server.claimd.stop(), 0);
});

test('Redis killed and started with its data, scripts flushed, one of two servers killed: no fact is lost', async (t) => {
  const redis = await redisFor(t);
  const [one, two] = await pairOn(t, redis.url);
  const load = loadBy(t, [one.client, two.client]);
  await load.untilConfirmed();
  await redis.kill();
  await load.untilRefused();
  await redis.restart({ keepData: true });
  await reportRecovery(t, load);
  await redis.client().script('FLUSH');
  await load.untilConfirmed();
  await load.end();
  const last = loadBy(t, [two.client], 'last-');
  one.claimd.kill('SIGKILL');
  await one.claimd.wait();
  await last.untilConfirmed();
  await last.end();
  await load.facts.check(callerOf(two.client));
  await checkAnew(t, redis.url, load);
  await checkAnew(t, redis.url, last);
});

test('Redis started again without its data: it serves, and what is acknowledged from then on holds', async (t) => {
  const redis = await redisFor(t);
  const [one, two] = await pairOn(t, redis.url);
  const before = loadBy(t, [one.client, two.client]);
  await before.untilConfirmed();
  await before.end();
  await redis.restart({ keepData: false });
  const names = Array.from({ length: 100 }, (_, n) => `after-${n}`);
  const claims = (player: string): Item[] => names.map((claimId) => ({ claimId, playerId: player }));
  const [ones, twos] = await Promise.all([
    one.client.batchSubmit(claims('one')),
    two.client.batchSubmit(claims('two')),
  ]);
  for (const [n, { outcome }] of ones.entries()) {
    assert.deepEqual([outcome, twos[n].outcome].sort(), ['ACCEPTED', 'TAKEN'], names[n]);
  }
  const { client } = await redisClaimdFor(t, redis.url);
  const again = await client.batchSubmit(claims('one'));
  for (const [n, { outcome }] of again.entries()) {
    assert.equal(outcome, ones[n].outcome === 'ACCEPTED' ? 'REPLAYED' : 'TAKEN', names[n]);
  }
});

test('connections cut again and again, latency: callers notice nothing', async (t) => {
  const redis = await redisFor(t);
  const proxy = await FaultProxy.start(redis);
  t.after(() => proxy.stop());
  const [one, two] = await pairOn(t, `redis://${proxy.host}:${proxy.port}`);
  const load = loadBy(t, [one.client, two.client]);
  for (let n = 0; n < 10; n += 1) await proxy.cutNext('player-', n % 2 === 0 ? 'request' : 'reply');
  await reportRecovery(t, load);
  proxy.latencyMs = 100;
  await load.untilConfirmed();
  await load.untilConfirmed();
  await load.end();
  checkNothingRefused(load);
  proxy.latencyMs = 0;
  await checkAnew(t, redis.url, load);
});

for (const [what, words, spoil, mend] of [
  [
    'out of memory',
    'OOM',
    (redis: RedisServer) => redis.client().config('SET', 'maxmemory', '1'),
    (redis: RedisServer) => redis.client().config('SET', 'maxmemory', '0'),
  ],
  [
    'a permission taken away',
    'NOPERM',
    (redis: RedisServer) => redis.client().call('ACL', 'SETUSER', 'default', '-eval', '-evalsha'),
    (redis: RedisServer) => redis.client().call('ACL', 'SETUSER', 'default', '+eval', '+evalsha'),
  ],
] as const) {
  test(`${what}: UNAVAILABLE, clear lines in the log, not ready, until it is mended`, async (t) => {
    const redis = await redisFor(t);
    const server = await redisClaimdFor(t, redis.url);
    const load = loadBy(t, [server.client]);
    await load.untilConfirmed();
    await spoil(redis);
    await load.untilRefused();
    await until('readiness to tell it', async () => {
      const { code, said } = await readiness(server);
      return code === 503 && said.includes(words);
    });
    await mend(redis);
    await reportRecovery(t, load);
    await until('readiness', async () => (await readiness(server)).code === 200);
    await load.end();
    const told = lines(server, words);
    // Of commits, of epochs, of readiness; never one for each call.
    assert.ok(told.length > 0 && told.length <= 3, told.join('\n'));
    assert.equal(new Set(told.map((line) => JSON.parse(line).msg)).size, told.length, told.join('\n'));
    assert.ok(lines(server, 'the store confirms again').length >= 1);
    await checkAnew(t, redis.url, load);
  });
}

test('wrong data in a field: told once, UNAVAILABLE, and the others are served', async (t) => {
  const redis = await redisFor(t);
  const client = redis.client();
  const env = { CLAIMS_REGISTRY_SHARDS: '1' };
  const first = await redisClaimdFor(t, redis.url, { env });
  await first.client.batchSubmit(['a', 'b', 'c'].map((claimId) => ({ claimId, playerId: 'p' })));
  await client.hset('claim_registry', 'b', 'nonsense', 'd', 'P|x|y|z');
  const second = await redisClaimdFor(t, redis.url, { env });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const results = await second.client.batchSubmit(
      ['a', 'b', 'c', 'd'].map((claimId) => ({ claimId, playerId: 'p' })),
    );
    assert.deepEqual(
      results.map(({ outcome }) => outcome),
      ['REPLAYED', 'UNAVAILABLE', 'REPLAYED', 'UNAVAILABLE'],
    );
    assert.match(results[1].reason, /did not confirm/);
  }
  for (const field of ['b', 'd'])
    assert.equal(lines(second, `"field":"${field}"`).length, 1, second.claimd.log());
  const metrics = await (await fetch(`http://${second.claimd.adminAddress}/metrics`)).text();
  assert.match(metrics, /^claims_store_corrupt_fields\S* 2$/m);
  assert.deepEqual(await client.hmget('claim_registry', 'b', 'd'), ['nonsense', 'P|x|y|z']);
  for (const server of [first, second]) assert.equal(await server.claimd.stop(), 0);
});
