/** claimd over real Redis servers: stopped while it waits for one, as docs/operations.md secures it, shared. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Claimd, runClaimd } from '../support/claimd.ts';
import { claimdFor, clientFor, temporaryFolder } from '../support/for-test.ts';
import { freePort, LOOPBACK } from '../support/free-port.ts';
import { docsPage } from '../support/page.ts';
import { RunningProgram } from '../support/program.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { type RedisServer, type RedisServerOptions, startRedis } from '../support/redis-server.ts';
import { makeRedisTls } from '../support/redis-tls.ts';
import { until, untilEpoch } from '../support/waiting.ts';

const TIMES = {
  CLAIMS_EPOCH_LENGTH_MS: '500',
  CLAIMS_VALIDATION_WINDOW_MS: '1000',
  CLAIMS_RETENTION_EPOCHS: '1000',
};
const SHARDS = 4;
/** Of an ACL user. */
const PASSWORD = 'hunter2';
const SHORT_RETENTION_EPOCHS = 2;
const ENV = { ...TIMES, CLAIMS_REGISTRY_SHARDS: `${SHARDS}`, CLAIMS_REDIS_TIMEOUT_MS: '1000' };
/** So short that claims are reclaimed while a test lasts. */
const SHORT = { ...ENV, CLAIMS_RETENTION_EPOCHS: `${SHORT_RETENTION_EPOCHS}` };

async function redisFor(t: TestContext, options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options);
  t.after(() => server.stop());
  return server;
}

interface Starting {
  readonly program: RunningProgram;
  /** What /readyz says. */
  readiness(): Promise<string>;
}

/** A claimd that may be waiting for its store: on an admin port chosen before it can say which. */
async function startingFor(t: TestContext, env: Record<string, string>): Promise<Starting> {
  const adminAddress = `${LOOPBACK}:${await freePort()}`;
  const listen = { CLAIMS_LISTEN: `${LOOPBACK}:0`, CLAIMS_ADMIN_LISTEN: adminAddress };
  const program = new RunningProgram({ file: 'src/main.ts', env: { ...ENV, ...listen, ...env } });
  t.after(async () => {
    program.kill('SIGKILL');
    await program.wait();
  });
  const readiness = async () => (await fetch(`http://${adminAddress}/readyz`)).text();
  await until('the admin port', () => readiness().catch(() => undefined));
  return { program, readiness };
}

/** The rules of an ACL user that docs/operations.md lists, for keys of a prefix. */
function documentedRules(prefix: string, isCluster: boolean): string {
  const page = docsPage('operations.md');
  const line = /^user claims on >password (.*)$/m.exec(page)?.[1];
  const ofCluster = /on a cluster also `([^`]+)`/.exec(page)?.[1];
  assert.ok(line !== undefined && ofCluster !== undefined, 'operations.md lists them');
  assert.match(line, /^~claim_\* (?:\+[a-z|]+ ?)+$/);
  const rules = line.replace('~claim_*', `~${prefix}claim_*`);
  return isCluster ? `${rules} ${ofCluster}` : rules;
}

/** Users of a server: the tests', who may do everything, and claimd's. */
function users(rules: string): string[] {
  return ['user default on nopass ~* &* +@all', `user claims on >${PASSWORD} ${rules}`];
}

/** Settings for that user. */
async function userSettings(t: TestContext, password = PASSWORD): Promise<Record<string, string>> {
  const file = join(await temporaryFolder(t), 'password');
  await writeFile(file, `${password}\n`);
  return { CLAIMS_REDIS_USERNAME: 'claims', CLAIMS_REDIS_PASSWORD_FILE: file };
}

/** Has a claimd do everything that it does of Redis: claims, epochs, scans, reclaiming. */
async function exercise(t: TestContext, claimd: Claimd): Promise<void> {
  const client = clientFor(t, claimd);
  const items = Array.from({ length: 200 }, (_, n) => ({ claimId: `c${n}`, playerId: 'p' }));
  const submitted = await client.batchSubmit(items);
  assert.ok(submitted.every(({ outcome }) => outcome === 'ACCEPTED'));
  await client.batchValidate(items.slice(0, 100));
  await untilEpoch(client, submitted[0].epoch + SHORT_RETENTION_EPOCHS + 6);
  await until('a pass of reconciliation', async () => {
    const metrics = await (await fetch(`http://${claimd.adminAddress}/metrics`)).text();
    return Number(/^claims_reconciled_total (\d+)/m.exec(metrics)?.[1]) > 0;
  });
  assert.equal(await claimd.stop(), 0);
  const complaints = claimd
    .log()
    .split('\n')
    .filter((line) => /"level":"(?:warn|error)"/.test(line));
  assert.deepEqual(complaints, []);
  assert.ok(!claimd.log().includes(PASSWORD));
}

