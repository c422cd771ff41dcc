/**
 * The Redis store while its server fails: absent, killed, silent, slow, out of memory. A load from
 * two replicas goes on meanwhile; in the end no fact that it was told is lost, and no claim has two
 * winners. Failover and Cluster have files of their own.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../../src/clock/clock.ts';
import { RegistryMismatch, StoreUnavailable } from '../../../src/domain/errors.ts';
import { checkNothingRefused, type FactLoad, reportRecovery } from '../../support/fact-load.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { freePort, LOOPBACK } from '../../support/free-port.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { get, submit, validate } from '../replica.ts';
import {
  FAULT_SETTINGS,
  FAULT_TIMEOUT_MS,
  loadOn,
  openRedisReplica,
  type RedisReplica,
  redisReplica,
  standaloneAt,
} from './replica.ts';
import { checkScanOver, fillRegistry } from './scan-over.ts';

/** Above a deadline, on a machine with other things to do. A guard against hanging, not a measure. */
const SLACK_MS = 2_000;
const CUTS = 20;

interface Faulty {
  readonly redis: RedisServer;
  readonly proxy: FaultProxy;
  readonly replicas: readonly RedisReplica[];
}

/** Two replicas of a registry, behind a proxy. */
async function faulty(t: TestContext): Promise<Faulty> {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const proxy = await FaultProxy.start(redis);
  t.after(() => proxy.stop());
  const location = standaloneAt(proxy);
  return {
    redis,
    proxy,
    replicas: [await openRedisReplica(t, location), await openRedisReplica(t, location)],
  };
}

function loadOf(t: TestContext, { replicas }: Faulty, prefix = ''): FactLoad {
  return loadOn(
    t,
    replicas.map(({ replica }) => replica),
    prefix,
  );
}

function checkRefusals({ refusals }: FactLoad, words: RegExp, atMostMs = FAULT_TIMEOUT_MS + SLACK_MS): void {
  assert.ok(refusals.length > 0);
  for (const { words: said, tookMs } of refusals) {
    assert.match(said, words);
    assert.ok(tookMs <= atMostMs, `refused after ${tookMs} ms`);
  }
}

/** Every claim was counted once, and half of them once more as validated. */
async function checkCounts({ replicas: [{ replica }] }: Faulty, claims: number): Promise<void> {
  await replica.advance(1);
  const [counts] = await replica.counts(0, 0);
  const expected = { epoch: 0, submitted: claims, validated: claims / 2, expired: 0, pending: claims / 2 };
  assert.deepEqual(counts, expected);
}

test('absent at start: open is refused and says why; it works once Redis is there', async (t) => {
  const port = await freePort();
  const { replica } = redisReplica(t, standaloneAt({ host: LOOPBACK, port }));
  const begunMs = systemClock.nowMs();
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await assert.rejects(replica.open(), (error) => {
      assert.ok(error instanceof StoreUnavailable, String(error));
      assert.match(error.message, new RegExp(`ECONNREFUSED.*${port}`));
      return true;
    });
  }
  assert.ok(systemClock.nowMs() - begunMs <= 2 * FAULT_TIMEOUT_MS + SLACK_MS);
  const redis = await startRedis({ port });
  t.after(() => redis.stop());
  await replica.open();
  assert.equal((await replica.one(0, submit('c', 'p'))).outcome, 'ACCEPTED');
});

test('killed, and started again with its data', async (t) => {
  const under = await faulty(t);
  const load = loadOf(t, under);
  await load.untilConfirmed();
  await under.redis.kill();
  await load.untilRefused();
  await under.redis.restart({ keepData: true });
  await reportRecovery(t, load);
  checkRefusals(load, /./);
  await load.end();
  await checkCounts(under, load.facts.claims);
});

test('killed and started again at once: no commit is refused', async (t) => {
  const under = await faulty(t);
  const load = loadOf(t, under);
  for (let round = 0; round < 3; round += 1) {
    await load.untilConfirmed();
    await under.redis.restart({ keepData: true });
  }
  await reportRecovery(t, load);
  await load.end();
  checkNothingRefused(load);
  await checkCounts(under, load.facts.claims);
});

test('started again without its data: a registry of the same settings, empty', async (t) => {
  const under = await faulty(t);
  const before = loadOf(t, under);
  await before.untilConfirmed();
  await under.redis.kill();
  await before.untilRefused();
  await under.redis.restart({ keepData: false });
  await reportRecovery(t, before);
  await before.abandon();
  const other = { ...FAULT_SETTINGS, retentionEpochs: FAULT_SETTINGS.retentionEpochs + 1 };
  await assert.rejects(
    redisReplica(t, standaloneAt(under.redis), { settings: other }).replica.open(),
    RegistryMismatch,
  );
  const after = loadOf(t, under, 'after-');
  await after.untilConfirmed();
  await after.end();
});

test('SCRIPT FLUSH: every call goes on', async (t) => {
  const under = await faulty(t);
  const load = loadOf(t, under);
  const client = under.redis.client();
  for (let round = 0; round < 5; round += 1) {
    await client.script('FLUSH');
    await load.untilConfirmed();
  }
  await load.end();
  checkNothingRefused(load);
  const [{ replica, store }] = under.replicas;
  await client.script('FLUSH');
  await checkCounts(under, load.facts.claims);
  await client.script('FLUSH');
  assert.equal((await replica.scan(1_000)).length, load.facts.claims);
  await client.script('FLUSH');
  assert.equal(await store.reclaim(100), 0);
});

