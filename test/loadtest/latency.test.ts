import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyHistogram } from '../../loadtest/measure/latency.ts';

test('percentiles of 1 to 1,000 ms are exact to three digits', () => {
  const histogram = new LatencyHistogram();
  for (let ms = 1; ms <= 1000; ms++) histogram.record(ms * 1000);
  const { count, meanMs, p50Ms, p95Ms, p99Ms, p999Ms, maxMs } = histogram.summary();
  assert.equal(count, 1000);
  const expected = [500.5, 500, 950, 990, 999, 1000];
  [meanMs, p50Ms, p95Ms, p99Ms, p999Ms, maxMs].forEach((found, i) => {
    assert.ok(Math.abs(found - expected[i]) <= expected[i] / 500, `${found} is not ${expected[i]}`);
  });
});

test('an empty histogram is all zeros, also after a reset', () => {
  const histogram = new LatencyHistogram();
  const zeros = { count: 0, meanMs: 0, p50Ms: 0, p95Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 };
  assert.deepEqual(histogram.summary(), zeros);
  histogram.record(1000);
  assert.equal(histogram.summary().count, 1);
  histogram.reset();
  assert.deepEqual(histogram.summary(), zeros);
});

test('latencies out of range are counted at its ends', () => {
  const histogram = new LatencyHistogram();
  histogram.record(-5);
  histogram.record(0.2);
  histogram.record(3_600_000_000);
  const { count, p50Ms, maxMs } = histogram.summary();
  assert.equal(count, 3);
  assert.equal(p50Ms, 0.001);
  assert.ok(maxMs >= 60_000 && maxMs < 60_100);
});

test('a curve tells at one in x what the percentile 1 − 1/x is, as far as there are so many', () => {
  const histogram = new LatencyHistogram();
  assert.deepEqual(histogram.curve(), []);
  for (let ms = 1; ms <= 1000; ms++) histogram.record(ms * 1000);
  const curve = histogram.curve();
  assert.equal(curve.length, 31);
  const at = (oneIn: number) => curve.find(([x]) => Math.abs(x / oneIn - 1) < 1e-9)?.[1] ?? Number.NaN;
  const { p99Ms, p999Ms } = histogram.summary();
  assert.deepEqual([at(100), at(1000)], [p99Ms, p999Ms]);
  assert.ok(Math.abs(at(1) - 1) < 0.01 && Math.abs(at(10) - 900) < 2, JSON.stringify(curve));
  assert.ok(curve.every(([x, y], i) => i === 0 || (x > curve[i - 1][0] && y >= curve[i - 1][1])));
});