/** What Redis has refused to anybody since it was started. */
async function refusedBy(redis: RedisServer): Promise<unknown[]> {
  const log = await redis.client().acl('LOG');
  return log as unknown[];
}

test('SIGTERM while it waits ends it, with exit code 0', async (t) => {
  const { program, readiness } = await startingFor(t, {
    CLAIMS_STORE: `redis://${LOOPBACK}:${await freePort()}`,
  });
  await until('the first failure', async () => (await readiness()).includes('STORE_UNAVAILABLE'));
  assert.equal(await program.stop(), 0);
  assert.match(program.log(), /"msg":"stopped"\}\n$/);
});

test('a registry of other settings ends the start with one line', async (t) => {
  const { url } = await redisFor(t);
  const claimd = await claimdFor(t, { env: { ...ENV, CLAIMS_STORE: url } });
  assert.equal(await claimd.stop(), 0);
  for (const [name, value, own] of [
    ['CLAIMS_EPOCH_LENGTH_MS', '700', '500'],
    ['CLAIMS_REGISTRY_SHARDS', '8', `${SHARDS}`],
  ]) {
    const { exitCode, log } = await runClaimd({ env: { ...ENV, CLAIMS_STORE: url, [name]: value } });
    assert.equal(exitCode, 1, log);
    const [line, ...more] = log
      .trimEnd()
      .split('\n')
      .filter((text) => text.startsWith('claimd: '));
    assert.ok(line.includes(own) && line.includes(value), line);
    assert.deepEqual(more, []);
  }
});

test('over TLS, as the user that the operations page describes', async (t) => {
  const tls = await makeRedisTls();
  t.after(() => tls.remove());
  const redis = await redisFor(t, { tls, users: users(documentedRules('game:', false)) });
  const env = {
    ...SHORT,
    CLAIMS_STORE: `${redis.url}/1`,
    CLAIMS_REDIS_CA_FILE: tls.files.ca,
    CLAIMS_REDIS_CERT_FILE: tls.files.clientCert,
    CLAIMS_REDIS_KEY_FILE: tls.files.clientKey,
    CLAIMS_REDIS_KEY_PREFIX: 'game:',
  };
  await exercise(t, await claimdFor(t, { env: { ...env, ...(await userSettings(t)) } }));
  assert.deepEqual(await refusedBy(redis), []);
  const wrong = await userSettings(t, 'not-the-password');
  const { program, readiness } = await startingFor(t, { ...env, ...wrong });
  await until('Redis’s own words', async () => (await readiness()).includes('WRONGPASS'));
  assert.equal(await program.stop(), 0);
  assert.ok(!program.log().includes('not-the-password'));
});

test('on a cluster, as the user that the operations page describes', async (t) => {
  const cluster = await startRedisCluster({ server: { users: users(documentedRules('', true)) } });
  t.after(() => cluster.stop());
  const [{ host, port }] = cluster.masters;
  const env = { ...SHORT, CLAIMS_STORE: `redis+cluster://${host}:${port}`, ...(await userSettings(t)) };
  await exercise(t, await claimdFor(t, { env }));
  for (const redis of cluster.masters) assert.deepEqual(await refusedBy(redis), []);
});

test('the claims of a replica that was killed expire lastingly by another', async (t) => {
  const redis = await redisFor(t);
  const env = { ...ENV, CLAIMS_STORE: redis.url };
  const dead = await claimdFor(t, { env });
  const alive = await claimdFor(t, { env });
  const items = Array.from({ length: 3_000 }, (_, n) => ({ claimId: `c${n}`, playerId: 'p' }));
  const results = await clientFor(t, dead).batchSubmit(items);
  assert.ok(results.every(({ outcome }) => outcome === 'ACCEPTED'));
  dead.kill('SIGKILL');
  await dead.wait();
  const reader = redis.client();
  await until('every claim to be expired in Redis', async () => {
    const keys = Array.from({ length: SHARDS }, (_, k) => `claim_registry:{${k}}`);
    const values = (await Promise.all(keys.map((key) => reader.hvals(key)))).flat();
    assert.equal(values.length, items.length);
    return values.every((value) => value.startsWith('E|'));
  });
  const metrics = await (await fetch(`http://${alive.adminAddress}/metrics`)).text();
  assert.ok(Number(/^claims_reconciled_total (\d+)/m.exec(metrics)?.[1]) >= items.length, metrics);
  assert.match(metrics, /^claims_store_corrupt_fields 0$/m);
  assert.match(metrics, /^claims_hydration_claims_read \d+$/m);
  const outcomes = await clientFor(t, alive).batchValidate(items);
  assert.ok(outcomes.every(({ outcome }) => outcome === 'EXPIRED'));
  assert.equal(await alive.stop(), 0);
});
