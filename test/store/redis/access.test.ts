/**
 * Who may speak to Redis: users, passwords, permissions, certificates. What Redis refuses is
 * StoreUnavailable at once in Redis's own words, without the password in them.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../../src/clock/clock.ts';
import { StoreUnavailable } from '../../../src/domain/errors.ts';
import { reportRecovery } from '../../support/fact-load.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { makeRedisTls } from '../../support/redis-tls.ts';
import { get, submit } from '../replica.ts';
import { loadOn, openRedisReplica, redisReplica, standaloneAt } from './replica.ts';

const ADMIN = { username: 'admin', password: 'of-the-test' };
const USER = { username: 'claims', password: 'not-to-be-told' };
/** Every call that Redis refuses must end long before its deadline. */
const TIMEOUT_MS = 20_000;
const AT_ONCE_MS = TIMEOUT_MS / 2;

async function guarded(t: TestContext): Promise<RedisServer> {
  const users = [
    'user default off',
    `user ${ADMIN.username} on >${ADMIN.password} ~* &* +@all`,
    `user ${USER.username} on >${USER.password} ~* &* +@all`,
  ];
  const redis = await startRedis({ users });
  t.after(() => redis.stop());
  return redis;
}

/** The call is refused at once, with words of Redis's. */
async function refused(call: Promise<unknown>, words: RegExp): Promise<void> {
  const begunMs = systemClock.nowMs();
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof StoreUnavailable, String(error));
    assert.match(error.message, words);
    assert.ok(!error.message.includes(USER.password), 'the password is not told');
    return true;
  });
  assert.ok(systemClock.nowMs() - begunMs < AT_ONCE_MS);
}

test('without a user and password: NOAUTH', async (t) => {
  const redis = await guarded(t);
  const { replica } = redisReplica(t, standaloneAt(redis), { timeoutMs: TIMEOUT_MS });
  await refused(replica.open(), /NOAUTH/);
});

test('with the wrong password: WRONGPASS', async (t) => {
  const redis = await guarded(t);
  const settings = { timeoutMs: TIMEOUT_MS, ...USER, password: `${USER.password}!` };
  const { replica } = redisReplica(t, standaloneAt(redis), settings);
  await refused(replica.open(), /WRONGPASS/);
});

test('the password is changed and changed back: refused meanwhile', async (t) => {
  const redis = await guarded(t);
  const proxy = await FaultProxy.start(redis);
  t.after(() => proxy.stop());
  const settings = { timeoutMs: TIMEOUT_MS, ...USER };
  const { replica } = await openRedisReplica(t, standaloneAt(proxy), settings);
  await replica.one(0, submit('c', 'p'));
  const admin = redis.client(ADMIN);
  await admin.acl('SETUSER', USER.username, 'resetpass', '>another');
  proxy.cutAll();
  await refused(replica.one(0, get('c')), /WRONGPASS/);
  await admin.acl('SETUSER', USER.username, 'resetpass', `>${USER.password}`);
  assert.equal((await replica.one(0, get('c'))).player, 'p');
});

test('a permission is taken away: NOPERM, until it is given back', async (t) => {
  const redis = await guarded(t);
  const settings = { timeoutMs: TIMEOUT_MS, ...USER };
  const { replica } = await openRedisReplica(t, standaloneAt(redis), settings);
  const load = loadOn(t, [replica]);
  await load.untilConfirmed();
  const admin = redis.client(ADMIN);
  await admin.acl('SETUSER', USER.username, '-evalsha', '-eval');
  await load.untilRefused();
  await admin.acl('SETUSER', USER.username, '+evalsha', '+eval');
  await reportRecovery(t, load);
  for (const { words, tookMs } of load.refusals) {
    assert.match(words, /NOPERM/);
    assert.ok(tookMs < AT_ONCE_MS);
  }
  await load.end();
});

test('TLS with a certificate of the client', async (t) => {
  const tls = await makeRedisTls();
  t.after(() => tls.remove());
  const redis = await startRedis({ tls });
  t.after(() => redis.stop());
  const { replica } = await openRedisReplica(t, standaloneAt(redis, true), { tls: tls.client });
  assert.equal((await replica.one(0, submit('c', 'p'))).outcome, 'ACCEPTED');
  assert.equal((await replica.scan()).length, 1);
});

test('TLS with an authority that we do not know, or no certificate of ours: refused, and why', async (t) => {
  const [tls, other] = [await makeRedisTls(), await makeRedisTls()];
  t.after(() => Promise.all([tls.remove(), other.remove()]));
  const redis = await startRedis({ tls });
  t.after(() => redis.stop());
  const location = standaloneAt(redis, true);
  const unknown = redisReplica(t, location, { tls: { ...tls.client, ca: other.client.ca } });
  await refused(unknown.replica.open(), /certificate/i);
  const anonymous = redisReplica(t, location, { tls: { ca: tls.client.ca } });
  await refused(anonymous.replica.open(), /certificate/i);
});
