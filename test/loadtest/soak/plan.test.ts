import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PERIODS_MAX } from '../../../loadtest/measure/timeline.ts';
import { describe, liveClaims, makePlan } from '../../../loadtest/soak/plan.ts';
import { CONNECTION_MAX_STREAMS } from '../../../src/limits.ts';

const HOUR = { minutes: 60, claimsPerS: 10_000, unaryPerS: 2_000 };

const options = fc.record({
  minutes: fc.double({ min: 0.5, max: 24 * 60, noNaN: true }),
  claimsPerS: fc.integer({ min: 100, max: 100_000 }),
  unaryShare: fc.double({ min: 0, max: 1, noNaN: true }),
});

test('an hour of 10,000 claims/s keeps 100,000 live, in two loads', () => {
  const plan = makePlan(HOUR);
  assert.equal(liveClaims(HOUR), 100_000);
  const [unary, frames] = plan.loads.map(({ spec }) => spec);
  // Two submits for each validate: 2,000 and 1,000 calls; 80 frames of 100 submits and 50 validates.
  assert.deepEqual([unary.rate, frames.rate, frames.items], [3_000, 80, 100]);
  assert.deepEqual([unary.lag, frames.lag], [10_000, 40_000]);
  assert.deepEqual([plan.warmupMs, plan.sampleEveryMs, unary.periodMs], [300_000, 30_000, 30_000]);
  assert.match(
    describe(plan),
    /10000 claims\/s for 60 minutes .* 2000 by unary calls, 8000 in frames of 100/,
  );
});

test('traces and metrics go nowhere, or to where nobody listens', () => {
  assert.equal(makePlan(HOUR).serverEnv['CLAIMS_OTLP_ENDPOINT'], undefined);
  assert.doesNotMatch(describe(makePlan(HOUR)), /Traces/);
  const unreachable = makePlan({ ...HOUR, otlp: 'unreachable' });
  assert.equal(unreachable.serverEnv['CLAIMS_OTLP_ENDPOINT'], 'http://127.0.0.1:9');
  assert.match(describe(unreachable), /Traces and metrics go to an endpoint at which nobody listens\./);
});

test('either kind of load may be all there is', () => {
  const names = (unaryPerS: number) => makePlan({ ...HOUR, unaryPerS }).loads.map(({ name }) => name);
  assert.deepEqual([names(0), names(10_000)], [['frames'], ['unary calls']]);
});

test('however long and fast, what is kept is bounded, and the warm-up is the lesser part', () => {
  fc.assert(
    fc.property(options, ({ minutes, claimsPerS, unaryShare }) => {
      const plan = makePlan({ minutes, claimsPerS, unaryPerS: Math.floor(claimsPerS * unaryShare) });
      const lengthMs = minutes * 60_000;
      assert.ok(plan.warmupMs < lengthMs / 3);
      assert.ok(lengthMs / plan.sampleEveryMs <= 121 && lengthMs / plan.lookEveryMs <= 601);
      assert.equal(plan.sampleEveryMs % plan.epochMs, 0, 'samples drift against the boundaries');
      for (const { spec } of plan.loads) {
        const { warmupS = 0, seconds = 0, periodMs = 0, outstanding = 0, connections = 0 } = spec;
        assert.ok(Math.abs((warmupS + seconds) * 1000 - lengthMs) < 1);
        assert.ok((seconds * 1000) / periodMs <= PERIODS_MAX);
        assert.ok(outstanding > 0 && outstanding <= connections * CONNECTION_MAX_STREAMS);
        assert.ok(Number.isInteger(outstanding) && Number.isInteger(connections));
      }
    }),
  );
});
