import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LatencyTimeline, PERIODS_MAX } from '../../loadtest/measure/timeline.ts';

/** How far a histogram of three digits may be off. */
const CLOSE = 1.002;

test('each period tells the latencies of the calls that ended in it, and empty ones are left out', () => {
  const timeline = new LatencyTimeline(1000);
  timeline.begin(5_000_000);
  const ended: [endMs: number, latencyMs: number][] = [
    [5_000, 1],
    [5_999, 3],
    [6_000, 50],
    [9_500, 7],
  ];
  for (const [endMs, latencyMs] of ended) timeline.record(endMs * 1000, latencyMs * 1000);
  const rounded = timeline
    .periods()
    .map(({ startMs, count, p50Ms, maxMs }) => [startMs, count, Math.round(p50Ms), Math.round(maxMs)]);
  assert.deepEqual(rounded, [
    [0, 2, 1, 3],
    [1_000, 1, 50, 50],
    [4_000, 1, 7, 7],
  ]);
});

test('every call is in one period, and no percentile beyond the greatest of its period', () => {
  const calls = fc.array(fc.record({ afterMs: fc.nat(900), latencyMs: fc.integer({ min: 1, max: 5000 }) }), {
    minLength: 1,
    maxLength: 200,
  });
  fc.assert(
    fc.property(calls, fc.integer({ min: 50, max: 3000 }), (gaps, periodMs) => {
      const timeline = new LatencyTimeline(periodMs);
      timeline.begin(0);
      const greatest = new Map<number, number>();
      let endMs = 0;
      for (const { afterMs, latencyMs } of gaps) {
        endMs += afterMs;
        timeline.record(endMs * 1000, latencyMs * 1000);
        const startMs = Math.floor(endMs / periodMs) * periodMs;
        greatest.set(startMs, Math.max(greatest.get(startMs) ?? 0, latencyMs));
      }
      const periods = timeline.periods();
      assert.deepEqual(
        periods.map((period) => period.startMs),
        [...greatest.keys()],
      );
      assert.equal(
        periods.reduce((sum, period) => sum + period.count, 0),
        gaps.length,
      );
      for (const { startMs, p50Ms, p99Ms, maxMs } of periods) {
        const most = greatest.get(startMs) ?? 0;
        assert.ok(p50Ms <= p99Ms && p99Ms <= maxMs && maxMs >= most && maxMs <= most * CLOSE);
      }
    }),
  );
});

test('a new beginning forgets what was before', () => {
  const timeline = new LatencyTimeline(1000);
  timeline.begin(0);
  for (const endMs of [1, 1_001, 2_001]) timeline.record(endMs * 1000, 99_000);
  timeline.begin(3_000_000);
  timeline.record(3_000_500, 1_000);
  assert.deepEqual(
    timeline.periods().map(({ startMs, count }) => [startMs, count]),
    [[0, 1]],
  );
});

test('periods are bounded', () => {
  const timeline = new LatencyTimeline(1);
  timeline.begin(0);
  for (let ms = 0; ms < PERIODS_MAX + 100; ms++) timeline.record(ms * 1000, 10);
  assert.equal(timeline.periods().length, PERIODS_MAX);
});
