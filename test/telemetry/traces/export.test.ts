/** What becomes of traces where the receiver is away, refuses, or does not answer. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../../src/clock/clock.ts';
import { openTraces } from '../../../src/telemetry/traces/open-traces.ts';
import type { Traces } from '../../../src/telemetry/traces/traces.ts';
import { callTrace } from '../../support/call-traces.ts';
import { CapturedLog } from '../../support/captured-log.ts';
import { otlpReceiverFor, unreachableEndpoint } from '../../support/otlp-receiver.ts';
import { until } from '../../support/waiting.ts';

const HTTP_OK = 200;
const HTTP_INTERNAL_ERROR = 500;
const HTTP_UNAVAILABLE = 503;
/** Of a call and its six phases. */
const SPANS_A_CALL = 7;
const LIMITS = { spans: 3 * SPANS_A_CALL, spansPerExport: SPANS_A_CALL };

async function tracesTo(t: TestContext, url: string): Promise<{ traces: Traces; log: CapturedLog }> {
  const log = new CapturedLog();
  const settings = { url, headers: {}, version: '1.2.3', replicaId: 'replica-a' };
  const traces = await openTraces(settings, LIMITS, systemClock, log.logger);
  t.after(() => traces.close());
  return { traces, log };
}

test('refused spans are counted; the log has a line when that begins and one when it ends', async (t) => {
  const receiver = await otlpReceiverFor(t);
  receiver.health = HTTP_INTERNAL_ERROR;
  const { traces, log } = await tracesTo(t, receiver.endpoint);
  for (const calls of [1, 2, 3]) {
    traces.call(callTrace());
    await until('the call to be dropped', () => traces.counts.dropped.export_failed === calls * SPANS_A_CALL);
  }
  assert.deepEqual(log.told, ['warn: traces can not be exported']);
  assert.equal(log.lines[0]['url'], `${receiver.endpoint}/v1/traces`);
  assert.match(String(log.lines[0]['error']), /^500 Internal Server Error/);
  receiver.health = HTTP_OK;
  for (const calls of [1, 2]) {
    traces.call(callTrace());
    await until('the call to be exported', () => traces.counts.exported === calls * SPANS_A_CALL);
  }
  assert.deepEqual(log.told, ['warn: traces can not be exported', 'info: traces are exported again']);
  assert.equal(receiver.spans.length, 2 * SPANS_A_CALL);
});

test('a receiver that hangs is waited for with so many spans and no more; traces are dropped whole', async (t) => {
  const receiver = await otlpReceiverFor(t);
  receiver.health = 'hangs';
  const { traces } = await tracesTo(t, receiver.endpoint);
  for (let call = 0; call < 100; call += 1) traces.call(callTrace());
  assert.deepEqual(traces.counts, {
    exported: 0,
    dropped: { queue_full: 97 * SPANS_A_CALL, export_failed: 0 },
  });
  traces.begin('epoch').end({});
  assert.equal(traces.counts.dropped.queue_full, 97 * SPANS_A_CALL + 1);
  await until('what hung to be given up', () => traces.counts.dropped.export_failed > 0);
  traces.call(callTrace());
  assert.equal(traces.counts.dropped.queue_full, 97 * SPANS_A_CALL + 1, 'there is room again');
});

test('the end does not wait for a receiver that hangs', async (t) => {
  const receiver = await otlpReceiverFor(t);
  receiver.health = 'hangs';
  const { traces, log } = await tracesTo(t, receiver.endpoint);
  for (let call = 0; call < 3; call += 1) traces.call(callTrace());
  await traces.close();
  assert.deepEqual(log.told, ['warn: traces were left unsent']);
  assert.equal(log.lines[0]['spans'], 3 * SPANS_A_CALL);
});

test('what waits is sent at the end', async (t) => {
  const receiver = await otlpReceiverFor(t);
  const { traces, log } = await tracesTo(t, receiver.endpoint);
  traces.call(callTrace());
  await traces.close();
  assert.equal(receiver.spans.length, SPANS_A_CALL);
  assert.deepEqual(traces.counts, { exported: SPANS_A_CALL, dropped: { queue_full: 0, export_failed: 0 } });
  assert.deepEqual(log.told, []);
});

test('a receiver that is not there is tried again before spans are given up', async (t) => {
  const { traces, log } = await tracesTo(t, await unreachableEndpoint());
  traces.call(callTrace());
  await until('the call to be dropped', () => traces.counts.dropped.export_failed === SPANS_A_CALL);
  assert.deepEqual(log.told, ['warn: traces can not be exported']);
  assert.match(String(log.lines[0]['error']), /ECONNREFUSED/);
});

test('a receiver that is busy for a while loses nothing', async (t) => {
  const receiver = await otlpReceiverFor(t);
  receiver.health = HTTP_UNAVAILABLE;
  const { traces, log } = await tracesTo(t, receiver.endpoint);
  for (let call = 0; call < 3; call += 1) traces.call(callTrace());
  await until('it to have been asked', () => receiver.asked > 0);
  receiver.health = HTTP_OK;
  await until('the calls to be exported', () => traces.counts.exported === 3 * SPANS_A_CALL);
  assert.equal(receiver.spans.length, 3 * SPANS_A_CALL);
  assert.deepEqual(log.told, []);
});
