/** What is counted of calls, and what their traces tell: over the wire, with time that a test steps. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { ClaimOperation, Outcome } from '../../src/domain/claim.ts';
import { TRACES_AT_ONCE } from '../../src/limits.ts';
import { tryLock, unlock } from '../../src/segment/segment-lock.ts';
import {
  CALL_PHASES,
  type CallPhase,
  type CallTrace,
  TRACE_REASONS,
} from '../../src/telemetry/call-trace.ts';
import { P99_MIN_VALUES } from '../../src/telemetry/rolling-p99.ts';
import { methodNumber } from '../../src/wire/timed-call.ts';
import { type ClaimClient, encoded } from '../support/client.ts';
import { START_MS } from '../support/engine.ts';
import { framed, RawSession } from '../support/raw-http2.ts';
import { TimedService, type TimedServiceOptions } from '../support/timed-service.ts';
import { CALLER, NOT_SAMPLED, SAMPLED } from '../support/traced-client.ts';
import { until } from '../support/waiting.ts';

const { SUBMIT, VALIDATE, GET } = ClaimOperation;
const SUBMIT_CLAIM = methodNumber('SubmitClaim');
const US_PER_MS = 1_000;

async function opened(t: TestContext, options: TimedServiceOptions = {}): Promise<TimedService> {
  return (await TimedService.start(t, options)).open();
}

const item = (claimId: string, playerId = 'ann') => ({ claimId, playerId, timestampMs: START_MS });

/** How long each phase took that took place, milliseconds. */
function phasesMs(trace: CallTrace): Partial<Record<CallPhase, number>> {
  let beganUs = trace.beganUs;
  const took: Partial<Record<CallPhase, number>> = {};
  for (const [phase, endUs] of trace.phaseEndsUs.entries()) {
    if (Number.isNaN(endUs)) continue;
    took[CALL_PHASES[phase]] = (endUs - beganUs) / US_PER_MS;
    beganUs = endUs;
  }
  return took;
}

/** A claim that the store holds back for so long. */
async function submitSlowly(service: TimedService, client: ClaimClient, claimId: string, ms: number) {
  const { store, clock } = service.t;
  const { commit } = store.calls;
  const release = store.hold();
  const reply = client.submit(item(claimId));
  await until('the commit to begin', () => store.calls.commit > commit);
  clock.step(ms);
  release();
  return reply;
}

/** Calls enough that the method has a P99. */
async function makeUsual(client: ClaimClient): Promise<void> {
  const calls = Array.from({ length: 2 * P99_MIN_VALUES }, (_, i) => client.submit(item(`usual-${i}`)));
  await Promise.all(calls);
}

