/**
 * /metrics of a started program under calls of every kind, on two ingress threads: it counts what
 * its clients counted, shows every metric of docs/metrics.md and no other, and tells no ids.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { P99_MIN_VALUES } from '../../src/telemetry/rolling-p99.ts';
import { type Claimd, startClaimd } from '../support/claimd.ts';
import { ClaimClient, type Item, type Result } from '../support/client.ts';
import { isDeclared, metricsPage } from '../support/metrics-page.ts';
import { promtool } from '../support/promtool.ts';
import { Scrape } from '../support/scrape.ts';
import { failsWith, until } from '../support/waiting.ts';

/** In every id, so that one on the page is found. */
const ID_MARK = 'needle';
/** Connections are spread evenly over the threads. */
const CLIENTS = 4;
const SUBMITS = P99_MIN_VALUES + 200;
/** About twice the series of a scrape here, whatever clients send. */
const SERIES_MAX = 2_500;
const GARBAGE = Buffer.from([0xff]);

/** What clients were told, by the labels that metrics have for it. */
class Tally {
  readonly calls = new Map<string, number>();
  readonly items = new Map<string, number>();
  frames = 0;
  /** Calls and frames of which a claim came to a segment. */
  served = 0;

  call(method: string, code: string): void {
    add(this.calls, `${method} ${code}`);
  }

  /** Claims of a call or a frame, which were answered. */
  answered(operation: string, results: readonly Result[]): void {
    for (const { outcome } of results) add(this.items, `${operation} ${outcome}`);
  }

