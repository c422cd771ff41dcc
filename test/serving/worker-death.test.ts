/** Segment workers that die while calls come in on several threads: every call is answered, once. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/clock/clock.ts';
import { Engine } from '../../src/engine.ts';
import { ThreadedPool } from '../../src/pool/threaded-pool.ts';
import { ThreadedServer } from '../../src/serving/threaded-server.ts';
import { Listener } from '../../src/wire/listener.ts';
import { ClaimClient } from '../support/client.ts';
import { TEST_RULES } from '../support/engine.ts';
import { testMemory } from '../support/memory.ts';
import { MemoryStore } from '../support/memory-store.ts';

const WORKERS = 2;
const INGRESS_THREADS = 2;
const DEATHS = 12;
const BATCH_ITEMS = 500;
const HOST = '127.0.0.1';

describe('worker death with several ingress threads', () => {
  const rules = { ...TEST_RULES, validationWindowMs: 600_000 };
  const memory = testMemory({
    rules,
    workers: WORKERS,
    ingressThreads: INGRESS_THREADS,
    tableCapacity: 131_072,
    ingressEntries: 4_096,
  });
  const store = new MemoryStore(memory.entries, { ...rules, partition: 'claim' }, systemClock);
  const pool = new ThreadedPool(memory, systemClock);
  const note = () => undefined;
  const log = { debug: note, info: note, warn: note, error: note, fatal: note };
  const server = new ThreadedServer(
    memory,
    log,
    {
      maxClockSkewMs: 5_000,
      reflection: false,
      traceIds: false,
      connectionAge: { maxAgeMs: 0, graceMs: 0 },
    },
    () => undefined,
  );
  const listener = new Listener((connection) => server.accept(connection));
  const engine = new Engine({
    memory,
    pool,
    ingress: server.ingress,
    store,
    clock: systemClock,
    log,
    commitIntervalMs: 0,
    reconcileClaimsPerS: 0,
  });
  const clients: ClaimClient[] = [];
  let running = true;
  let answered = 0;
  let unavailable = 0;

  before(async () => {
    await server.start(engine.epochs);
    const port = await listener.listen(HOST, 0);
    await engine.start();
    server.open();
    for (let i = 0; i < INGRESS_THREADS; i += 1) clients.push(new ClaimClient(`${HOST}:${port}`));
  });

  after(async () => {
    for (const client of clients) client.close();
    listener.close();
    await server.drain();
    await engine.stop();
    await server.end();
  });

  /** Batches, since a few claims are served without any worker. */
  async function load(client: ClaimClient, name: string): Promise<void> {
    for (let round = 0; running; round += 1) {
      const items = Array.from({ length: BATCH_ITEMS }, (_, i) => ({
        claimId: `${name}-${(round * BATCH_ITEMS + i) % 20_000}`,
        playerId: 'p',
      }));
      const results = await client.batchSubmit(items);
      assert.equal(results.length, BATCH_ITEMS);
      for (const { outcome } of results) {
        assert.ok(['ACCEPTED', 'REPLAYED', 'UNAVAILABLE'].includes(outcome), outcome);
        if (outcome === 'UNAVAILABLE') unavailable += 1;
      }
      answered += BATCH_ITEMS;
    }
  }

  test('every call is answered, and what was acknowledged is known', async () => {
    const loads = clients.map((client, n) => load(client, `c${n}`));
    for (let death = 0; death < DEATHS; death += 1) {
      await delay(100);
      const before = answered;
      await pool.threads[death % pool.threads.length]?.terminate();
      for (let look = 0; answered === before && look < 400; look += 1) await delay(5);
      assert.ok(answered > before, 'no claim was answered any more');
    }
    running = false;
    await Promise.all(loads);
    assert.ok(unavailable < answered / 2, `${unavailable} of ${answered} were not answered by the store`);
    await server.ingress.idle();
    assert.ok(memory.waiting.every((waiting) => waiting === 0));
  });

  test('nothing is left over: locks, holders, reserved records', async () => {
    const calls = memory.firstCoordinatorEntry;
    const isClean = (): boolean =>
      memory.locks.every((lock) => lock === 0) &&
      memory.entries.holder.slice(0, calls).every((holder) => holder === 0) &&
      memory.tables.every((table) => table.reservedCount === 0);
    // What is to be learned last waits for the next epoch, and is taken home when there is need.
    for (let look = 0; !isClean() && look < 100; look += 1) {
      await delay(50);
      await server.ingress.drainAll();
    }
    assert.ok(isClean());
  });
});