describe('phases', () => {
  test('of a claim that the store decides: all, and what a slow store takes is the store’s', async (t) => {
    const service = await opened(t);
    service.t.clock.step(100);
    assert.equal((await submitSlowly(service, service.client(SAMPLED), 'chest', 70)).outcome, 'ACCEPTED');
    const [trace] = service.traces;
    assert.deepEqual(phasesMs(trace), { decode: 0, queue: 0, segment: 0, commit: 0, store: 70, reply: 0 });
    const told = [trace.method, trace.status, trace.outcome, trace.items, trace.batchSize, trace.stolen];
    assert.deepEqual(told, ['SubmitClaim', status.OK, 'ACCEPTED', 1, 1, false]);
    assert.equal(trace.epoch, START_MS / 1_000);
    assert.equal(service.stats.duration(SUBMIT_CLAIM, status.OK).sum, 0.07);
    assert.deepEqual(
      service.stats.phases.map((phase) => [phase.count, phase.sum]),
      CALL_PHASES.map((phase) => [1, phase === 'store' ? 0.07 : 0]),
    );
  });

  test('of a claim that its table settles: neither commit nor store', async (t) => {
    const service = await opened(t);
    const plain = service.client();
    await plain.submit(item('chest'));
    await plain.validate(item('chest'));
    assert.equal((await service.client(SAMPLED).get('chest')).outcome, 'FOUND');
    assert.deepEqual(phasesMs(service.traces[0]), { decode: 0, queue: 0, segment: 0, reply: 0 });
    assert.equal(service.traces[0].batchSize, 0);
    assert.deepEqual(
      service.stats.phases.map((phase) => phase.count),
      CALL_PHASES.map((phase) => (phase === 'commit' || phase === 'store' ? 2 : 3)),
    );
  });

  test('of a claim whose segment others hold: it waits in the queue', async (t) => {
    const service = await opened(t, { segments: 1 });
    const { memory, clock } = service.t;
    assert.ok(tryLock(memory.locks, 0, 1));
    const reply = service.client(SAMPLED).get('chest');
    await until('the claim to be queued', () => !memory.queues.isEmpty(0));
    clock.step(30);
    unlock(memory.locks, 0, 1);
    await service.client().get('other');
    await reply;
    assert.equal(phasesMs(service.traces[0]).queue, 30);
  });

  test('of one that waits while another commit is in flight: that is its commit’s', async (t) => {
    const service = await opened(t);
    const { store, clock, memory } = service.t;
    const release = store.hold();
    const first = service.client().submit(item('first'));
    await until('the first commit to begin', () => store.calls.commit === 1);
    const second = service.client(SAMPLED).submit(item('second'));
    await until('the second to wait', () => memory.commitWaiting[0] === 1);
    clock.step(20);
    release();
    await Promise.all([first, second]);
    const { commit, store: inStore } = phasesMs(service.traces[0]);
    assert.deepEqual([commit, inStore], [20, 0]);
  });

  test('a run that a worker served which is not its segment’s home was stolen', async (t) => {
    // Without threads worker 0 serves all; the second half of the segments is at home with worker 1.
    const service = await opened(t, { segments: 4, workers: 2 });
    const client = service.client(SAMPLED);
    for (let i = 0; i < 16; i += 1) await client.get(`chest-${i}`);
    for (const { segment, stolen } of service.traces)
      assert.equal(stolen, Number(segment) >= 2, `${segment}`);
    const segments = new Set(service.traces.map((trace) => trace.segment));
    assert.deepEqual([...segments].toSorted(), [0, 1, 2, 3]);
  });
});