  /** A call of these claims. */
  ok(method: string, operation: string, results: readonly Result[]): void {
    this.call(method, 'OK');
    this.answered(operation, results);
    if (results.some(({ outcome }) => outcome !== 'INVALID')) this.served += 1;
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

let claimd: Claimd;
const clients: ClaimClient[] = [];
const tally = new Tally();

before(async () => {
  const env = {
    CLAIMS_INGRESS_THREADS: '2',
    CLAIMS_EPOCH_LENGTH_MS: '1000',
    CLAIMS_VALIDATION_WINDOW_MS: '600000',
  };
  claimd = await startClaimd({ env });
  for (let i = 0; i < CLIENTS; i += 1) clients.push(new ClaimClient(claimd.address));
  await Promise.all(clients.map((client, i) => claims(client, `${ID_MARK}-${i}`)));
  await Promise.all(clients.map((client) => epochs(client)));
});

after(async () => {
  for (const client of clients) client.close();
  assert.equal(await claimd.stop(), 0);
});

/** Calls about claims, of every kind and outcome that needs no store to fail. */
async function claims(client: ClaimClient, prefix: string): Promise<void> {
  const submit = async (item: Item) => tally.ok('SubmitClaim', 'submit', [await client.submit(item)]);
  const validate = async (item: Item) => tally.ok('ValidateClaim', 'validate', [await client.validate(item)]);
  const items = Array.from({ length: SUBMITS }, (_, i) => ({
    claimId: `${prefix}-${i}`,
    playerId: `${prefix}-p`,
  }));
  for (let i = 0; i < SUBMITS; i += 50) await Promise.all(items.slice(i, i + 50).map(submit));
  await Promise.all(items.slice(0, 5).map(submit));
  await Promise.all(items.slice(0, 4).map((item) => submit({ ...item, playerId: 'another' })));
  await Promise.all(items.slice(0, 3).map((item) => submit({ ...item, claimId: '' })));
  await Promise.all(items.slice(0, 20).map(validate));
  await Promise.all(items.slice(0, 6).map(validate));
  await validate({ claimId: `${prefix}-unknown`, playerId: 'p' });
  tally.ok('GetClaim', 'get', [await client.get(items[0].claimId)]);
  tally.ok('GetClaim', 'get', [await client.get(`${prefix}-unknown`)]);
  const batch = Array.from({ length: 40 }, (_, i) => ({
    claimId: `${prefix}-batch-${i}`,
    playerId: `${prefix}-p`,
  }));
  tally.ok(
    'BatchSubmitClaims',
    'submit',
    await client.batchSubmit([...batch, { claimId: '', playerId: 'p' }]),
  );
  tally.ok('BatchValidateClaims', 'validate', await client.batchValidate(batch.slice(0, 30)));
  await failsWith(client.raw('BatchSubmitClaims', GARBAGE), status.INVALID_ARGUMENT);
  tally.call('BatchSubmitClaims', 'INVALID_ARGUMENT');
  await frames(client, prefix);
}

async function frames(client: ClaimClient, prefix: string): Promise<void> {
  const framed = [1, 2, 3].map((frame) => ({
    frameId: BigInt(frame),
    submits: Array.from({ length: 10 }, (_, i) => ({ claimId: `${prefix}-${frame}-${i}`, playerId: 'p' })),
    validates: [{ claimId: `${prefix}-${frame}-0`, playerId: 'p' }],
  }));
  for (const { submits, validates } of await client.exchange().all(framed)) {
    tally.frames += 1;
    tally.served += 1;
    tally.answered('submit', submits);
    tally.answered('validate', validates);
  }
  tally.call('ExchangeClaims', 'OK');
}

async function epochs(client: ClaimClient): Promise<void> {
  for await (const { epoch } of client.watch()) {
    await client.getEpoch(epoch);
    tally.call('GetEpoch', 'OK');
    break;
  }
  tally.call('WatchEpochs', 'CANCELLED');
  await failsWith(client.getEpoch(1), status.OUT_OF_RANGE);
  tally.call('GetEpoch', 'OUT_OF_RANGE');
}

function counts(scrape: Scrape, name: string, labels: readonly string[]): Map<string, number> {
  const samples = scrape.find(name).filter(({ value }) => value > 0);
  return new Map(
    samples.map(({ labels: of, value }) => [
      labels.map((label) => of[label].split('/').at(-1)).join(' '),
      value,
    ]),
  );
}

const sorted = (map: ReadonlyMap<string, number>) => [...map].sort();

test('every call is counted by method and status, every claim by operation and outcome', async () => {
  const calls = await until('the last streams to have ended', async () => {
    const found = counts(await Scrape.of(claimd), 'rpc_server_call_duration_seconds_count', [
      'rpc_method',
      'rpc_status_code',
    ]);
    return (
      found.get('WatchEpochs CANCELLED') === CLIENTS && found.get('ExchangeClaims OK') === CLIENTS && found
    );
  });
  assert.deepEqual(sorted(calls), sorted(tally.calls));
  const scrape = await Scrape.of(claimd);
  const items = counts(scrape, 'claims_items_total', ['operation', 'outcome']);
  assert.deepEqual(sorted(items), sorted(tally.items));
  assert.equal(scrape.sum('claims_frame_duration_seconds_count'), tally.frames);
});

test('histograms are whole: each bucket has what the smaller ones have, the last one all', async () => {
  const scrape = await Scrape.of(claimd);
  const histograms = [...scrape.kinds].filter(([, kind]) => kind === 'histogram').map(([name]) => name);
  assert.ok(histograms.length >= 8, histograms.join());
  for (const name of histograms) {
    for (const { labels, value } of scrape.find(`${name}_count`)) {
      const buckets = scrape.find(`${name}_bucket`, labels);
      assert.equal(buckets.at(-1)?.labels['le'], '+Inf', name);
      assert.equal(buckets.at(-1)?.value, value, name);
      for (const [i, bucket] of buckets.slice(1).entries()) assert.ok(bucket.value >= buckets[i].value, name);
      const sum = scrape.sum(`${name}_sum`, labels);
      assert.ok(value === 0 ? sum === 0 : sum > 0, `${name} has ${value} of ${sum}`);
    }
  }
});

test('phases, commits and the store agree with each other and with the calls', async () => {
  const scrape = await Scrape.of(claimd);
  const phase = (name: string) => scrape.sum('claims_call_phase_duration_seconds_count', { phase: name });
  for (const each of ['decode', 'queue', 'segment', 'reply']) assert.equal(phase(each), tally.served, each);
  assert.equal(phase('commit'), phase('store'));
  assert.ok(phase('store') > 0 && phase('store') < tally.served, 'the table has answered some');
  const commits = scrape.sum('claims_commit_size_count');
  assert.equal(scrape.sum('claims_store_duration_seconds_count', { operation: 'commit' }), commits);
  const accepted = [...tally.items].filter(([key]) => key.endsWith('ACCEPTED'));
  assert.ok(scrape.sum('claims_commit_size_sum') >= accepted.reduce((sum, [, count]) => sum + count, 0));
  assert.equal(scrape.sum('claims_store_errors_total'), 0);
  const submitted = (tally.items.get('submit ACCEPTED') ?? 0) - (tally.items.get('validate ACCEPTED') ?? 0);
  assert.equal(scrape.sum('claims_claims', { status: 'pending' }), submitted);
  assert.equal(scrape.sum('claims_claims', { status: 'validated' }), tally.items.get('validate ACCEPTED'));
  assert.ok(scrape.sum('claims_epoch_lateness_seconds_count') > 0);
});

test('docs/metrics.md has every metric that is shown, with its kind and labels, and no other', async () => {
  const scrape = await Scrape.of(claimd);
  const page = new Map(metricsPage().map((metric) => [metric.name, metric]));
  assert.deepEqual([...page.keys()].sort(), [...scrape.kinds.keys()].sort());
  const shown = new Set(scrape.samples.map((sample) => scrape.metricOf(sample)));
  assert.deepEqual([...shown].sort(), [...page.keys()].sort(), 'each has a value');
  for (const [name, kind] of scrape.kinds)
    assert.match(page.get(name)?.what ?? '', new RegExp(`, ${kind}\\b`));
  for (const sample of scrape.samples) {
    const { labels: declared = {} } = page.get(scrape.metricOf(sample)) ?? {};
    for (const [label, value] of Object.entries(sample.labels)) {
      if (label === 'le') continue;
      assert.ok(isDeclared(value, declared[label] ?? []), `${sample.name} ${label}=${value}`);
    }
  }
});

test('promtool has nothing to say of it', async () => {
  const { page } = await Scrape.of(claimd);
  assert.deepEqual(promtool(['check', 'metrics'], page), { exitCode: 0, output: '' });
});

test('more claims and players make no more series, and none is named', async () => {
  const earlier = await Scrape.of(claimd);
  const ids = Array.from({ length: 3_000 }, (_, i) => ({
    claimId: `${ID_MARK}-${i}-new`,
    playerId: `${ID_MARK}-p${i}`,
  }));
  await Promise.all(clients.map((client, i) => client.batchSubmit(ids.slice(i * 750, (i + 1) * 750))));
  await Promise.all(ids.slice(0, 100).map((item, i) => clients[i % CLIENTS].validate(item)));
  const later = await Scrape.of(claimd);
  assert.ok(later.sum('claims_table_claims') >= earlier.sum('claims_table_claims') + ids.length);
  const series = ({ samples }: Scrape) =>
    samples.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`);
  assert.deepEqual(series(later), series(earlier));
  assert.ok(later.samples.length < SERIES_MAX, `${later.samples.length} series`);
  assert.ok(!later.page.includes(ID_MARK));
});
