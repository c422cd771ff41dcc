import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BenchRow, goalMet, runBench } from '../../../loadtest/bench/bench-module.ts';
import { type SideBySide, sideBySideResult } from '../../../loadtest/bench/side-by-side-report.ts';
import type { SubjectRounds } from '../../../loadtest/bench/side-by-side-rounds.ts';
import type { Slice } from '../../../loadtest/bench/side-by-side-slices.ts';
import { SUBJECT_NAMES, type SubjectName } from '../../../loadtest/bench/side-by-side-subjects.ts';

interface Figures {
  readonly cpuUs: number;
  readonly p99Ms: number;
  readonly epochMs?: number;
  /** Growth from one reading to the next, half a minute later. */
  readonly growthMb?: number;
  /** Calls of a slice that an open loop did not begin. */
  readonly skipped?: number;
}

const ROUNDS = [0, 1, 2];

function slice({ cpuUs, p99Ms, skipped = 0 }: Figures, round: number): Slice {
  const latency = {
    count: 1,
    meanMs: 1,
    p50Ms: p99Ms / 4,
    p95Ms: p99Ms / 2,
    p99Ms: p99Ms + round,
    p999Ms: 2 * p99Ms,
    maxMs: 3 * p99Ms,
  };
  const load = {
    ...{ seconds: 1, callsPerS: 1e6 / cpuUs, claimsPerS: 1, callsMeasured: 1, claimsMeasured: 1, started: 1 },
    ...{
      skipped,
      unanswered: 0,
      clientCpuS: 0,
      calls: 1,
      claims: 1,
      statuses: {},
      outcomes: {},
      latency,
      beginMs: 0,
      periods: [],
      curve: [[1, round] as const],
    },
  };
  return {
    load,
    cpuUsPerCall: cpuUs,
    cpuUsPerClaim: cpuUs,
    cores: 1,
    threadUsPerCall: {},
    rssMb: 100,
    peakRssMb: 100,
  };
}

function rounds(figures: Figures): SubjectRounds {
  const { epochMs, growthMb = 0 } = figures;
  const slices = ROUNDS.map((round) => slice(figures, round));
  const heap = Array.from({ length: 12 }, (_, i) => ({
    loadS: 30 * i,
    // Scattered a little, as heaps are.
    heapMb: 20 + growthMb * i + (i % 3) / 1_000,
    longPauses: i === 0 ? 9 : 1,
    longestPauseMs: i === 0 ? 900 : 100 + i,
  }));
  const ghz = [{ calls: 1, rps: 1, p50Ms: 1.5, p95Ms: 2.5, p99Ms: 3.5, errors: {} }];
  return { saturated: slices, steady: slices, ghz, epochsMs: epochMs === undefined ? [] : [epochMs], heap };
}

function results(changes: Partial<Record<SubjectName, Figures>> = {}): SideBySide {
  const figures: Record<SubjectName, Figures> = {
    'bare grpc-js echo': { cpuUs: 40, p99Ms: 5 },
    'Interpreter Defaults': { cpuUs: 90, p99Ms: 300, epochMs: 200, growthMb: 10 },
    'claimd on Redis': { cpuUs: 50, p99Ms: 8, epochMs: 0.5, growthMb: 0.01 },
    'claimd on Redis, fsync always': { cpuUs: 60, p99Ms: 9, epochMs: 0.5 },
    'claimd on SQLite': { cpuUs: 55, p99Ms: 9, epochMs: 0.5 },
    ratelimit: { cpuUs: 80, p99Ms: 7 },
    'ratelimit, pipelining': { cpuUs: 75, p99Ms: 12 },
    ...changes,
  };
  return new Map(SUBJECT_NAMES.map((name) => [name, rounds(figures[name])]));
}

function goals(given: SideBySide): BenchRow[] {
  return sideBySideResult(given).rows.filter((row) => row.goal !== undefined);
}

