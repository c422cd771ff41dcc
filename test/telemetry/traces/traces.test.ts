/** Traces through the SDK to a receiver: what arrives is read from the wire. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../../src/clock/clock.ts';
import { GRPC_STATUSES } from '../../../src/telemetry/call-stats.ts';
import { CALL_PHASES, type CallTrace } from '../../../src/telemetry/call-trace.ts';
import { openTraces } from '../../../src/telemetry/traces/open-traces.ts';
import { SpanLedger } from '../../../src/telemetry/traces/span-ledger.ts';
import { Traces } from '../../../src/telemetry/traces/traces.ts';
import { callTrace } from '../../support/call-traces.ts';
import { CapturedLog } from '../../support/captured-log.ts';
import { type OtlpReceiver, otlpReceiverFor, type ReceivedSpan } from '../../support/otlp-receiver.ts';

const CALL = 'claims.v1.ClaimService/SubmitClaim';
const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const HEADERS = { authorization: 'Bearer hunter2' };

async function tracesTo(t: TestContext, receiver: OtlpReceiver): Promise<Traces> {
  const settings = { url: receiver.endpoint, headers: HEADERS, version: '1.2.3', replicaId: 'replica-a' };
  const limits = { spans: 64, spansPerExport: 16 };
  const traces = await openTraces(settings, limits, systemClock, new CapturedLog().logger);
  t.after(() => traces.close());
  return traces;
}

/** The spans of these calls, in the order in which they were told, each with its phases. */
async function told(t: TestContext, calls: readonly CallTrace[]) {
  const receiver = await otlpReceiverFor(t);
  const traces = await tracesTo(t, receiver);
  for (const call of calls) traces.call(call);
  const spans = await receiver.untilSpans('calls', ({ name }) => name === CALL, calls.length);
  return spans.map((span) => ({ span, phases: childrenOf(span, receiver.spans) }));
}

function childrenOf({ traceId, spanId }: ReceivedSpan, spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  return spans
    .filter((span) => span.traceId === traceId && span.parentSpanId === spanId)
    .toSorted((a, b) => a.startUs - b.startUs);
}

test('a call is a span of the server with the times that it had, and a child for each phase', async (t) => {
  const beganMs = systemClock.nowMs() - 3;
  const [{ span, phases }] = await told(t, [callTrace({ beganUs: systemClock.monotonicUs() - 3_000 })]);
  assert.equal(span.kind, 'SPAN_KIND_SERVER');
  assert.equal(span.parentSpanId, '');
  assert.equal(span.endUs - span.startUs, 600);
  // The test may be held up between its two looks at the clock.
  assert.ok(Math.abs(span.startUs / 1_000 - beganMs) < 1_000, `${span.startUs}, not ${beganMs}`);
  assert.deepEqual(
    phases.map(({ name }) => name),
    CALL_PHASES,
  );
  for (const [i, phase] of phases.entries()) {
    assert.equal(phase.startUs, span.startUs + i * 100);
    assert.equal(phase.endUs, span.startUs + (i + 1) * 100);
    assert.equal(phase.kind, 'SPAN_KIND_INTERNAL');
  }
});

test('a call carries what it was and where it went, and no ids', async (t) => {
  const [{ span }] = await told(t, [callTrace({ stolen: true })]);
  assert.deepEqual(span.attributes, {
    'rpc.system.name': 'grpc',
    'rpc.method': CALL,
    'rpc.status_code': 'OK',
    'claims.replica': 'replica-a',
    'claims.trace.reason': 'slow',
    'claims.items': 1,
    'claims.outcome': 'ACCEPTED',
    'claims.segment': 7,
    'claims.epoch': 170_000_001,
    'claims.stolen': true,
    'claims.batch.size': 32,
  });
  const { resource } = span;
  assert.equal(resource['service.name'], 'epoch-claims');
  assert.equal(resource['service.version'], '1.2.3');
  assert.equal(resource['service.instance.id'], 'replica-a');
  assert.equal(span.scope, 'epoch-claims');
});

test('ids are told where the trace has them', async (t) => {
  const [{ span }] = await told(t, [callTrace({ claimId: 'chest-1', playerId: 'player-1' })]);
  assert.equal(span.attributes['claims.claim.id'], 'chest-1');
  assert.equal(span.attributes['claims.player.id'], 'player-1');
});

