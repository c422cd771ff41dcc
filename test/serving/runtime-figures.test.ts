/** Every thread of a program with several ingress threads tells of its own running, in shared memory. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/clock/clock.ts';
import { Engine } from '../../src/engine.ts';
import { ThreadedPool } from '../../src/pool/threaded-pool.ts';
import { loopCount, threadNames } from '../../src/segment/engine-memory.ts';
import { ThreadedServer } from '../../src/serving/threaded-server.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { TEST_RULES } from '../support/engine.ts';
import { testMemory } from '../support/memory.ts';
import { until } from '../support/waiting.ts';

describe('figures of threads', () => {
  const memory = testMemory({ rules: TEST_RULES, workers: 2, ingressThreads: 2 });
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
  const engine = new Engine({
    memory,
    pool: new ThreadedPool(memory, systemClock),
    ingress: server.ingress,
    store: new SqliteStore({
      path: ':memory:',
      settings: { ...TEST_RULES, partition: 'claim' },
      maxClockSkewMs: 5_000,
      maxBytes: 0,
      clock: systemClock,
      entries: memory.entries,
      runtime: memory.storeRuntime,
    }),
    clock: systemClock,
    log,
    commitIntervalMs: 0,
    reconcileClaimsPerS: 0,
  });

  before(async () => {
    await server.start(engine.epochs);
    await engine.start();
  });

  after(async () => {
    await engine.stop();
    await server.end();
  });

  test('all but the main thread, which nothing watches here, have told their heap', async () => {
    const told = () => threadNames(memory.shape).filter((_, thread) => memory.runtime[thread].samples > 0);
    await until('five threads to tell', () => told().length >= 5);
    assert.deepEqual(told(), ['ingress-0', 'ingress-1', 'worker-0', 'worker-1', 'store']);
    for (const { heapUsed, allocated, samples } of memory.runtime) {
      if (samples === 0) continue;
      assert.ok(heapUsed > 1e6 && heapUsed < 100e6, `${heapUsed} bytes used`);
      assert.ok(allocated > 1e6, `${allocated} bytes allocated`);
    }
  });

  test('threads with an event loop tell how late it is; those without do not', async () => {
    const loops = memory.runtime.slice(1, loopCount(memory.shape));
    await until('both ingress threads to look', () => loops.every(({ loopDelay }) => loopDelay.count > 0));
    const sleepers = memory.runtime.slice(loopCount(memory.shape));
    assert.ok(sleepers.every(({ loopDelay }) => loopDelay.count === 0));
  });
});
