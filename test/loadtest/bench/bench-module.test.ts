import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BenchContext,
  type BenchResult,
  type BenchRow,
  CHART_POINTS_MAX,
  runBench,
} from '../../../loadtest/bench/bench-module.ts';

const ROWS: readonly BenchRow[] = [{ measure: 'calls', value: 7, unit: '/s' }];
const CONTEXT: BenchContext = { rounds: 1, seconds: 1, say: () => undefined };

function run(given: BenchResult | readonly BenchRow[]): Promise<BenchResult> {
  return runBench({ name: 'some', title: 'some', byDefault: false, run: async () => given }, CONTEXT);
}

function chart(points: number) {
  const series = { name: 'p99', points: Array.from({ length: points }, (_, x): [number, number] => [x, 1]) };
  return { title: 'latency', xLabel: 's', yLabel: 'ms', series: [series] };
}

test('a benchmark gives rows alone, or charts and tables beside them', async () => {
  assert.deepEqual(await run(ROWS), { rows: ROWS });
  const result = {
    rows: ROWS,
    charts: [chart(CHART_POINTS_MAX)],
    tables: [{ title: 't', columns: ['a', 'b'], rows: [['1', '2']] }],
  };
  assert.deepEqual(await run(result), result);
});

test('a chart with more points than are kept is refused, and says which', async () => {
  const given = { rows: ROWS, charts: [chart(CHART_POINTS_MAX + 1)] };
  await assert.rejects(run(given), /latency, p99: 721 points; at most 720 are allowed/);
});

test('a table with a row of another length than its columns is refused', async () => {
  const tables = [{ title: 'sides', columns: ['a', 'b'], rows: [['1']] }];
  await assert.rejects(run({ rows: ROWS, tables }), /sides: a row of 1 cells under 2 columns/);
});
