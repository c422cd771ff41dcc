import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { CallStats } from '../../src/telemetry/call-stats.ts';
import { TRACE_REASONS } from '../../src/telemetry/call-trace.ts';
import { P99_MIN_VALUES } from '../../src/telemetry/rolling-p99.ts';
import { TokenBucket } from '../../src/telemetry/token-bucket.ts';
import { SLOW_FLOOR_US, TraceChoice } from '../../src/telemetry/trace-choice.ts';

const BOUNDS = { perS: 2, atOnce: 3 };
const SECOND_US = 1_000_000;
const METHOD = 1;

describe('a token bucket', () => {
  test('lets through no more than its rate and one burst, over any stretch of time', () => {
    const gaps = fc.array(fc.nat(2 * SECOND_US), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(
        gaps,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 5 }),
        (steps, perS, burst) => {
          const bucket = new TokenBucket(perS, burst);
          let nowUs = 0;
          const taken: number[] = [];
          for (const step of steps) {
            nowUs += step;
            if (bucket.take(nowUs)) taken.push(nowUs);
          }
          for (let from = 0; from < taken.length; from += 1) {
            for (let to = from; to < taken.length; to += 1) {
              const allowed = burst + ((taken[to] - taken[from]) * perS) / SECOND_US;
              assert.ok(to - from + 1 <= allowed + 1e-6, `${to - from + 1} where ${allowed} are allowed`);
            }
          }
        },
      ),
    );
  });

  test('after a rest has a burst again, and at its rate never refuses', () => {
    const bucket = new TokenBucket(10, 2);
    assert.deepEqual([bucket.take(0), bucket.take(0), bucket.take(0)], [true, true, false]);
    const later = 60 * SECOND_US;
    assert.deepEqual([bucket.take(later), bucket.take(later), bucket.take(later)], [true, true, false]);
    // A tenth of a second is one token; sums of fractions may lack a rounding.
    for (let i = 1; i <= 100; i += 1) assert.ok(bucket.take(later + i * 100_001), `after ${i} tenths`);
  });
});

describe('the choice of traces', () => {
  const start = () => {
    const stats = new CallStats(CallStats.allocate(1), 0);
    return { stats, choice: new TraceChoice(stats, BOUNDS) };
  };
  const counts = (stats: CallStats) =>
    Object.fromEntries(
      TRACE_REASONS.map((name, reason) => [name, [stats.tracesTold(reason), stats.tracesDropped(reason)]]),
    );

  test('nothing is slow before its method has a P99; then what passes it, and the floor', () => {
    const { stats, choice } = start();
    assert.equal(choice.isSlow(METHOD, 1e9), false);
    for (let i = 0; i < 2 * P99_MIN_VALUES; i += 1) choice.record(METHOD, 5_000, i);
    assert.ok(stats.p99S(METHOD) >= 0.005 && stats.p99S(METHOD) <= 0.005 * 1.07, `${stats.p99S(METHOD)}`);
    assert.equal(choice.isSlow(METHOD, 5_000), false);
    assert.equal(choice.isSlow(METHOD, 5_400), true);
    assert.equal(choice.isSlow(METHOD + 1, 1e9), false, 'another method has its own');
    assert.ok(Number.isNaN(stats.p99S(METHOD + 1)));
  });

  test('where all are fast none is slow', () => {
    const { choice } = start();
    for (let i = 0; i < 2 * P99_MIN_VALUES; i += 1) choice.record(METHOD, 50, i);
    assert.equal(choice.isSlow(METHOD, SLOW_FLOOR_US), false);
    assert.equal(choice.isSlow(METHOD, SLOW_FLOOR_US + 1), true);
  });

  test('a P99 that is forgotten is unknown again', () => {
    const { stats, choice } = start();
    for (let i = 0; i < 2 * P99_MIN_VALUES; i += 1) choice.record(METHOD, 5_000, 0);
    choice.record(METHOD, 5_000, 600 * SECOND_US);
    assert.ok(Number.isNaN(stats.p99S(METHOD)));
    assert.equal(choice.isSlow(METHOD, 1e9), false);
  });

  test('an ordinary call is neither told nor counted', () => {
    const { stats, choice } = start();
    assert.equal(choice.choose(false, false, false, 0), undefined);
    assert.deepEqual(counts(stats), { slow: [0, 0], failed: [0, 0], sampled: [0, 0] });
  });

  test('a flood for one reason leaves the others their share', () => {
    const { stats, choice } = start();
    for (let i = 0; i < 1_000; i += 1) choice.choose(true, false, false, 0);
    assert.deepEqual(counts(stats), { failed: [3, 997], slow: [0, 0], sampled: [0, 0] });
    assert.equal(choice.choose(false, true, false, 0), 'slow');
    assert.equal(choice.choose(false, false, true, 0), 'sampled');
    assert.equal(choice.choose(true, false, false, 0), undefined);
    assert.equal(choice.choose(true, false, false, SECOND_US / 2), 'failed', 'in time there is room again');
  });

  test('a call with several reasons is told once, for the first that has room', () => {
    const { stats, choice } = start();
    const reasons = Array.from({ length: 10 }, () => choice.choose(true, true, true, 0));
    const each = (reason: string | undefined) => [reason, reason, reason];
    assert.deepEqual(reasons, [...each('failed'), ...each('slow'), ...each('sampled'), undefined]);
    assert.deepEqual(counts(stats), { failed: [3, 1], slow: [3, 0], sampled: [3, 0] });
  });
});
