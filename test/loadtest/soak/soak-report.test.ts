import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BenchRow,
  CHART_POINTS_MAX,
  CHART_SERIES_MAX,
  goalMet,
} from '../../../loadtest/bench/bench-module.ts';
import type { HeapSample } from '../../../loadtest/measure/heap-sampler.ts';
import { LatencyHistogram } from '../../../loadtest/measure/latency.ts';
import type { Measurement } from '../../../loadtest/measure/measure.ts';
import { makePlan } from '../../../loadtest/soak/plan.ts';
import { newRecord, type SoakRecord } from '../../../loadtest/soak/record.ts';
import { usedMemoryBytes } from '../../../loadtest/soak/run-soak.ts';
import { soakReport } from '../../../loadtest/soak/soak-report.ts';

const BEGIN_MS = 1_700_000_000_000;

interface Told {
  readonly minutes?: number;
  /** Of the main thread's heap. */
  readonly mbPerHour?: number;
  readonly threads?: number;
  /** Of a collection of the main thread's own, once after the warm-up. */
  readonly pauseMs?: number;
}

/** Looks every 30 s; with them heap samples of each thread, 120 at most; noise that repeats itself after seven samples. */
function record({ minutes = 60, mbPerHour = 0, threads = 2, pauseMs = 5 }: Told): SoakRecord {
  const made = newRecord(makePlan({ minutes, claimsPerS: 10_000, unaryPerS: 2_000 }), 1, BEGIN_MS);
  const samples = Math.floor(minutes * 2);
  const at = (i: number): number => BEGIN_MS + i * 30_000;
  const noiseMb = (i: number): number => [0.1, -0.2, 0.15, -0.05, 0.2, -0.1, -0.1][i % 7];
  const sample = (i: number, threadId: number): HeapSample => {
    const longMs = i === samples - 2 && threadId === 0 ? pauseMs : 5;
    const scavenges = { count: 10, totalMs: 10, longestMs: longMs, over100Ms: longMs > 100 ? 1 : 0 };
    const heapMb = threadId === 0 ? 40 + (mbPerHour * i) / 120 + noiseMb(i) : 6;
    return {
      threadId,
      threadName: threadId === 0 ? '' : 'worker',
      wallMs: at(i),
      rssBytes: 2e8,
      heapUsedBytes: heapMb * 1e6,
      pauses: { Scavenge: scavenges },
      ...(threadId === 0 ? { loopDelay: { p99Ms: 2, longestMs: 9 } } : {}),
    };
  };
  for (let i = 0; i < samples; i++) {
    made.looks.push({ wallMs: at(i), rssMb: 200, redisMb: 80 });
    made.epochs.push({ wallMs: at(i), epoch: i, durationMs: 0.5, pending: 100_000 });
  }
  const step = Math.ceil(samples / 120);
  made.heap = Array.from({ length: Math.floor(samples / step) }, (_, i) =>
    Array.from({ length: threads }, (_, thread) => sample(i * step, thread)),
  ).flat();
  return made;
}

function withLoad(made: SoakRecord, changes: Partial<Measurement['load']> = {}): SoakRecord {
  const histogram = new LatencyHistogram();
  for (let ms = 1; ms <= 100; ms++) histogram.record(ms * 100);
  const load = {
    ...{ beginMs: BEGIN_MS, seconds: 60, callsPerS: 3_000, claimsPerS: 3_000, clientCpuS: 1, started: 100 },
    ...{ calls: 100, claims: 100, callsMeasured: 100, claimsMeasured: 100, skipped: 0, unanswered: 0 },
    ...{ statuses: { OK: 100 }, outcomes: { ACCEPTED: 100 }, periods: [] },
    ...{ latency: histogram.summary(), curve: histogram.curve() },
    ...changes,
  };
  const usage = { cpuUsPerCall: 1, cpuUsPerClaim: 1, cores: 1, threadUsPerCall: {}, rssMb: 1, peakRssMb: 1 };
  for (const one of made.loads) one.measurement = { load, ...usage };
  return made;
}