test('each goal is a ratio of medians, against the better setting of ratelimit', () => {
  const values = goals(results()).map(({ measure, value }) => [measure, Number(value.toFixed(3))]);
  assert.deepEqual(values, [
    ['CPU per call: claimd on Redis / bare grpc-js echo', 1.25],
    ['CPU per call: claimd on Redis, fsync always / bare grpc-js echo', 1.5],
    ['CPU per call: claimd on Redis / ratelimit, pipelining', 0.667],
    ['p99 at 3000 calls/s: claimd on Redis / ratelimit', 1.125],
    ['p99 with 64 calls under way: claimd on Redis / ratelimit', 1.125],
    ['p99 of validation at 3000 calls/s: Interpreter Defaults / claimd on Redis', 33.444],
    ['epoch: Interpreter Defaults / claimd on Redis', 400],
    ['heap growth: claimd on Redis / Interpreter Defaults', 0.001],
  ]);
  assert.deepEqual(
    goals(results()).map((row) => goalMet(row)),
    [true, false, true, false, false, true, true, true],
  );
});

test('a heap that grows as the baseline does misses its goal, and so does one beside a baseline that does not', () => {
  const met = (given: SideBySide) =>
    goals(given)
      .filter((row) => row.measure.startsWith('heap'))
      .map(goalMet);
  assert.deepEqual(met(results({ 'claimd on Redis': { cpuUs: 1, p99Ms: 1, epochMs: 1, growthMb: 9 } })), [
    false,
  ]);
  const still = { cpuUs: 1, p99Ms: 1, epochMs: 1, growthMb: -1 };
  assert.deepEqual(met(results({ 'Interpreter Defaults': still })), [false]);
});

test('the table has a row for each subject; growth is per hour of load, the warm-up is left out of pauses', async () => {
  const result = sideBySideResult(results());
  const [table] = result.tables ?? [];
  assert.deepEqual(
    table.rows.map(([name]) => name),
    [...SUBJECT_NAMES],
  );
  const baseline = Object.fromEntries(table.columns.map((column, i) => [column, table.rows[1][i]]));
  assert.match(baseline['heap growth MB/h'], /^1,200 \((1,199|1,200) to (1,200|1,201)\)$/);
  assert.equal(baseline['GC pauses > 100 ms'], '11 in 330 s (longest 111 ms)');
  assert.equal(baseline['epoch ms'], '200');
  assert.equal(baseline['p50 / p95 / p99 ms'], '75 / 150 / 301');
  assert.equal(baseline['by ghz'], '1.5 / 2.5 / 3.5');
  assert.equal(table.rows[0][table.columns.indexOf('epoch ms')], '–');
  // Within the bounds of charts and tables.
  const bench = { name: 'n', title: 't', byDefault: true, run: async () => result };
  const context = { rounds: 1, seconds: 1, minutes: 1, say: () => undefined };
  const [chart] = (await runBench(bench, context)).charts ?? [];
  assert.deepEqual(
    chart.series,
    SUBJECT_NAMES.map((name) => ({ name, points: [[1, 1]] })),
  );
});

test('a subject that does not bear the rate is measured, and its row says so', () => {
  const slow = results({ 'Interpreter Defaults': { cpuUs: 1, p99Ms: 2_000, epochMs: 1, skipped: 50 } });
  const notes = sideBySideResult(slow).rows.filter((row) => row.note?.includes('not begun'));
  assert.deepEqual(
    notes.map(({ measure, note }) => [measure, note]),
    [['Interpreter Defaults, p99 at 3000 calls/s', '150 more calls not begun, as 6000 waited']],
  );
});

test('without ratelimit the goals that are about it are left out', () => {
  const rest = [...results()].filter(([name]) => !name.startsWith('ratelimit'));
  const { rows, tables } = sideBySideResult(new Map(rest));
  assert.ok(rows.every(({ measure }) => !measure.includes('ratelimit')));
  assert.equal(rows.filter((row) => row.goal !== undefined).length, 5);
  assert.equal(tables?.[0].rows.length, rest.length);
});
