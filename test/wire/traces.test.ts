/** Traces of the started program, as they come to a receiver: of calls, epochs, hydration, reconciliation. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { systemClock } from '../../src/clock/clock.ts';
import { CALL_PHASES } from '../../src/telemetry/call-trace.ts';
import type { Claimd } from '../support/claimd.ts';
import type { ClaimClient } from '../support/client.ts';
import { claimdFor, clientFor, temporaryFolder } from '../support/for-test.ts';
import { type OtlpReceiver, otlpReceiverFor, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { redisClaimdFor } from '../support/redis-claimd.ts';
import { startRedis } from '../support/redis-server.ts';
import { CALLER, NOT_SAMPLED, SAMPLED, tracedClientFor } from '../support/traced-client.ts';
import { failsWith, until } from '../support/waiting.ts';

const SUBMIT = 'claims.v1.ClaimService/SubmitClaim';
/** More than the P99 is made of at least. */
const CALLS_FOR_P99 = 700;
const EPOCH_MS = 500;
const PAUSE_MS = 3 * EPOCH_MS;

interface Traced {
  readonly claimd: Claimd;
  readonly receiver: OtlpReceiver;
}

async function tracedFor(t: TestContext, threads: number, env = {}): Promise<Traced> {
  const receiver = await otlpReceiverFor(t);
  return { receiver, claimd: await claimdFor(t, { env: { ...tracesTo(receiver, threads), ...env } }) };
}

function tracesTo(receiver: OtlpReceiver, threads: number): Record<string, string> {
  return {
    CLAIMS_OTLP_ENDPOINT: receiver.endpoint,
    CLAIMS_INGRESS_THREADS: String(threads),
    CLAIMS_VALIDATION_WINDOW_MS: '600000',
  };
}

/** The phases below a call, in order. */
function phasesOf({ traceId, spanId }: ReceivedSpan, { spans }: OtlpReceiver): ReceivedSpan[] {
  return spans
    .filter((span) => span.traceId === traceId && span.parentSpanId === spanId)
    .toSorted((a, b) => a.startUs - b.startUs || a.endUs - b.endUs);
}

function checkPhases(call: ReceivedSpan, phases: readonly ReceivedSpan[], names: readonly string[]): void {
  assert.deepEqual(phases.map(({ name }) => name).toSorted(), names.toSorted());
  let sinceUs = call.startUs;
  for (const phase of phases) {
    assert.equal(phase.startUs, sinceUs, `${phase.name} begins where the phase before ended`);
    sinceUs = phase.endUs;
  }
  assert.equal(sinceUs, call.endUs);
}

/** Answered calls, so many that the slowest can be told. */
async function callsForP99(client: ClaimClient): Promise<void> {
  for (let i = 0; i < CALLS_FOR_P99; i += 50) {
    const calls = Array.from({ length: 50 }, (_, j) => ({ claimId: `quick-${i + j}`, playerId: 'p' }));
    await Promise.all(calls.map((call) => client.submit(call)));
  }
}