function row(rows: readonly BenchRow[], measure: string): BenchRow {
  const found = rows.find((one) => one.measure.startsWith(measure));
  assert.ok(found, `no row ${measure}: ${rows.map((one) => one.measure)}`);
  return found;
}

test('a heap that keeps its level passes', () => {
  const { verdict, rows } = soakReport(record({}));
  const growth = row(rows, 'heap growth');
  assert.equal(verdict, 'flat');
  assert.equal(goalMet(growth), true);
  assert.ok((growth.max ?? Infinity) <= 1 && Math.abs(growth.value) < 0.3, JSON.stringify(growth));
});

test('a leak is found, in the thread where it is', () => {
  const { verdict, rows, tables = [] } = soakReport(record({ mbPerHour: 4 }));
  const growth = row(rows, 'heap growth');
  assert.deepEqual([verdict, goalMet(growth)], ['grows', false]);
  assert.ok(Math.abs(growth.value - 4) < 0.5, JSON.stringify(growth));
  const [main, worker] = tables[0].rows;
  assert.deepEqual([main[0], worker[0], worker[4]], ['main', 'worker 1', '0']);
  assert.ok(Number(main[4]) > 3.5);
});

test('a run too short to say is neither passed nor failed, and says so', () => {
  const { verdict, rows } = soakReport(record({ minutes: 4, mbPerHour: 4 }));
  const growth = row(rows, 'heap growth');
  assert.deepEqual([verdict, goalMet(growth)], ['undecided', undefined]);
  assert.match(growth.note ?? '', /too short to say/);
});

test('what a heap does in the warm-up counts for nothing', () => {
  const made = record({});
  const warm = made.heap.map((sample) =>
    sample.wallMs < BEGIN_MS + made.plan.warmupMs ? { ...sample, heapUsedBytes: 1e6 } : sample,
  );
  made.heap = warm;
  assert.equal(soakReport(made).verdict, 'flat');
});

test('a long pause of its own misses a goal; calls that failed, were left out or refused do too', () => {
  const missed = (made: SoakRecord) =>
    soakReport(made)
      .rows.filter((one) => goalMet(one) === false)
      .map((one) => one.measure);
  assert.deepEqual(missed(withLoad(record({}))), []);
  assert.deepEqual(missed(record({ pauseMs: 140 })), ['GC pauses over 100 ms']);
  const both = (what: string) => [`unary calls${what}`, `frames${what}`];
  assert.deepEqual(missed(withLoad(record({}), { statuses: { OK: 99, UNAVAILABLE: 1 } })), both(' not OK'));
  assert.deepEqual(missed(withLoad(record({}), { skipped: 1 })), both(' skipped or never answered'));
  const outcomes = { ACCEPTED: 99, NOT_FOUND: 1 };
  assert.deepEqual(missed(withLoad(record({}), { outcomes })), both(': claims not ACCEPTED'));
});

test('charts stay within their bounds, with more threads than they show', () => {
  const { charts = [] } = soakReport(withLoad(record({ minutes: 500, threads: 40 })));
  assert.ok(charts.length >= 7);
  for (const { title, series } of charts) {
    assert.ok(series.length > 0 && series.length <= CHART_SERIES_MAX, `${title}: ${series.length} series`);
    assert.ok(
      series.every(({ points }) => points.length > 0 && points.length <= CHART_POINTS_MAX),
      title,
    );
  }
});

test('a soak that has only begun can be reported too', () => {
  const made = newRecord(makePlan({ minutes: 60, claimsPerS: 10_000, unaryPerS: 0 }), 1, BEGIN_MS);
  const { verdict, rows } = soakReport(made);
  assert.equal(verdict, 'undecided');
  assert.ok(!JSON.stringify(rows).includes('null'), JSON.stringify(rows));
});

test('the memory of Redis is read from what it says', () => {
  assert.equal(usedMemoryBytes('# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\n'), 1_048_576);
  assert.throws(() => usedMemoryBytes('# Memory\r\n'), /no used_memory/);
});
