/** A started program sends by OTLP what it shows on /metrics; where it can not, it serves all the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launchClaimd } from '../support/claimd.ts';
import { claimdFor, clientFor } from '../support/for-test.ts';
import { freePort, LOOPBACK } from '../support/free-port.ts';
import { metricsPage } from '../support/metrics-page.ts';
import { receivedMetrics } from '../support/otlp-metrics.ts';
import { otlpReceiverFor, unreachableEndpoint } from '../support/otlp-receiver.ts';
import { Scrape } from '../support/scrape.ts';
import { until } from '../support/waiting.ts';

const INTERVAL = { CLAIMS_OTLP_METRICS_INTERVAL_MS: '1000' };

test('the receiver has every metric by its OpenTelemetry name, and the counts of the end', async (t) => {
  const receiver = await otlpReceiverFor(t);
  const claimd = await claimdFor(t, { env: { ...INTERVAL, CLAIMS_OTLP_ENDPOINT: receiver.endpoint } });
  const client = clientFor(t, claimd);
  for (let i = 0; i < 600; i += 1) await client.submit({ claimId: `c${i}`, playerId: 'p' });
  assert.equal(await claimd.stop(), 0);
  const last = receivedMetrics(receiver).at(-1) ?? assert.fail('nothing was sent');
  const names = metricsPage().map(({ what }) => /^`([^`]+)`/.exec(what)?.[1]);
  assert.deepEqual(last.map(({ name }) => name).sort(), names.sort());
  const calls = last.find(({ name }) => name === 'rpc.server.call.duration');
  const submits = calls?.points.find(({ attributes }) => attributes['rpc.method'].endsWith('/SubmitClaim'));
  assert.equal(submits?.count, 600);
  assert.equal(submits.attributes['rpc.status_code'], 'OK');
  assert.equal(calls?.resource['service.name'], 'epoch-claims');
});

test('a start that waits for its store is seen: metrics are sent meanwhile, and once more at the end', async (t) => {
  const receiver = await otlpReceiverFor(t);
  const away = `redis://${LOOPBACK}:${await freePort()}`;
  const env = { ...INTERVAL, CLAIMS_OTLP_ENDPOINT: receiver.endpoint, CLAIMS_STORE: away };
  const claimd = await launchClaimd({ env });
  t.after(async () => {
    claimd.kill('SIGKILL');
    await claimd.wait();
  });
  await until('metrics to be sent', () => receivedMetrics(receiver).length > 0);
  const [first] = receivedMetrics(receiver);
  const ready = first.find(({ name }) => name === 'claims.ready');
  assert.deepEqual(
    ready?.points.map(({ value }) => value),
    [0],
  );
  const sent = receiver.requests.length;
  assert.equal(await claimd.stop(), 0);
  assert.ok(receiver.requests.length > sent);
});

test('nobody at the endpoint: calls are served, failures counted, and the log has one line', async (t) => {
  const env = { ...INTERVAL, CLAIMS_OTLP_ENDPOINT: await unreachableEndpoint() };
  const claimd = await claimdFor(t, { env });
  const client = clientFor(t, claimd);
  let round = 0;
  await until('two failed exports', async () => {
    const { outcome } = await client.submit({ claimId: `c${round++}`, playerId: 'p' });
    assert.equal(outcome, 'ACCEPTED');
    return (await Scrape.of(claimd)).sum('claims_metrics_export_failures_total') >= 2;
  });
  const lines = claimd.log().match(/metrics can not be exported/g);
  assert.equal(lines?.length, 1, claimd.log());
  assert.equal(await claimd.stop(), 0);
});