describe('which calls are told', () => {
  test('one slower than the P99 of its method, and no other', async (t) => {
    const service = await opened(t);
    const client = service.client(NOT_SAMPLED);
    await submitSlowly(service, client, 'early', 500);
    assert.equal(service.traces.length, 0, 'of one call nobody knows whether it is slow');
    await makeUsual(client);
    assert.equal(service.traces.length, 0);
    await submitSlowly(service, client, 'slow', 5);
    assert.deepEqual(
      service.traces.map((trace) => [trace.reason, trace.parent?.traceId, trace.parent?.sampled]),
      [['slow', CALLER.traceId, false]],
    );
    assert.ok(service.stats.p99S(SUBMIT_CLAIM) < 0.001, `${service.stats.p99S(SUBMIT_CLAIM)}`);
  });

  test('one whose caller records it, as its child; without ids unless they are asked for', async (t) => {
    for (const traceIds of [false, true]) {
      const service = await opened(t, { traceIds });
      await service.client(SAMPLED).submit(item('chest', 'bob'));
      const [{ reason, parent, claimId, playerId }] = service.traces;
      assert.equal(reason, 'sampled');
      assert.deepEqual(parent, { ...CALLER, sampled: true });
      assert.deepEqual([claimId, playerId], traceIds ? ['chest', 'bob'] : [undefined, undefined]);
      assert.equal(JSON.stringify(service.traces).includes('bob'), traceIds);
    }
  });

  test('none where nobody is told, and none is counted as told or dropped; calls are counted as ever', async (t) => {
    const service = await opened(t, { traces: false });
    await service.client('nonsense').get('chest');
    service.t.store.setFailing(true);
    const client = service.client(SAMPLED);
    for (let i = 0; i < TRACES_AT_ONCE + 5; i += 1) await client.submit(item(`chest-${i}`));
    const reasons = [...TRACE_REASONS.keys()];
    const counted = (reason: number) =>
      service.stats.tracesTold(reason) + service.stats.tracesDropped(reason);
    assert.deepEqual(reasons.map(counted), [0, 0, 0]);
    assert.equal(service.stats.calls(SUBMIT_CLAIM, status.OK), TRACES_AT_ONCE + 5);
    assert.equal(service.stats.malformedTraceParents, 1);
  });

  test('a malformed traceparent, or two, count, and are as none', async (t) => {
    const service = await opened(t);
    for (const headers of [['nonsense'], [SAMPLED.toUpperCase()], [SAMPLED, SAMPLED]]) {
      assert.equal((await service.client(...headers).get('chest')).outcome, 'NOT_FOUND');
    }
    assert.deepEqual([service.stats.malformedTraceParents, service.traces.length], [3, 0]);
    await service.client(NOT_SAMPLED).get('chest');
    await service.client().get('chest');
    assert.deepEqual([service.stats.malformedTraceParents, service.traces.length], [3, 0]);
  });

  test('those that the store failed, with the time it took to; beyond a burst they are dropped, others are not', async (t) => {
    const service = await opened(t);
    service.t.store.setFailing(true);
    const client = service.client();
    assert.equal((await submitSlowly(service, client, 'chest', 40)).outcome, 'UNAVAILABLE');
    const [{ reason, outcome, epoch, batchSize }] = service.traces;
    assert.deepEqual([reason, outcome, epoch, batchSize], ['failed', 'UNAVAILABLE', undefined, 1]);
    assert.equal(phasesMs(service.traces[0]).store, 40);
    for (let i = 0; i < TRACES_AT_ONCE + 5; i += 1) await client.submit(item(`chest-${i}`));
    assert.equal(service.traces.length, TRACES_AT_ONCE);
    assert.deepEqual([service.stats.tracesTold(1), service.stats.tracesDropped(1)], [TRACES_AT_ONCE, 6]);
    await service.client(SAMPLED).submit(item('sampled'));
    assert.equal(service.traces.at(-1)?.reason, 'sampled');
  });

  test('a call refused whole has nothing but its end; one that is the caller’s own fault is not told', async (t) => {
    const service = await TimedService.start(t, { ingressEntries: 64 });
    const client = service.client();
    await assert.rejects(client.submit(item('chest')), { code: status.UNAVAILABLE });
    service.open();
    const many = Array.from({ length: 65 }, (_, i) => item(`chest-${i}`));
    await assert.rejects(client.batchSubmit(many), { code: status.RESOURCE_EXHAUSTED });
    await assert.rejects(client.raw('BatchSubmitClaims', Buffer.from([0xff])), {
      code: status.INVALID_ARGUMENT,
    });
    const [early, shed] = service.traces;
    assert.equal(service.traces.length, 2);
    assert.deepEqual([early.method, early.status], ['SubmitClaim', status.UNAVAILABLE]);
    assert.deepEqual(
      [shed.method, shed.status, shed.items],
      ['BatchSubmitClaims', status.RESOURCE_EXHAUSTED, 65],
    );
    for (const trace of [early, shed]) {
      assert.deepEqual(phasesMs(trace), { reply: 0 });
      assert.deepEqual([trace.outcome, trace.segment, trace.epoch], [undefined, undefined, undefined]);
    }
    assert.equal(service.stats.sheds('in_flight'), 1);
    const ends = [status.RESOURCE_EXHAUSTED, status.INVALID_ARGUMENT, status.OK];
    const counts = ends.map((end) => service.stats.calls(methodNumber('BatchSubmitClaims'), end));
    assert.deepEqual(counts, [1, 1, 0]);
  });
});

