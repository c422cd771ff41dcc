/** Traces and counts of calls that several ingress threads serve, with segment workers, in true time. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { systemClock } from '../../src/clock/clock.ts';
import { Engine } from '../../src/engine.ts';
import { ThreadedPool } from '../../src/pool/threaded-pool.ts';
import { ThreadedServer } from '../../src/serving/threaded-server.ts';
import { CALL_PHASES, type CallTrace } from '../../src/telemetry/call-trace.ts';
import { Listener } from '../../src/wire/listener.ts';
import { methodNumber } from '../../src/wire/timed-call.ts';
import { CapturedLog } from '../support/captured-log.ts';
import { ClaimClient } from '../support/client.ts';
import { TEST_RULES } from '../support/engine.ts';
import { testMemory } from '../support/memory.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { CALLER, SAMPLED, tracing } from '../support/traced-client.ts';
import { until } from '../support/waiting.ts';

const HOST = '127.0.0.1';
const THREADS = 2;
/** Less than a burst of traces on each thread. */
const CALLS = 8;
const BATCH_ITEMS = 500;
const SUBMIT_CLAIM = methodNumber('SubmitClaim');
const VALIDATE_CLAIM = methodNumber('ValidateClaim');

describe('calls on several ingress threads', () => {
  const rules = { ...TEST_RULES, validationWindowMs: 600_000 };
  const memory = testMemory({ rules, workers: 2, ingressThreads: THREADS, tableCapacity: 32_768 });
  const store = new MemoryStore(memory.entries, { ...rules, partition: 'claim' }, systemClock);
  const pool = new ThreadedPool(memory, systemClock);
  const { logger: log } = new CapturedLog();
  const traces: CallTrace[] = [];
  const settings = {
    maxClockSkewMs: 5_000,
    reflection: false,
    traceIds: true,
    connectionAge: { maxAgeMs: 0, graceMs: 0 },
  };
  const server = new ThreadedServer(memory, log, settings, (trace) => traces.push(trace));
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
  /** One for each thread: a connection goes to the thread with the fewest. */
  const clients: ClaimClient[] = [];

  before(async () => {
    await server.start(engine.epochs);
    const port = await listener.listen(HOST, 0);
    await engine.start();
    server.open();
    for (let i = 0; i < THREADS; i += 1) {
      const client = new ClaimClient(`${HOST}:${port}`, { interceptors: [tracing([SAMPLED])] });
      clients.push(client);
      await client.get('connect');
    }
  });

  after(async () => {
    for (const client of clients) client.close();
    listener.close();
    server.close();
    await server.drain();
    await engine.stop();
    await server.end();
  });

  const calls = (method: number, end: number) => memory.callStats.map((stats) => stats.calls(method, end));

  test('each thread tells its own, in order of time, and phases add up to the call', async () => {
    const beganUs = systemClock.monotonicUs();
    for (const [i, client] of clients.entries()) {
      for (let call = 0; call < CALLS; call += 1) {
        const { outcome } = await client.submit({ claimId: `chest-${i}-${call}`, playerId: `player-${i}` });
        assert.equal(outcome, 'ACCEPTED');
      }
    }
    const submits = await until('all traces', () => {
      const told = traces.filter(({ method }) => method === 'SubmitClaim');
      return told.length === THREADS * CALLS && told;
    });
    const endedUs = systemClock.monotonicUs();
    assert.deepEqual(calls(SUBMIT_CLAIM, status.OK), [CALLS, CALLS]);
    for (const trace of submits) {
      assert.deepEqual(
        [trace.reason, trace.parent?.traceId, trace.batchSize],
        ['sampled', CALLER.traceId, 1],
      );
      const times = [beganUs, trace.beganUs, ...trace.phaseEndsUs, endedUs];
      assert.equal(trace.phaseEndsUs.length, CALL_PHASES.length);
      assert.deepEqual(
        times.toSorted((a, b) => a - b),
        times,
      );
    }
    const ids = submits.map(({ claimId, playerId }) => `${claimId} ${playerId}`);
    assert.equal(new Set(ids).size, THREADS * CALLS);
    assert.ok(ids.includes('chest-1-0 player-1'));
    for (const stats of memory.callStats) {
      // Of each its own, to a rounding: what its calls took is the sum of their phases.
      const ofCalls =
        stats.duration(SUBMIT_CLAIM, status.OK).sum + stats.duration(methodNumber('GetClaim'), 0).sum;
      const ofPhases = stats.phases.reduce((sum, phase) => sum + phase.sum, 0);
      assert.ok(Math.abs(ofCalls - ofPhases) < 1e-9, `${ofCalls} and ${ofPhases}`);
    }
  });

  test('a slow store is seen in its phase; a call whose time is over by then has ended so', async () => {
    const [client] = clients;
    const SLOW_MS = 150;
    const release = store.hold();
    const { commit } = store.calls;
    const beganUs = systemClock.monotonicUs();
    const late = client.validate({ claimId: 'chest-0-0', playerId: 'player-0' }, SLOW_MS / 3);
    await assert.rejects(late, { code: status.DEADLINE_EXCEEDED });
    await until('the commit', () => store.calls.commit > commit);
    await until('time to pass', () => systemClock.monotonicUs() - beganUs > SLOW_MS * 1_000);
    release();
    await until('the end', () =>
      calls(VALIDATE_CLAIM, status.DEADLINE_EXCEEDED).some((count) => count === 1),
    );
    const trace = await until('its trace', () => traces.find(({ method }) => method === 'ValidateClaim'));
    assert.deepEqual(
      [trace.reason, trace.status, trace.outcome],
      ['failed', status.DEADLINE_EXCEEDED, 'ACCEPTED'],
    );
    const [, , , commitEndUs, storeEndUs] = trace.phaseEndsUs;
    assert.ok(
      storeEndUs - commitEndUs > (SLOW_MS / 2) * 1_000,
      `the store took ${storeEndUs - commitEndUs} µs`,
    );
    assert.deepEqual(calls(VALIDATE_CLAIM, status.OK), [0, 0]);
  });

  test('of a batch that workers serve: the phases of the claim that came last, and how many it had', async () => {
    const items = Array.from({ length: BATCH_ITEMS }, (_, i) => ({ claimId: `batch-${i}`, playerId: 'p' }));
    const results = await clients[1].batchSubmit(items);
    assert.ok(results.every(({ outcome }) => outcome === 'ACCEPTED'));
    const trace = await until('its trace', () => traces.find(({ method }) => method === 'BatchSubmitClaims'));
    assert.equal(trace.items, BATCH_ITEMS);
    assert.ok(trace.batchSize > 0 && trace.batchSize <= BATCH_ITEMS, `${trace.batchSize}`);
    assert.ok(trace.phaseEndsUs.every((endUs, i, all) => i === 0 || endUs >= all[i - 1]));
  });
});
