/** Traces of the started program whose receiver is away, refuses or hangs: no call may know of it. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Claimd, runClaimd } from '../support/claimd.ts';
import { claimdFor } from '../support/for-test.ts';
import { otlpReceiverFor, unreachableEndpoint } from '../support/otlp-receiver.ts';
import { SAMPLED, tracedClientFor } from '../support/traced-client.ts';
import { until } from '../support/waiting.ts';

const HTTP_OK = 200;
const HTTP_INTERNAL_ERROR = 500;
/** Epochs are spans too: several a second. */
const ENV = { CLAIMS_EPOCH_LENGTH_MS: '200', CLAIMS_INGRESS_THREADS: '1' };

function claimdTo(t: TestContext, endpoint: string, env: Record<string, string> = {}): Promise<Claimd> {
  return claimdFor(t, { env: { ...ENV, ...env, CLAIMS_OTLP_ENDPOINT: endpoint } });
}

async function checkServes(t: TestContext, claimd: Claimd, round: string): Promise<void> {
  const client = tracedClientFor(t, claimd, SAMPLED);
  for (let i = 0; i < 20; i += 1) {
    const { outcome } = await client.submit({ claimId: `${round}-${i}`, playerId: 'p' });
    assert.equal(outcome, 'ACCEPTED');
  }
}

/** Messages of the log's lines about exports of traces. */
function told(claimd: Claimd): string[] {
  return claimd
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line): { msg: string } => JSON.parse(line))
    .map(({ msg }) => msg)
    .filter((msg) => /^traces|OpenTelemetry/.test(msg));
}

/** Spans that were dropped, or exported, or traces told, as /metrics has them. */
async function spans(claimd: Claimd, name: string): Promise<number> {
  const page = await (await fetch(`http://${claimd.adminAddress}/metrics`)).text();
  const values = [...page.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)`, 'gm'))];
  assert.ok(values.length > 0, `${name} in\n${page}`);
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

describe('a receiver that is ill', { concurrency: 3 }, () => {
  test('is away: calls go on, spans are dropped and counted, the log has one line', async (t) => {
    const claimd = await claimdTo(t, await unreachableEndpoint());
    await checkServes(t, claimd, 'away');
    await until('two exports to have failed', async () => {
      return told(claimd).length > 0 && (await spans(claimd, 'claims_traces_dropped_total')) > 150;
    });
    await checkServes(t, claimd, 'still away');
    assert.deepEqual(told(claimd), ['traces can not be exported']);
    assert.equal(await claimd.stop(), 0);
  });

  test('refuses, then does not: one line for each', async (t) => {
    const receiver = await otlpReceiverFor(t);
    receiver.health = HTTP_INTERNAL_ERROR;
    const claimd = await claimdTo(t, receiver.endpoint);
    await checkServes(t, claimd, 'refused');
    await until('several requests to be refused', () => receiver.asked >= 3);
    receiver.health = HTTP_OK;
    await receiver.untilSpans('an epoch', ({ name }) => name === 'epoch', 3);
    // The receiver has them before the program hears that it does.
    await until('the program to hear of it', async () => {
      return told(claimd).length > 1 && (await spans(claimd, 'claims_traces_exported_total')) >= 3;
    });
    assert.deepEqual(told(claimd), ['traces can not be exported', 'traces are exported again']);
    assert.equal(await claimd.stop(), 0);
  });

  test('hangs: calls go on, and the stop waits for it two seconds and no more', async (t) => {
    const receiver = await otlpReceiverFor(t);
    receiver.health = 'hangs';
    // Less than these two seconds: it is calls that are cut off then.
    const claimd = await claimdTo(t, receiver.endpoint, { CLAIMS_DRAIN_TIMEOUT_MS: '1500' });
    await checkServes(t, claimd, 'hung');
    await until('it to be asked', () => receiver.asked > 0);
    await checkServes(t, claimd, 'still hung');
    // Less than an export that hangs takes to be given up; the drain has nothing else to wait for.
    assert.equal(await claimd.stop(4_500), 0);
    assert.deepEqual(told(claimd), ['traces were left unsent']);
    assert.doesNotMatch(claimd.log(), /cut off/);
  });
});

test('without an endpoint no thread makes traces', async (t) => {
  for (const threads of ['1', '2']) {
    const claimd = await claimdFor(t, { env: { ...ENV, CLAIMS_INGRESS_THREADS: threads } });
    await checkServes(t, claimd, threads);
    assert.equal(await spans(claimd, 'claims_traces_told_total'), 0);
  }
});

test('an endpoint that is none ends the start with one line, without what is secret in it', async () => {
  const url = 'http://me:hunter2@collector:4318';
  for (const name of ['CLAIMS_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT']) {
    const { exitCode, log } = await runClaimd({ env: { [name]: url } });
    assert.equal(exitCode, 1);
    assert.match(log, /^claimd: .*\n$/);
    assert.ok(
      log.startsWith(`claimd: ${name}: "http://***@collector:4318" is not allowed; allowed: off, or http`),
    );
    assert.doesNotMatch(log, /hunter2/);
  }
});
