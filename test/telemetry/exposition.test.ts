/** The page for Prometheus: names, kinds and values as the metrics have them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import { Exposition } from '../../src/telemetry/exposition.ts';
import { gauge, type Metric } from '../../src/telemetry/metric.ts';
import { prometheusName } from '../../src/telemetry/prometheus-names.ts';
import { promtool } from '../support/promtool.ts';
import { madeMetrics } from './made-metrics.ts';

async function pageOf(metrics: readonly Metric[]): Promise<string> {
  const exposition = new Exposition(metrics, new SteppedClock(1_700_000_000_000));
  const page = await exposition.page();
  await exposition.shutdown();
  return page;
}

test('units stand in names as words, those in braces and none do not', () => {
  const name = (kind: Metric['kind'], name: string, unit: string) => prometheusName({ kind, name, unit });
  assert.equal(name('histogram', 'rpc.server.call.duration', 's'), 'rpc_server_call_duration_seconds');
  assert.equal(name('counter', 'claims.process.cpu.time', 's'), 'claims_process_cpu_time_seconds_total');
  assert.equal(name('gauge', 'claims.rss', 'By'), 'claims_rss_bytes');
  assert.equal(name('gauge', 'claims.heap.growth', 'By/h'), 'claims_heap_growth_bytes_per_hour');
  assert.equal(name('gauge', 'claims.table.fullest_segment', '1'), 'claims_table_fullest_segment_ratio');
  assert.equal(name('counter', 'claims.parts', '1'), 'claims_parts_total');
  assert.equal(name('gauge', 'claims.ready', ''), 'claims_ready');
  assert.equal(name('counter', 'claims.items', '{claim}'), 'claims_items_total');
});

test('a histogram has cumulative buckets up to +Inf, its sum and its count, for each of its labels', async () => {
  const made = madeMetrics();
  for (const value of [0.05, 0.1, 0.3, 7]) made.phases.store.record(value);
  const page = await pageOf(made.metrics);
  const lines = page.split('\n').filter((line) => line.startsWith('claims_made_duration'));
  assert.deepEqual(lines, [
    'claims_made_duration_seconds_count{made_phase="queue"} 0',
    'claims_made_duration_seconds_sum{made_phase="queue"} 0',
    'claims_made_duration_seconds_bucket{made_phase="queue",le="0.1"} 0',
    'claims_made_duration_seconds_bucket{made_phase="queue",le="0.5"} 0',
    'claims_made_duration_seconds_bucket{made_phase="queue",le="+Inf"} 0',
    'claims_made_duration_seconds_count{made_phase="store"} 4',
    'claims_made_duration_seconds_sum{made_phase="store"} 7.45',
    'claims_made_duration_seconds_bucket{made_phase="store",le="0.1"} 2',
    'claims_made_duration_seconds_bucket{made_phase="store",le="0.5"} 3',
    'claims_made_duration_seconds_bucket{made_phase="store",le="+Inf"} 4',
  ]);
  assert.match(page, /^# TYPE claims_made_duration_seconds histogram$/m);
  assert.match(page, /^# HELP claims_made_duration_seconds how long phases took$/m);
});

test('each page tells the values of its moment', async () => {
  const made = madeMetrics();
  const exposition = new Exposition(made.metrics, new SteppedClock(0));
  made.freeBytes = 512;
  assert.match(await exposition.page(), /^claims_made_free_bytes 512$/m);
  made.freeBytes = 3;
  made.entries = 9;
  made.sizes.record(4);
  const page = await exposition.page();
  assert.match(page, /^claims_made_free_bytes 3$/m);
  assert.match(page, /^claims_made_entries_total 9$/m);
  assert.match(page, /^claims_made_full_ratio 0.25$/m);
  assert.match(page, /^claims_made_size_bucket\{le="10"\} 1$/m);
  await exposition.shutdown();
});

test('promtool has nothing to say of it', async () => {
  const made = madeMetrics();
  made.sizes.record(4);
  assert.deepEqual(promtool(['check', 'metrics'], await pageOf(made.metrics)), { exitCode: 0, output: '' });
});

test('a metric that can not be read leaves no page without it', async () => {
  const broken = gauge('claims.broken', '', 'always', () => {
    throw new Error('not today');
  });
  await assert.rejects(pageOf([broken, ...madeMetrics().metrics]), /not today/);
});