for (const threads of [1, 2]) {
  describe(`with ${threads} ingress threads`, { concurrency: 2 }, () => {
    test('a call with a sampled traceparent is a child of its caller, with its times and its way', async (t) => {
      const { claimd, receiver } = await tracedFor(t, threads);
      const client = tracedClientFor(t, claimd, SAMPLED);
      const beganMs = systemClock.nowMs();
      const { outcome, epoch } = await client.submit({ claimId: 'chest', playerId: 'p' });
      const endedMs = systemClock.nowMs();
      assert.equal(outcome, 'ACCEPTED');
      const [call] = await receiver.untilSpans('the call', ({ name }) => name === SUBMIT);
      assert.equal(call.traceId, CALLER.traceId);
      assert.equal(call.parentSpanId, CALLER.spanId);
      assert.equal(call.kind, 'SPAN_KIND_SERVER');
      // Both clocks are read in milliseconds.
      assert.ok(call.startUs / 1_000 >= beganMs - 1 && call.endUs / 1_000 <= endedMs + 1);
      checkPhases(call, phasesOf(call, receiver), CALL_PHASES);
      const { 'claims.segment': segment, 'claims.replica': replica, ...attributes } = call.attributes;
      assert.ok(Number(segment) >= 0 && Number(segment) < 64);
      assert.match(String(replica), /^[0-9a-f]{32}$/);
      assert.equal(call.resource['service.instance.id'], replica);
      assert.deepEqual(attributes, {
        'rpc.system.name': 'grpc',
        'rpc.method': SUBMIT,
        'rpc.status_code': 'OK',
        'claims.trace.reason': 'sampled',
        'claims.items': 1,
        'claims.outcome': 'ACCEPTED',
        'claims.epoch': epoch,
        'claims.stolen': false,
        'claims.batch.size': 1,
      });
    });

    test('a call that its segment settles has neither commit nor store; a batch is a call; ids where asked for', async (t) => {
      const { claimd, receiver } = await tracedFor(t, threads, { CLAIMS_TRACE_IDS: 'true' });
      const client = tracedClientFor(t, claimd, SAMPLED);
      await client.submit({ claimId: 'chest', playerId: 'p' });
      await client.validate({ claimId: 'chest', playerId: 'p' });
      await client.validate({ claimId: 'chest', playerId: 'q' });
      await client.batchSubmit(['a', 'b', 'c'].map((claimId) => ({ claimId, playerId: 'p' })));
      const [taken] = await receiver.untilSpans(
        'it',
        (span) => span.attributes['claims.outcome'] === 'TAKEN',
      );
      checkPhases(taken, phasesOf(taken, receiver), ['decode', 'queue', 'segment', 'reply']);
      assert.equal(taken.attributes['claims.batch.size'], undefined);
      assert.equal(taken.attributes['claims.claim.id'], 'chest');
      assert.equal(taken.attributes['claims.player.id'], 'q');
      const [batch] = await receiver.untilSpans('the batch', ({ name }) =>
        name.endsWith('/BatchSubmitClaims'),
      );
      assert.equal(batch.attributes['claims.items'], 3);
      checkPhases(batch, phasesOf(batch, receiver), CALL_PHASES);
    });

    test('told is neither an ordinary call nor one that its caller does not record or got wrong', async (t) => {
      const { claimd, receiver } = await tracedFor(t, threads);
      const ordinary = clientFor(t, claimd);
      await ordinary.submit({ claimId: 'a', playerId: 'p' });
      await tracedClientFor(t, claimd, NOT_SAMPLED).submit({ claimId: 'b', playerId: 'p' });
      await failsWith(ordinary.raw('GetEpoch', Buffer.from([0x08, 0xff])), status.INVALID_ARGUMENT);
      claimd.kill('SIGTERM');
      await claimd.wait();
      assert.deepEqual(
        receiver.spans.filter(({ name }) => name.includes('/')),
        [],
      );
    });

    test('a malformed traceparent is as none', async (t) => {
      const { claimd, receiver } = await tracedFor(t, threads);
      const malformed = [[''], ['00-zz-b7ad6b7169203331-01'], [SAMPLED, SAMPLED], ['x'.repeat(4_000)]];
      for (const [i, values] of malformed.entries()) {
        const client = tracedClientFor(t, claimd, ...values);
        assert.equal((await client.submit({ claimId: `c${i}`, playerId: 'p' })).outcome, 'ACCEPTED');
      }
      await tracedClientFor(t, claimd, SAMPLED).submit({ claimId: 'last', playerId: 'p' });
      const [call, ...others] = await receiver.untilSpans('the last', ({ name }) => name === SUBMIT);
      assert.equal(call.traceId, CALLER.traceId);
      assert.deepEqual(others, []);
    });

    test('the slow call of a store that stalls: its store phase, the epochs that waited with it; reconciliation', async (t) => {
      const redis = await startRedis();
      t.after(() => redis.stop());
      const receiver = await otlpReceiverFor(t);
      const env = { ...tracesTo(receiver, threads), CLAIMS_EPOCH_LENGTH_MS: String(EPOCH_MS) };
      const { client } = await redisClaimdFor(t, redis.url, { env });
      await callsForP99(client);
      await redis.client().call('CLIENT', 'PAUSE', String(PAUSE_MS), 'ALL');
      assert.equal((await client.submit({ claimId: 'slow', playerId: 'p' })).outcome, 'ACCEPTED');
      const [slow] = await receiver.untilSpans('the slow call', stalled);
      assert.equal(slow.attributes['claims.trace.reason'], 'slow');
      assert.equal(slow.parentSpanId, '');
      const phases = phasesOf(slow, receiver);
      checkPhases(slow, phases, CALL_PHASES);
      const longest = phases.toSorted((a, b) => a.endUs - a.startUs - (b.endUs - b.startUs)).at(-1);
      assert.match(String(longest?.name), /^(?:store|commit)$/);
      const epochs = await receiver.untilSpans('the epochs that it waited with', (span) => {
        return span.name === 'epoch' && slow.links.some(({ spanId }) => spanId === span.spanId);
      });
      for (const epoch of epochs) assert.ok(epoch.startUs < slow.endUs && epoch.endUs > slow.startUs);
      assert.ok(
        epochs.some(({ startUs, endUs }) => endUs - startUs > 1_000),
        'an epoch that stalled as well',
      );
      const [pass] = await receiver.untilSpans('a pass', ({ name }) => name === 'reconciliation');
      assert.ok(Number(pass.attributes['claims.read']) >= 0);
    });
  });
}