for (const before of ['request', 'reply'] as const) {
  test(`reset before the ${before} of a commit: the outcomes are those of one commit`, async (t) => {
    const under = await faulty(t);
    const [{ replica }] = under.replicas;
    const items = ['one', 'two', 'three'].flatMap((claim) => [
      submit(claim, 'p1'),
      submit(claim, 'p2'),
      validate(claim, 'p1'),
      get(claim),
    ]);
    const cut = under.proxy.cutNext('three', before);
    const [results] = await Promise.all([replica.commit(0, items), cut]);
    assert.deepEqual(
      results.map(({ outcome, status }) => [outcome, status]),
      ['one', 'two', 'three'].flatMap(() => [
        ['ACCEPTED', 'PENDING'],
        ['TAKEN', 'UNSPECIFIED'],
        ['ACCEPTED', 'VALIDATED'],
        ['FOUND', 'VALIDATED'],
      ]),
    );
    await replica.advance(1);
    const counts = { epoch: 0, submitted: 3, validated: 3, expired: 0, pending: 0 };
    assert.deepEqual(await replica.counts(0, 0), [counts]);
  });

  test(`reset before the ${before} again and again: nothing is refused, lost or counted twice`, async (t) => {
    const under = await faulty(t);
    const load = loadOf(t, under);
    for (let n = 0; n < CUTS; n += 1) await under.proxy.cutNext('player-', before);
    await reportRecovery(t, load);
    await load.end();
    checkNothingRefused(load);
    await checkCounts(under, load.facts.claims);
  });
}

test('silence without an end: refused at the deadline, served over new connections', async (t) => {
  const under = await faulty(t);
  const load = loadOf(t, under);
  await load.untilConfirmed();
  under.proxy.blackHole();
  await load.untilRefused();
  await load.untilRefused();
  await under.proxy.heal();
  await reportRecovery(t, load);
  checkRefusals(load, /./);
  await load.end();
  await checkCounts(under, load.facts.claims);
});

test('silent server: what it was sent is done late, once, and in nobody’s way', async (t) => {
  const under = await faulty(t);
  const load = loadOf(t, under);
  await load.untilConfirmed();
  under.redis.pause();
  await load.untilRefused();
  await load.untilRefused();
  under.redis.resume();
  await reportRecovery(t, load);
  checkRefusals(load, /./);
  await load.end();
  await checkCounts(under, load.facts.claims);
});

test('replies that get lost: what was done is told when it is asked again', async (t) => {
  const under = await faulty(t);
  const [{ replica }] = under.replicas;
  await replica.one(0, submit('before', 'p1'));
  under.proxy.dropReplies();
  await assert.rejects(replica.one(0, submit('c', 'p1')), StoreUnavailable);
  await under.proxy.heal();
  assert.equal((await replica.one(0, submit('c', 'p1'))).outcome, 'REPLAYED');
  assert.equal((await replica.one(0, submit('c', 'p2'))).outcome, 'TAKEN');
  await replica.advance(1);
  assert.partialDeepStrictEqual(await replica.counts(0, 0), [{ submitted: 2, pending: 2 }]);
});

test('silence: every call ends at its deadline, also those that wait their turn', async (t) => {
  const { proxy, replicas } = await faulty(t);
  const [{ replica, store }] = replicas;
  proxy.blackHole();
  const begunMs = systemClock.nowMs();
  const calls = [
    ...Array.from({ length: 8 }, (_, n) => replica.one(0, submit(`c${n}`, 'p'))),
    replica.advance(1),
    replica.counts(-1, -1),
    store.scan(null, 100),
    store.open(),
  ];
  for (const call of await Promise.allSettled(calls)) {
    assert.ok(call.status === 'rejected' && call.reason instanceof StoreUnavailable, JSON.stringify(call));
  }
  assert.ok(systemClock.nowMs() - begunMs <= 2 * FAULT_TIMEOUT_MS + SLACK_MS);
  await proxy.heal();
  assert.equal((await replica.one(0, submit('c0', 'p'))).status, 'PENDING');
});

test('100 ms of latency: slower, and nothing else', async (t) => {
  const under = await faulty(t);
  const load = loadOf(t, under);
  under.proxy.latencyMs = 100;
  await load.untilConfirmed();
  await load.untilConfirmed();
  await load.end();
  checkNothingRefused(load);
  await checkCounts(under, load.facts.claims);
});

test('out of memory: refused at once in Redis’s words, until there is room', async (t) => {
  const under = await faulty(t);
  const load = loadOf(t, under);
  await load.untilConfirmed();
  const client = under.redis.client();
  await client.config('SET', 'maxmemory', '1');
  await load.untilRefused();
  await client.config('SET', 'maxmemory', '0');
  await reportRecovery(t, load);
  checkRefusals(load, /\bOOM\b/);
  await load.end();
  await checkCounts(under, load.facts.claims);
});

test('connection events: lost and connected, with a reason', async (t) => {
  const under = await faulty(t);
  const load = loadOf(t, under);
  await load.untilConfirmed();
  await under.proxy.refuse();
  await load.untilRefused();
  await under.proxy.heal();
  await load.untilConfirmed();
  await load.end();
  for (const { connection } of under.replicas) {
    const states = connection.map((told) => told.split(':')[0]);
    assert.equal(states[0], 'connected');
    assert.equal(states.at(-1), 'connected');
    assert.ok(states.includes('lost'), connection.join('\n'));
    for (const [n, state] of states.entries()) assert.notEqual(state, states[n + 1], 'each is told once');
  }
});

test('a scan over a restart finds every claim', async (t) => {
  const { redis, replicas } = await faulty(t);
  const [{ replica }] = replicas;
  const claims = await fillRegistry(replica);
  await checkScanOver(replica, claims, () => redis.restart({ keepData: true }));
});
