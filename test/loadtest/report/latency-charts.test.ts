import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyHistogram } from '../../../loadtest/measure/latency.ts';
import type { LatencyPeriod } from '../../../loadtest/measure/timeline.ts';
import { middleCurve, periodChart, phaseChart } from '../../../loadtest/report/latency-charts.ts';

function measured(ms: number) {
  const histogram = new LatencyHistogram();
  for (let i = 0; i < 200; i++) histogram.record(ms * 1000);
  return { latency: histogram.summary(), curve: histogram.curve() };
}

function period(startMs: number, p99Ms: number): LatencyPeriod {
  return { startMs, count: 10, p50Ms: 1, p99Ms, maxMs: p99Ms };
}

test('of several measurements the one with the middle p99 is drawn', () => {
  const { curve } = middleCurve('claimd', [measured(30), measured(2), measured(9)]);
  assert.equal(Math.round(curve[0][1]), 9);
  assert.throws(() => middleCurve('claimd', []), /claimd: nothing was measured/);
});

test('a bump after every epoch boundary shows at phase 0, wherever the run began', () => {
  const epochMs = 1_000;
  // It begins 400 ms into an epoch; boundaries follow 600 ms later and then every second.
  const periods = Array.from({ length: 40 }, (_, i) => period(i * 100, (i + 4) % 10 === 0 ? 50 : 5));
  const { series } = phaseChart('p99', [{ beginMs: 7_400, periods }], epochMs, 100);
  assert.deepEqual(
    series[0].points,
    Array.from({ length: 10 }, (_, phase) => [phase / 10, phase === 0 ? 50 : 5]),
  );
});

test('an outlier of one epoch is no bump of all', () => {
  const runs = [3, 3, 900].map((p99Ms) => ({ beginMs: 0, periods: [period(0, p99Ms)] }));
  assert.deepEqual(phaseChart('p99', runs, 1_000, 100).series[0].points, [[0, 3]]);
});

test('latencies over time are drawn in seconds, with their marks', () => {
  const marks = [{ x: 2, label: 'epoch 9' }];
  const chart = periodChart('p99', [period(0, 5), period(1_500, 7)], marks);
  assert.deepEqual(chart.series[0].points, [
    [0, 5],
    [1.5, 7],
  ]);
  assert.deepEqual(chart.marks, marks);
});
