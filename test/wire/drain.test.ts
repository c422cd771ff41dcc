/** The end of a server: calls in flight are answered, health tells first, hard stops are bounded. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type ServiceError, status } from '@grpc/grpc-js';
import type { Claimd, ClaimdOptions } from '../support/claimd.ts';
import { type ClaimClient, type Item, SERVICE_NAME } from '../support/client.ts';
import { claimdFor, clientFor, temporaryFolder } from '../support/for-test.ts';
import { HealthClient } from '../support/health-client.ts';
import { failsWith, until } from '../support/waiting.ts';
import { WAYS } from '../support/ways.ts';

/** Shorter than the default drain timeout: a stop that waits for the timeout is too late. */
const PROMPT_MS = 10_000;
const LONG_WINDOW = { CLAIMS_VALIDATION_WINDOW_MS: '600000' };

for (const ingressThreads of ['1', '2']) {
  describe(`the end with ${ingressThreads} ingress threads`, () => {
    function start(t: TestContext, options: ClaimdOptions = {}): Promise<Claimd> {
      return claimdFor(t, { ...options, env: { CLAIMS_INGRESS_THREADS: ingressThreads, ...options.env } });
    }

    test('SIGTERM under load: NOT_SERVING first, every call answered, exit 0, every answer true after', async (t) => {
      const dataFolder = await temporaryFolder(t);
      const env = { ...LONG_WINDOW, CLAIMS_DRAIN_DELAY_MS: '600' };
      const claimd = await start(t, { dataFolder, env });
      const health = new HealthClient(claimd.address);
      t.after(() => health.close());
      const watches = ['', SERVICE_NAME].map((name) => health.watch(name));
      for (const watch of watches) assert.equal((await watch.next()).value, 'SERVING');
      const told = Promise.all(watches.map(untilNotServing));
      const drain = { begun: false };
      void told.then(() => {
        drain.begun = true;
      });

      const observer = clientFor(t, claimd);
      const loads = WAYS.map((way, n) => {
        const client = clientFor(t, claimd);
        return loadUntil(drain, async (round) => {
          const items = itemsNamed(`${n}-${round}`, 200);
          for (const { outcome } of await way.submit(client, items)) assert.equal(outcome, 'ACCEPTED');
          for (const { outcome } of await way.validate(client, items.slice(100)))
            assert.equal(outcome, 'ACCEPTED');
          return items;
        });
      });
      await until('some load', async () => (await observer.get('0-1-0')).outcome === 'FOUND');
      claimd.kill('SIGTERM');
      await told;
      const ready = await fetch(`http://${claimd.adminAddress}/readyz`);
      assert.equal(ready.status, 503, 'both probes must say the same');
      const rounds = await Promise.all(loads);
      assert.equal(await claimd.wait(), 0);

      const again = clientFor(t, await start(t, { dataFolder, env: LONG_WINDOW }));
      for (const items of rounds.flat()) {
        const outcomes = (await again.batchValidate(items)).map(({ outcome }) => outcome);
        const expected = items.map((_, n) => (n < 100 ? 'ACCEPTED' : 'REPLAYED'));
        assert.deepEqual(outcomes, expected);
      }
    });

    test('a stream with frames under way: they are answered before it ends', async (t) => {
      const claimd = await start(t, { env: LONG_WINDOW });
      const observer = clientFor(t, claimd);
      const exchange = clientFor(t, claimd).exchange();
      await exchange.ask({ frameId: 0n, submits: itemsNamed('first', 1) });
      const asked = Array.from({ length: 8 }, (_, n) =>
        exchange.ask({ frameId: BigInt(n + 1), submits: itemsNamed(`frame${n}`, 2_000) }),
      );
      // What has not been read by then would be refused; of what is decided the replies are under way.
      await until('the last frame', async () => (await observer.get('frame7-0')).outcome === 'FOUND');
      claimd.kill('SIGTERM');
      exchange.halfClose();
      for (const { submits } of await Promise.all(asked)) {
        assert.ok(submits.every(({ outcome }) => outcome === 'ACCEPTED'));
      }
      assert.equal(await ended(claimd), 0);
    });

    test('a client that reads late gets the reply to whatever was decided', async (t) => {
      const dataFolder = await temporaryFolder(t);
      const claimd = await start(t, { dataFolder, env: LONG_WINDOW });
      const observer = clientFor(t, claimd);
      const exchange = clientFor(t, claimd).exchange();
      const replies = exchange.replies();
      const frames = Array.from({ length: 60 }, (_, n) => itemsNamed(`late${n}`, 2_000));
      for (const [n, submits] of frames.entries()) exchange.send({ frameId: BigInt(n), submits });
      await replies.next();
      // Past what the client's own buffers take: these replies wait in the server.
      await until('frames decided', async () => (await observer.get('late22-0')).outcome === 'FOUND');
      claimd.kill('SIGTERM');
      // Long beside what a server takes that waits for nobody, short beside the drain timeout.
      await delay(2_000);
      const answered = new Set<bigint>([0n]);
      const end = await (async () => {
        for await (const { frameId } of replies) answered.add(frameId);
      })().catch((error: ServiceError) => error);
      assert.ok(end === undefined || end.code === status.UNAVAILABLE, `${end}`);
      assert.equal(await ended(claimd), 0);

      const again = clientFor(t, await start(t, { dataFolder, env: LONG_WINDOW }));
      for (const [n, [{ claimId }]] of frames.entries()) {
        const decided = (await again.get(claimId)).outcome === 'FOUND';
        assert.ok(answered.has(BigInt(n)) || !decided, `frame ${n} was decided, and its client never told`);
      }
    });

    test('watchers and idle streams do not hold up the end', async (t) => {
      const claimd = await start(t, { env: { CLAIMS_DRAIN_TIMEOUT_MS: '120000' } });
      const client = clientFor(t, claimd);
      const summaries = client.watch((await client.getEpoch()).epoch);
      await summaries.next();
      const next = summaries.next();
      const exchange = client.exchange();
      await exchange.ask({ frameId: 0n, submits: itemsNamed('idle', 1) });
      claimd.kill('SIGTERM');
      await failsWith(next, status.UNAVAILABLE);
      assert.equal(await ended(claimd), 0);
    });

    test('a client that neither reads nor ends: the hard stop, exit 0', async (t) => {
      const claimd = await start(t, { env: { ...LONG_WINDOW, CLAIMS_DRAIN_TIMEOUT_MS: '1500' } });
      await stuckStream(clientFor(t, claimd));
      claimd.kill('SIGTERM');
      assert.equal(await ended(claimd), 0);
      assert.match(claimd.log(), /cut off/);
    });

    test('a peer that says nothing, or only its preface, holds up nobody', async (t) => {
      const claimd = await start(t, { env: { CLAIMS_DRAIN_TIMEOUT_MS: '120000' } });
      const port = Number(claimd.address.split(':')[1]);
      for (const preface of ['', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0']) {
        // It never ends its side, as one that vanished.
        const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        t.after(() => socket.destroy());
        socket.on('error', () => undefined);
        await once(socket, 'connect');
        socket.write(preface);
      }
      await delay(100);
      claimd.kill('SIGTERM');
      assert.equal(await ended(claimd), 0);
      assert.doesNotMatch(claimd.log(), /cut off/);
    });

    test('a second SIGTERM stops at once', async (t) => {
      const claimd = await start(t, { env: { ...LONG_WINDOW, CLAIMS_DRAIN_TIMEOUT_MS: '120000' } });
      const health = new HealthClient(claimd.address);
      t.after(() => health.close());
      await stuckStream(clientFor(t, claimd));
      const watch = health.watch('');
      assert.equal((await watch.next()).value, 'SERVING');
      claimd.kill('SIGTERM');
      await untilNotServing(watch);
      const early = await Promise.race([claimd.wait(), delay(500)]);
      assert.equal(early, undefined, 'it must still wait for the stream');
      claimd.kill('SIGTERM');
      await ended(claimd);
    });

    test('SIGTERM while idle: exit 0, nothing but the database left behind', async (t) => {
      const dataFolder = await temporaryFolder(t);
      const claimd = await start(t, { dataFolder });
      claimd.kill('SIGTERM');
      assert.equal(await ended(claimd), 0);
      assert.deepEqual(await readdir(dataFolder), ['claims.db']);
    });
  });
}

/** Its exit code; it must not wait for a drain timeout. */
async function ended(claimd: Claimd): Promise<number> {
  const code = await Promise.race([claimd.wait(), delay(PROMPT_MS, undefined, { ref: false })]);
  assert.ok(code !== undefined, `it still runs after ${PROMPT_MS} ms:\n${claimd.log()}`);
  return code;
}

/** Reads a health watch until it says NOT_SERVING. */
async function untilNotServing(watch: AsyncGenerator<string>): Promise<void> {
  for await (const serving of watch) {
    if (serving === 'NOT_SERVING') return;
  }
  assert.fail('the watch ended before it said NOT_SERVING');
}

/** Rounds of load, the last of them begun before the drain was known of; gives what each submitted. */
async function loadUntil(
  drain: { readonly begun: boolean },
  round: (n: number) => Promise<readonly Item[]>,
): Promise<(readonly Item[])[]> {
  const done: (readonly Item[])[] = [];
  while (!drain.begun) done.push(await round(done.length));
  return done;
}

/** A stream with replies that its client does not take: more than its own buffers hold. */
async function stuckStream(client: ClaimClient): Promise<void> {
  const exchange = client.exchange();
  const replies = exchange.replies();
  for (let n = 0; n <= 60; n++)
    exchange.send({ frameId: BigInt(n), submits: itemsNamed(`stuck${n}`, 2_000) });
  await replies.next();
  await until('frames decided', async () => (await client.get('stuck22-0')).outcome === 'FOUND');
}

function itemsNamed(name: string, count: number): Item[] {
  return Array.from({ length: count }, (_, n) => ({ claimId: `${name}-${n}`, playerId: 'p' }));
}
