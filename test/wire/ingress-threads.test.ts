/** One port, several threads: who gets which connection, health beside them, age, and a thread's fault. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { type Claimd, runClaimd } from '../support/claimd.ts';
import { ClaimClient, type Item } from '../support/client.ts';
import { claimdFor, clientFor, temporaryFolder } from '../support/for-test.ts';
import { HealthClient } from '../support/health-client.ts';
import { failsWith, until } from '../support/waiting.ts';

const THREADS = 2;
const ENV = { CLAIMS_INGRESS_THREADS: String(THREADS), CLAIMS_VALIDATION_WINDOW_MS: '600000' };
const EARLY_END = new URL('../support/fixtures/told-to-end-early.mjs', import.meta.url).href;
const FAULT = new URL('../support/fixtures/faulty-ingress-thread.mjs', import.meta.url).href;

/** Entries that each ingress thread has served itself, as /metrics tells. */
async function servedByThread(claimd: Claimd): Promise<number[]> {
  const page = await (await fetch(`http://${claimd.adminAddress}/metrics`)).text();
  return Array.from({ length: THREADS }, (_, thread) => {
    const line = page.match(
      new RegExp(`^claims_worker_entries_total\\{.*worker="ingress-${thread}".*\\} (\\d+)`, 'm'),
    );
    assert.ok(line !== null, page);
    return Number(line[1]);
  });
}

test('a handful of connections is spread evenly, and again when some have left', async (t) => {
  const claimd = await claimdFor(t, { env: ENV });
  const share = async (round: string, connections: number): Promise<number[]> => {
    const before = await servedByThread(claimd);
    const clients = Array.from({ length: connections }, () => new ClaimClient(claimd.address));
    // One after another, so that each is served by the thread that has its connection.
    for (const [n, client] of clients.entries()) {
      for (let i = 0; i < 10; i += 1) {
        const { outcome } = await client.submit({ claimId: `${round}-${n}-${i}`, playerId: 'p' });
        assert.equal(outcome, 'ACCEPTED');
      }
    }
    for (const client of clients) client.close();
    const after = await servedByThread(claimd);
    return after.map((served, thread) => served - before[thread]);
  };
  for (const round of ['first', 'second', 'third']) {
    const [one, other] = await share(round, 4);
    // A submit is served when it is asked, and learned with a later one.
    assert.ok(Math.min(one, other) >= 20, `${one} and ${other} entries`);
    assert.ok(Math.abs(one - other) <= 20, `${one} and ${other} entries`);
  }
});

test('health is told on a port of its own as well, where nothing else is served', async (t) => {
  const claimd = await claimdFor(t, {
    env: { ...ENV, CLAIMS_HEALTH_LISTEN: '127.0.0.1:0', CLAIMS_DRAIN_DELAY_MS: '500' },
  });
  const address = claimd.log().match(/"healthAddress":"([^"]+)"/)?.[1] ?? '';
  const health = new HealthClient(address);
  t.after(() => health.close());
  assert.equal(await health.check('claims.v1.ClaimService'), 'SERVING');
  const client = new ClaimClient(address);
  t.after(() => client.close());
  await failsWith(client.get('c'), status.UNIMPLEMENTED);
  claimd.kill('SIGTERM');
  await until('it tells of the drain', async () => (await health.check('')) === 'NOT_SERVING');
  assert.equal(await claimd.wait(), 0);
});

test('a health port that is taken ends the start with one line', async (t) => {
  const claimd = await claimdFor(t, { env: ENV });
  const run = claimdFor(t, { env: { ...ENV, CLAIMS_HEALTH_LISTEN: claimd.address } });
  await assert.rejects(run, /can't serve on 127\.0\.0\.1:\d+: .*EADDRINUSE/);
});

for (const threads of ['1', '2']) {
  test(`connections have an age: ${threads} ingress threads`, async (t) => {
    const env = { ...ENV, CLAIMS_INGRESS_THREADS: threads, CLAIMS_MAX_CONNECTION_AGE_MS: '300' };
    const claimd = await claimdFor(t, { env });
    const session = connect(`http://${claimd.address}`);
    const [code] = await once(session, 'goaway');
    assert.equal(code, 0, 'no error: it is to connect anew');
    const client = clientFor(t, claimd);
    for (let i = 0; i < 150; i += 1) {
      const { outcome } = await submitAgain(client, { claimId: `aged-${i}`, playerId: 'p' });
      assert.equal(outcome, 'ACCEPTED', 'what was refused was not processed');
    }
  });
}

/** Sends a submit until it is not refused: a call that crosses the GOAWAY of its connection is. */
async function submitAgain(client: ClaimClient, item: Item): Promise<{ outcome: string }> {
  for (;;) {
    try {
      return await client.submit(item);
    } catch (error) {
      if (!/refused/i.test(String(error))) throw error;
    }
  }
}

test('a fault of one thread ends the program, and is told with its stack', async () => {
  const { exitCode, log } = await runClaimd({ env: ENV, execArgv: [`--import=${FAULT}`] });
  assert.notEqual(exitCode, 0);
  assert.match(log, /a fault of an ingress thread/);
  assert.match(log, /faulty-ingress-thread\.mjs/);
});

test('told to end while its threads start: it opens neither port nor store, exit 0', async (t) => {
  const dataFolder = await temporaryFolder(t);
  const { exitCode, log } = await runClaimd({ dataFolder, env: ENV, execArgv: [`--import=${EARLY_END}`] });
  assert.equal(exitCode, 0, log);
  assert.doesNotMatch(log, /serving|hydrated/);
  assert.match(log, /stopped/);
  assert.deepEqual(await readdir(dataFolder), []);
});