describe('every end is counted once', () => {
  test('items by operation and outcome, whatever call brought them', async (t) => {
    const service = await opened(t);
    const client = service.client();
    await client.submit(item('a'));
    await client.batchSubmit([item('a'), item('a', 'bob'), item('b'), item('')]);
    await client.batchValidate([item('a'), item('none')]);
    await client.exchange().all([{ frameId: 1n, submits: [item('c')], validates: [item('c'), item('')] }]);
    await client.get('c');
    await client.get('');
    const { stats } = service;
    const items = (operation: ClaimOperation) =>
      Object.fromEntries(
        Object.entries(Outcome)
          .map(([name, outcome]) => [name, stats.items(operation, outcome)] as const)
          .filter(([, count]) => count > 0),
      );
    assert.deepEqual(items(SUBMIT), { ACCEPTED: 3, REPLAYED: 1, TAKEN: 1, INVALID: 1 });
    assert.deepEqual(items(VALIDATE), { ACCEPTED: 2, NOT_FOUND: 1, INVALID: 1 });
    assert.deepEqual(items(GET), { FOUND: 1, INVALID: 1 });
    assert.equal(stats.calls(methodNumber('GetClaim'), status.OK), 2);
  });

  test('a call whose client has gone before its answer', async (t) => {
    const service = await opened(t);
    const { store } = service.t;
    const release = store.hold();
    const client = service.client();
    const call = client.rawStream('SubmitClaim').on('error', () => undefined);
    call.end(encoded('SubmitClaim', { claimId: 'chest', playerId: 'ann' }));
    await until('the commit to begin', () => store.calls.commit === 1);
    call.cancel();
    // Answered at once, on the same connection, and so after the server has heard of the cancellation.
    assert.equal((await client.get('')).outcome, 'INVALID');
    release();
    await until('the end', () => service.stats.calls(SUBMIT_CLAIM, status.CANCELLED) === 1);
    assert.equal(service.stats.calls(SUBMIT_CLAIM, status.OK), 0);
    assert.equal(service.traces.length, 0, 'it is the client’s own affair');
  });

  test('frames by themselves, and their stream as one call that is never slow', async (t) => {
    const service = await opened(t);
    const exchange = methodNumber('ExchangeClaims');
    const stream = service.client(SAMPLED).exchange();
    await stream.ask({ frameId: 1n, submits: [item('a')] });
    await stream.ask({ frameId: 2n });
    service.t.clock.step(60);
    assert.equal(service.stats.calls(exchange, status.OK), 0, 'it goes on');
    stream.halfClose();
    await until('the stream to end', () => service.stats.calls(exchange, status.OK) === 1);
    assert.deepEqual([service.stats.frames.count, service.stats.frames.sum], [2, 0]);
    assert.equal(service.stats.duration(exchange, status.OK).sum, 0.06);
    const told = service.traces.map(({ reason, items, outcome }) => [reason, items, outcome]);
    assert.deepEqual(told, [
      ['sampled', 1, 'ACCEPTED'],
      ['sampled', 0, undefined],
      ['sampled', 0, undefined],
    ]);
  });

  test('streams that their clients leave, that are refused, that break', async (t) => {
    const service = await TimedService.start(t);
    const { stats } = service;
    const exchange = methodNumber('ExchangeClaims');
    const client = service.client();
    await assert.rejects(client.exchange().all([]), { code: status.UNAVAILABLE });
    assert.equal(stats.calls(exchange, status.UNAVAILABLE), 1);
    service.open();
    for (const [left, how] of ['reset', 'with its connection'].entries()) {
      const session = new RawSession(service.address);
      const stream = session.call('ExchangeClaims').on('error', () => undefined);
      stream.write(framed(encoded('ExchangeClaims', { frameId: '1' })));
      await until('the frame to be answered', () => stats.frames.count === left + 1);
      if (how === 'reset') stream.destroy(new Error('reset'));
      else session.destroy();
      await until(`a stream to be over, ${how}`, () => stats.calls(exchange, status.CANCELLED) === left + 1);
      session.destroy();
    }
    const broken = client.rawStream('ExchangeClaims').on('error', () => undefined);
    broken.write(Buffer.from([0xff]));
    await until('the stream to break', () => stats.calls(exchange, status.INVALID_ARGUMENT) === 1);
    const watching = client.openWatch().on('error', () => undefined);
    await until('the watch to begin', () => service.t.memory.watchers[0] === 1);
    watching.cancel();
    const watch = methodNumber('WatchEpochs');
    await until('the watch to be over', () => stats.calls(watch, status.CANCELLED) === 1);
    assert.deepEqual([stats.calls(exchange, status.OK), stats.calls(watch, status.OK)], [0, 0]);
  });

  test('epochs that are told, and those that can not be', async (t) => {
    const service = await opened(t);
    await service.t.step(2_000);
    const client = service.client(SAMPLED);
    await client.getEpoch();
    await assert.rejects(client.getEpoch(START_MS / 1_000 + 100), { code: status.OUT_OF_RANGE });
    const getEpoch = methodNumber('GetEpoch');
    const ends = [status.OK, status.OUT_OF_RANGE].map((end) => service.stats.calls(getEpoch, end));
    assert.deepEqual(ends, [1, 1]);
    assert.deepEqual(
      service.traces.map(({ method, items, outcome }) => [method, items, outcome]),
      [
        ['GetEpoch', 0, undefined],
        ['GetEpoch', 0, undefined],
      ],
    );
  });
});