test('a phase that did not take place is left out, and the next begins where the last ended', async (t) => {
  const phaseEndsUs = [1_000_050, 1_000_100, 1_000_300, Number.NaN, Number.NaN, 1_000_700];
  const settled = callTrace({ phaseEndsUs, batchSize: 0 });
  const refused = callTrace({
    status: GRPC_STATUSES.indexOf('RESOURCE_EXHAUSTED'),
    phaseEndsUs: CALL_PHASES.map(() => Number.NaN),
    segment: undefined,
    epoch: undefined,
    outcome: undefined,
    batchSize: 0,
  });
  const [first, second] = await told(t, [settled, refused]);
  assert.deepEqual(
    first.phases.map(({ name, startUs, endUs }) => [name, endUs - startUs]),
    [
      ['decode', 50],
      ['queue', 50],
      ['segment', 200],
      ['reply', 400],
    ],
  );
  assert.equal(first.span.attributes['claims.batch.size'], undefined);
  assert.deepEqual(second.phases, []);
  assert.equal(second.span.endUs, second.span.startUs);
  assert.deepEqual(
    Object.keys(second.span.attributes).filter((key) => /segment|epoch|outcome|stolen|batch/.test(key)),
    [],
  );
});

test('a call is a child of its caller, whether that was sampled or not', async (t) => {
  const parents = [true, false].map((sampled) => ({ ...CALLER, sampled }));
  for (const { span, phases } of await told(
    t,
    parents.map((parent) => callTrace({ parent })),
  )) {
    assert.equal(span.traceId, CALLER.traceId);
    assert.equal(span.parentSpanId, CALLER.spanId);
    assert.equal(phases.length, CALL_PHASES.length);
  }
});

test('what the server is at fault for is an error, what its caller is at fault for is none', async (t) => {
  const calls = GRPC_STATUSES.map((_, status) => callTrace({ status, phaseEndsUs: decodedUntil(1_000_001) }));
  const errors = (await told(t, calls)).filter(({ span }) => span.status.code === 'STATUS_CODE_ERROR');
  assert.deepEqual(
    errors.map(({ span }) => span.attributes['rpc.status_code']),
    ['UNKNOWN', 'DEADLINE_EXCEEDED', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'],
  );
  for (const { span } of errors) {
    assert.equal(span.attributes['error.type'], span.attributes['rpc.status_code']);
  }
});

test('a call is linked to the activities that it overlapped, ended or under way, and to no other', async (t) => {
  const receiver = await otlpReceiverFor(t);
  const traces = await tracesTo(t, receiver);
  traces.begin('hydration').end({ 'claims.read': 12 });
  await nextUs();
  const epoch = traces.begin('epoch');
  const betweenUs = await nextUs();
  epoch.end({ 'claims.epoch': 42 }, 'STORE_UNAVAILABLE: the store is away');
  const reconciliation = traces.begin('reconciliation');
  const nowUs = await nextUs();
  traces.call(callTrace({ beganUs: betweenUs, phaseEndsUs: decodedUntil(nowUs) }));
  reconciliation.end({});
  const [call] = await receiver.untilSpans('the call', ({ name }) => name === CALL);
  const [told] = await receiver.untilSpans('the epoch', ({ name }) => name === 'epoch');
  const [lasting] = await receiver.untilSpans('the pass', ({ name }) => name === 'reconciliation');
  assert.deepEqual(
    call.links,
    [told, lasting].map(({ traceId, spanId, name }) => ({
      traceId,
      spanId,
      attributes: { 'claims.activity': name },
    })),
  );
  assert.deepEqual(told.attributes, { 'claims.replica': 'replica-a', 'claims.epoch': 42 });
  assert.deepEqual(told.status, {
    code: 'STATUS_CODE_ERROR',
    message: 'STORE_UNAVAILABLE: the store is away',
  });
  assert.ok(told.endUs > told.startUs);
  assert.equal(lasting.status.code, 'STATUS_CODE_UNSET');
  const [filled] = await receiver.untilSpans('hydration', ({ name }) => name === 'hydration');
  assert.equal(filled.attributes['claims.read'], 12);
});

test('requests carry the headers that were set', async (t) => {
  const receiver = await otlpReceiverFor(t);
  (await tracesTo(t, receiver)).call(callTrace());
  await receiver.untilSpans('the call', ({ name }) => name === CALL);
  const { headers } = receiver.requests[0];
  assert.equal(headers.authorization, HEADERS.authorization);
  assert.equal(headers['content-type'], 'application/x-protobuf');
});

/** The phases of a call that came no further than to be decoded. */
function decodedUntil(us: number): number[] {
  return CALL_PHASES.map((_, i) => (i === 0 ? us : Number.NaN));
}

/** A moment later than any that was taken before. */
async function nextUs(): Promise<number> {
  const us = systemClock.monotonicUs();
  while (systemClock.monotonicUs() <= us + 1) await new Promise((resolve) => setImmediate(resolve));
  return systemClock.monotonicUs();
}

test('a library that fails is told to the log, and to nobody whose call it is', () => {
  const log = new CapturedLog();
  const fail = (): never => {
    throw new TypeError('from the library');
  };
  const traces = new Traces({
    tracer: { startSpan: fail, startActiveSpan: fail },
    ledger: new SpanLedger(64),
    clock: systemClock,
    log: log.logger,
    replicaId: 'replica-a',
    close: () => Promise.resolve(),
  });
  traces.call(callTrace());
  assert.deepEqual(log.told, ['error: a call could not be told as a trace']);
});