function stalled({ name, startUs, endUs }: ReceivedSpan): boolean {
  return name === SUBMIT && endUs - startUs > (PAUSE_MS / 2) * 1_000;
}

test('a call that fails is told: the store is away', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const receiver = await otlpReceiverFor(t);
  const env = { ...tracesTo(receiver, 1), CLAIMS_REDIS_TIMEOUT_MS: '200', CLAIMS_EPOCH_LENGTH_MS: '200' };
  const { client } = await redisClaimdFor(t, redis.url, { env });
  await redis.kill();
  assert.equal((await client.submit({ claimId: 'c', playerId: 'p' })).outcome, 'UNAVAILABLE');
  const [call] = await receiver.untilSpans('the call', ({ name }) => name === SUBMIT);
  assert.equal(call.attributes['claims.trace.reason'], 'failed');
  assert.equal(call.attributes['claims.outcome'], 'UNAVAILABLE');
  const [epoch] = await receiver.untilSpans('an epoch that failed', ({ name, status: told }) => {
    return name === 'epoch' && told.code === 'STATUS_CODE_ERROR';
  });
  assert.match(epoch.status.message, /^STORE_UNAVAILABLE: /);
});

test('epochs and hydration are told, each with what it was', async (t) => {
  const dataFolder = await temporaryFolder(t);
  const epochs = { CLAIMS_EPOCH_LENGTH_MS: String(EPOCH_MS) };
  const first = await claimdFor(t, { dataFolder, env: epochs });
  await clientFor(t, first).batchSubmit(['a', 'b', 'c'].map((claimId) => ({ claimId, playerId: 'p' })));
  assert.equal(await first.stop(), 0);
  const receiver = await otlpReceiverFor(t);
  await claimdFor(t, { dataFolder, env: { ...epochs, CLAIMS_OTLP_ENDPOINT: receiver.endpoint } });
  const [hydration] = await receiver.untilSpans('hydration', ({ name }) => name === 'hydration');
  assert.equal(hydration.attributes['claims.read'], 3);
  const [entered, next] = await receiver.untilSpans('epochs', ({ name }) => name === 'epoch', 2);
  assert.equal(Number(next.attributes['claims.epoch']), Number(entered.attributes['claims.epoch']) + 1);
  assert.equal(entered.attributes['claims.epoch.lateness_ms'], undefined);
  assert.ok(Number(next.attributes['claims.epoch.lateness_ms']) >= 0);
  assert.ok(Number(next.attributes['claims.epoch.duration_us']) > 0);
  assert.ok(hydration.startUs >= entered.endUs, 'the epoch is entered before the table is filled');
});

test('what the receiver is to know comes from a file and from the environment', async (t) => {
  const receiver = await otlpReceiverFor(t);
  const claimd = await claimdFor(t, {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.endpoint}/`,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_SERVICE_NAME: 'claims-eu',
    },
  });
  await until('traces', () => receiver.spans.length > 0);
  const [{ resource }] = receiver.spans;
  assert.equal(resource['deployment.environment.name'], 'test');
  assert.equal(resource['service.name'], 'claims-eu');
  assert.match(String(resource['service.version']), /^\d+\.\d+\.\d+/);
  assert.equal(await claimd.stop(), 0);
});
