/** The admin port: health and readiness for probes, settings, metrics. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { type Claimd, startClaimd } from '../support/claimd.ts';
import { ClaimClient } from '../support/client.ts';
import { claimdFor, clientFor } from '../support/for-test.ts';
import { until } from '../support/waiting.ts';

/** A line of the Prometheus text format: name, labels, value, perhaps a timestamp. */
const SAMPLE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\})? ([-+]?(?:[0-9.]+(?:e[-+]?[0-9]+)?|Inf)|NaN)(?: [0-9]+)?$/;

let claimd: Claimd;

before(async () => {
  claimd = await startClaimd({ env: { CLAIMS_RETENTION_EPOCHS: '77', SECRET_OF_ANOTHER: 'do-not-show' } });
});

after(async () => {
  assert.equal(await claimd.stop(), 0);
});

test('/healthz and /readyz say 200 while it serves', async () => {
  for (const path of ['/healthz', '/readyz']) {
    const reply = await ask(path);
    assert.equal(reply.status, 200, path);
    await reply.text();
  }
});

test('/config shows every setting as JSON, and nothing of the environment', async () => {
  const reply = await ask('/config');
  assert.equal(reply.status, 200);
  assert.match(reply.headers.get('content-type') ?? '', /json/);
  const text = await reply.text();
  const config: Record<string, unknown> = JSON.parse(text);
  assert.equal(config['retentionEpochs'], 77);
  assert.equal(config['epochLengthMs'], 10_000);
  assert.equal(config['partition'], 'claim');
  assert.doesNotMatch(text, /do-not-show/);
});

test('/metrics is in the text format, each series once', async () => {
  const client = new ClaimClient(claimd.address);
  await client.submit({ claimId: 'counted', playerId: 'p' });
  client.close();
  const reply = await ask('/metrics');
  assert.equal(reply.status, 200);
  assert.match(reply.headers.get('content-type') ?? '', /^text\/plain/);
  const text = await reply.text();
  assert.ok(text.endsWith('\n'));
  const seen = new Set<string>();
  const typed = new Set<string>();
  for (const line of text.trimEnd().split('\n')) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary|untyped)$/.exec(line);
    if (type !== null) typed.add(type[1]);
    if (line.startsWith('#') || line === '') continue;
    const sample = SAMPLE.exec(line);
    assert.ok(sample !== null, `not a sample: ${line}`);
    const [, name, labels] = sample;
    assert.ok(typed.has(name) || typed.has(name.replace(/_(bucket|sum|count)$/, '')), `${name} has no type`);
    assert.ok(!seen.has(name + labels), `twice: ${name}${labels}`);
    seen.add(name + labels);
  }
  assert.ok([...seen].some((name) => name.startsWith('claims_')));
});

test('anything else is 404, and other methods are 405', async () => {
  for (const path of ['/', '/nothing', '/metrics/x', '/%00', '/../config', '//healthz']) {
    const reply = await ask(path);
    assert.equal(reply.status, path === '/../config' ? 200 : 404, path);
    await reply.text();
  }
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const reply = await ask('/config', { method });
    assert.equal(reply.status, 405, method);
    assert.match(reply.headers.get('allow') ?? '', /GET/);
    await reply.text();
  }
});

test('it listens where it says, and not at all where it is off', async (t) => {
  const plain = await claimdFor(t, { env: { CLAIMS_ADMIN_LISTEN: 'off' } });
  assert.equal(plain.adminAddress, '');
  assert.equal(await plain.stop(), 0);
});

test('its port in use: the service serves all the same, and says so in the log', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1');
  t.after(() => holder.close());
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const without = await claimdFor(t, { env: { CLAIMS_ADMIN_LISTEN: `127.0.0.1:${port}` } });
  const { outcome } = await clientFor(t, without).submit({ claimId: 'c', playerId: 'p' });
  assert.equal(outcome, 'ACCEPTED');
  await until('the log to say so', () => without.log().includes(`${port}`) && /in use/i.test(without.log()));
  assert.equal(await without.stop(), 0);
});

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://${claimd.adminAddress}${path}`, init);
}
