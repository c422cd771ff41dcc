import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { P99_MIN_VALUES, RollingP99 } from '../../src/telemetry/rolling-p99.ts';

const MINUTE_US = 60_000_000;
/** Values after which it has certainly looked. */
const A_LOOK = 128;
const LONGEST_US = 2 ** 27 - 1;

/** The smallest value that at least 99 of 100 do not pass. */
function exactP99(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil((99 * sorted.length) / 100) - 1];
}

/** Whether it is told right: not too low, and at most one step too high. */
function assertNear(told: number, exact: number): void {
  assert.ok(told >= Math.floor(exact) && told <= exact * (1 + 1 / 16) + 1, `told ${told} for ${exact}`);
}

/** As latencies are: many alike, some a thousand times as long. */
const duration = fc.oneof(
  { weight: 8, arbitrary: fc.double({ min: 5, max: 13, noNaN: true }).map((e) => Math.exp(e)) },
  { weight: 1, arbitrary: fc.nat(40) },
  { weight: 1, arbitrary: fc.double({ min: 0, max: LONGEST_US, noNaN: true }) },
);
const durations = (min: number, max: number) =>
  fc.array(duration, { minLength: min, maxLength: max, size: 'max' });

test('it is the exact P99 of all values, to a sixteenth, whenever it looks', () => {
  fc.assert(
    fc.property(durations(P99_MIN_VALUES, 3_000), (values) => {
      const p99 = new RollingP99();
      let looks = 0;
      for (const [i, value] of values.entries()) {
        if (!p99.record(value, i)) continue;
        looks += 1;
        const seen = values.slice(0, i + 1);
        if (seen.length < P99_MIN_VALUES) assert.equal(p99.us, Number.POSITIVE_INFINITY);
        else assertNear(p99.us, exactP99(seen));
      }
      assert.ok(looks >= Math.floor(values.length / A_LOOK));
    }),
    { numRuns: 50 },
  );
});

test('of too few values nothing is said', () => {
  const p99 = new RollingP99();
  for (let i = 1; i < P99_MIN_VALUES; i += 1) {
    p99.record(1_000, i);
    assert.equal(p99.us, Number.POSITIVE_INFINITY);
  }
});

test('what came in the minute before counts, what came before that does not', () => {
  const minute = durations(P99_MIN_VALUES, 1_000);
  fc.assert(
    fc.property(fc.tuple(minute, minute, minute), (minutes) => {
      const p99 = new RollingP99();
      for (const [i, values] of minutes.entries()) {
        for (const value of values) p99.record(value, i * MINUTE_US);
      }
      const [, before, last] = minutes;
      // Until it looks again.
      const added: number[] = [];
      do added.push(7);
      while (!p99.record(7, 2 * MINUTE_US));
      assertNear(p99.us, exactP99([...before, ...last, ...added]));
    }),
    { numRuns: 20 },
  );
});

test('after two minutes of nothing it knows nothing', () => {
  const p99 = new RollingP99();
  for (let i = 0; i < 2 * P99_MIN_VALUES; i += 1) p99.record(500, 0);
  assertNear(p99.us, 500);
  p99.record(500, 2 * MINUTE_US);
  assert.equal(p99.us, Number.POSITIVE_INFINITY);
});

test('longer than it can tell apart is told as that', () => {
  const p99 = new RollingP99();
  for (let i = 0; i < 8 * A_LOOK; i += 1) p99.record(1e12, 0);
  assert.equal(p99.us, LONGEST_US);
});
