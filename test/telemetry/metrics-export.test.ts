/** Metrics by OTLP: as they came over the wire, and where the receiver is away, refuses or hangs. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/clock/clock.ts';
import { ExportWatch } from '../../src/telemetry/export-watch.ts';
import { type MetricsExport, openMetricsExport } from '../../src/telemetry/metrics-export.ts';
import { CapturedLog } from '../support/captured-log.ts';
import { type ReceivedMetric, receivedMetrics } from '../support/otlp-metrics.ts';
import { type OtlpReceiver, otlpReceiverFor, unreachableEndpoint } from '../support/otlp-receiver.ts';
import { until } from '../support/waiting.ts';
import { type MadeMetrics, madeMetrics } from './made-metrics.ts';

const HTTP_OK = 200;
const HTTP_INTERNAL_ERROR = 500;
/** As often as the settings allow: half of it is the time that an export has. */
const INTERVAL_MS = 1_000;

interface Exported {
  readonly made: MadeMetrics;
  readonly watch: ExportWatch;
  readonly log: CapturedLog;
  readonly exporting: MetricsExport;
}

async function exportTo(t: TestContext, url: string, intervalMs = INTERVAL_MS): Promise<Exported> {
  const log = new CapturedLog();
  const made = madeMetrics();
  const watch = new ExportWatch('metrics', url, log.logger);
  const settings = { url, headers: { 'x-tenant': 'a' }, version: '1.2.3', replicaId: 'replica-a' };
  const exporting = await openMetricsExport(settings, intervalMs, made.metrics, watch, systemClock);
  t.after(() => exporting.close());
  return { made, watch, log, exporting };
}

/** The newest of the name, once it fulfils the condition. */
function newest(
  receiver: OtlpReceiver,
  name: string,
  holds: (metric: ReceivedMetric) => boolean,
): Promise<ReceivedMetric> {
  return until(name, () => {
    const found = receivedMetrics(receiver)
      .at(-1)
      ?.find((metric) => metric.name === name);
    return found !== undefined && holds(found) && found;
  });
}

test('every kind arrives with its name, unit, labels and values, and whose it is', async (t) => {
  const receiver = await otlpReceiverFor(t);
  const { made } = await exportTo(t, receiver.endpoint);
  made.entries = 7;
  made.freeBytes = 512;
  for (const value of [0.05, 0.3, 7]) made.phases.store.record(value);
  const entries = await newest(receiver, 'claims.made.entries', ({ points }) => points[0].value === 7);
  assert.deepEqual(
    [entries.kind, entries.unit, entries.description, entries.temporality],
    ['counter', '{entry}', 'entries that were made', 'AGGREGATION_TEMPORALITY_CUMULATIVE'],
  );
  assert.equal(entries.resource['service.name'], 'epoch-claims');
  assert.equal(entries.resource['service.instance.id'], 'replica-a');
  const free = await newest(receiver, 'claims.made.free', ({ points }) => points[0].value === 512);
  assert.deepEqual([free.kind, free.unit], ['gauge', 'By']);
  const duration = await newest(receiver, 'claims.made.duration', ({ points }) => points[1].count === 3);
  assert.deepEqual(
    [duration.kind, duration.unit, duration.temporality],
    ['histogram', 's', 'AGGREGATION_TEMPORALITY_CUMULATIVE'],
  );
  const [, store] = duration.points;
  assert.deepEqual(store.attributes, { 'made.phase': 'store' });
  assert.deepEqual([store.bounds, store.bucketCounts, store.sum], [[0.1, 0.5], [1, 1, 1], 7.35]);
  assert.equal(receiver.requests[0].headers['x-tenant'], 'a');
});

test('a receiver that refuses: counted, one line when it begins and one when it ends, and nothing is lost', async (t) => {
  const receiver = await otlpReceiverFor(t);
  receiver.health = HTTP_INTERNAL_ERROR;
  const { made, watch, log } = await exportTo(t, receiver.endpoint);
  made.entries = 7;
  await until('two failures', () => watch.failures >= 2);
  receiver.health = HTTP_OK;
  await newest(receiver, 'claims.made.entries', ({ points }) => points[0].value === 7);
  await until('the log to say so', () => log.lines.length >= 2);
  assert.deepEqual(log.told, ['warn: metrics can not be exported', 'info: metrics are exported again']);
});

test('a receiver that is away is counted; what ends then does not wait for it', async (t) => {
  const { watch, log, exporting } = await exportTo(t, await unreachableEndpoint());
  await until('failures', () => watch.failures >= 1);
  await exporting.close();
  assert.equal(log.lines.length, 1);
});

test('at the end they are sent once more, and a receiver that hangs is left', async (t) => {
  const receiver = await otlpReceiverFor(t);
  const { made, exporting } = await exportTo(t, receiver.endpoint, 3_600_000);
  made.entries = 11;
  await exporting.close();
  assert.equal(
    receivedMetrics(receiver)
      .at(-1)
      ?.find(({ name }) => name === 'claims.made.entries')?.points[0].value,
    11,
  );
  receiver.health = 'hangs';
  const hanging = await exportTo(t, receiver.endpoint, 3_600_000);
  await hanging.exporting.close();
  assert.equal(hanging.watch.failures, 0);
});
