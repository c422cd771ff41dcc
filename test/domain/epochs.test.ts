/**
 * Epoch arithmetic against BigInt, which neither wraps nor rounds: random rules, random times, and
 * the boundaries of both up to 2^53−1.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type EpochRules,
  ExpiryEpochs,
  epochOf,
  epochStartMs,
  expiryEpoch,
  isPastRetention,
  maxEpoch,
  maxTimestampMs,
  timestampMs,
} from '../../src/domain/epochs.ts';
import { InvalidArgument } from '../../src/domain/errors.ts';

const MAX_SAFE = Number.MAX_SAFE_INTEGER;

function rules(epochLengthMs: number, validationWindowMs: number, retentionEpochs = 60): EpochRules {
  return { epochLengthMs, validationWindowMs, retentionEpochs };
}

/** Lengths with and without common factors with 2^53 and with each other, small and large. */
const lengthsMs = fc.oneof(
  fc.constantFrom(1, 2, 3, 7, 100, 1_000, 1_024, 9_973, 10_000, 86_400_000, 2 ** 31 - 1, 2 ** 32),
  fc.integer({ min: 1, max: 86_400_000 }),
);
const anyRules = fc.record({
  epochLengthMs: lengthsMs,
  validationWindowMs: fc.oneof(lengthsMs, fc.integer({ min: 1, max: 4_096 * 86_400_000 })),
  retentionEpochs: fc.integer({ min: 0, max: 1_000_000 }),
});

/** Rules and a time allowed by them, often one at or beside a boundary of an epoch, word or range. */
const rulesAndTime = anyRules.chain((r) => {
  const max = maxTimestampMs(r);
  const within = (t: number) => Math.min(Math.max(t, 0), max);
  const beside = (at: number) => fc.integer({ min: -2, max: 2 }).map((by) => within(at + by));
  const anyTime = fc.maxSafeNat().map(within);
  const epochBoundary = fc
    .integer({ min: 0, max: Math.floor(max / r.epochLengthMs) })
    .chain((epoch) => beside(epoch * r.epochLengthMs));
  const expiryBoundary = fc
    .integer({ min: 0, max: Math.floor(max / r.epochLengthMs) })
    .chain((epoch) => beside(epoch * r.epochLengthMs - r.validationWindowMs));
  const wordBoundary = fc.constantFrom(0, 2 ** 31, 2 ** 32, 2 ** 51, 2 ** 52, max).chain(beside);
  return fc.tuple(fc.constant(r), fc.oneof(anyTime, epochBoundary, expiryBoundary, wordBoundary));
});

function ceilDivide(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b;
}

/** The number that `value` is exactly. */
function exactly(value: bigint): number {
  assert.ok(value <= BigInt(MAX_SAFE), `${value} does not fit a safe integer`);
  return Number(value);
}

test('epochOf is floor(t / length), exactly, up to the largest timestamp', () => {
  fc.assert(
    fc.property(rulesAndTime, ([r, ms]) => {
      const expected = BigInt(ms) / BigInt(r.epochLengthMs);
      assert.equal(epochOf(timestampMs(ms, r), r), exactly(expected));
    }),
    { numRuns: 5_000 },
  );
});

test('expiryEpoch is ceil((t + window) / length), exactly, up to the largest timestamp', () => {
  fc.assert(
    fc.property(rulesAndTime, ([r, ms]) => {
      const expected = ceilDivide(BigInt(ms) + BigInt(r.validationWindowMs), BigInt(r.epochLengthMs));
      assert.equal(expiryEpoch(timestampMs(ms, r), r), exactly(expected));
    }),
    { numRuns: 5_000 },
  );
});

test('ExpiryEpochs stores what expiryEpoch gives, whatever was asked before', () => {
  const steps = fc.array(fc.integer({ min: -2, max: 2 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(rulesAndTime, rulesAndTime, steps, ([r, ms], [, other], by) => {
      const kept = new ExpiryEpochs(r);
      const within = (t: number) => Math.min(Math.max(t, 0), maxTimestampMs(r));
      const asked = by.flatMap((n) => [within(ms + n), within(ms + n * r.epochLengthMs), within(other)]);
      const times = Float64Array.from([-1, ...asked]);
      const ends = new Float64Array(times.length);
      for (let i = 1; i < times.length; i += 1) {
        kept.store(times, i, ends, i - 1);
        assert.equal(
          ends[i - 1],
          expiryEpoch(timestampMs(times[i], r), r),
          `${times[i]} after ${times[i - 1]}`,
        );
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a claim can be validated in the epoch of its timestamp, and its window is never cut short', () => {
  fc.assert(
    fc.property(rulesAndTime, ([r, ms]) => {
      const t = timestampMs(ms, r);
      const expiry = BigInt(expiryEpoch(t, r));
      const windowEnd = BigInt(ms) + BigInt(r.validationWindowMs);
      assert.ok(expiry > BigInt(epochOf(t, r)));
      assert.ok(expiry * BigInt(r.epochLengthMs) >= windowEnd, 'expires at the end of its window or after');
      assert.ok((expiry - 1n) * BigInt(r.epochLengthMs) < windowEnd, 'and in the first such epoch');
    }),
    { numRuns: 5_000 },
  );
});

test('a time lies in its epoch: at or after its start, before the start of the next', () => {
  fc.assert(
    fc.property(rulesAndTime, ([r, ms]) => {
      const epoch = epochOf(timestampMs(ms, r), r);
      const startMs = epochStartMs(epoch, r);
      assert.equal(startMs, exactly(BigInt(epoch) * BigInt(r.epochLengthMs)));
      assert.ok(startMs <= ms && BigInt(ms) < BigInt(startMs) + BigInt(r.epochLengthMs));
    }),
    { numRuns: 5_000 },
  );
});

test('maxTimestampMs is 2^53−1 − window − length, and the last that passes', () => {
  fc.assert(
    fc.property(anyRules, (r) => {
      const max = maxTimestampMs(r);
      assert.equal(max, MAX_SAFE - r.validationWindowMs - r.epochLengthMs);
      assert.equal(timestampMs(max, r), max);
      assert.throws(() => timestampMs(max + 1, r), InvalidArgument);
    }),
  );
});

test('maxEpoch is the last that ends at or before 2^53−1', () => {
  fc.assert(
    fc.property(anyRules, (r) => {
      const length = BigInt(r.epochLengthMs);
      const max = BigInt(maxEpoch(r));
      assert.ok((max + 1n) * length <= BigInt(MAX_SAFE));
      assert.ok((max + 2n) * length > BigInt(MAX_SAFE));
      assert.equal(epochStartMs(Number(max), r), exactly(max * length));
    }),
  );
});

const NOT_A_TIME = [-1, -MAX_SAFE, 0.5, 1e-9, Number.NaN, Infinity, -Infinity, MAX_SAFE, 2 ** 53, 2 ** 63];

test('timestampMs names field, value and what is allowed of everything else', () => {
  const r = rules(10_000, 10_000);
  for (const value of [...NOT_A_TIME, maxTimestampMs(r) + 1]) {
    assert.throws(() => timestampMs(value, r), {
      name: 'InvalidArgument',
      code: 'INVALID_ARGUMENT',
      field: 'timestamp_ms',
      value: String(value),
      allowed: 'an integer from 0 to 9007199254720991',
      message: `timestamp_ms: ${value} is not allowed; allowed: an integer from 0 to 9007199254720991`,
    });
  }
});

test('epochStartMs names field, value and what is allowed of everything else', () => {
  const r = rules(10_000, 10_000);
  for (const value of [...NOT_A_TIME, maxEpoch(r) + 1]) {
    assert.throws(() => epochStartMs(value, r), {
      name: 'InvalidArgument',
      field: 'epoch',
      value: String(value),
      allowed: 'an integer from 0 to 900719925473',
      message: `epoch: ${value} is not allowed; allowed: an integer from 0 to 900719925473`,
    });
  }
});

test('no fraction of a millisecond passes, at any size', () => {
  fc.assert(
    fc.property(
      anyRules,
      fc.double({ min: -1e16, max: 1e16, noNaN: true }).filter((x) => !Number.isInteger(x)),
      (r, x) => {
        assert.throws(() => timestampMs(x, r), InvalidArgument);
        assert.throws(() => epochStartMs(x, r), InvalidArgument);
      },
    ),
  );
});

test('retention: kept through endEpoch + retentionEpochs, absent from the next epoch on', () => {
  fc.assert(
    fc.property(
      anyRules,
      fc.maxSafeNat(),
      fc.integer({ min: -3, max: 3 }),
      fc.boolean(),
      (r, end, by, near) => {
        const epoch = Math.min(near ? Math.max(0, end + r.retentionEpochs + by) : end + by, MAX_SAFE);
        const past = BigInt(epoch) > BigInt(end) + BigInt(r.retentionEpochs);
        assert.equal(isPastRetention(end, epoch, r), past);
      },
    ),
    { numRuns: 5_000 },
  );
  const r = rules(10_000, 10_000, 60);
  assert.equal(isPastRetention(1_000, 1_060, r), false);
  assert.equal(isPastRetention(1_000, 1_061, r), true);
  assert.equal(isPastRetention(1_000, 1_000, rules(1, 1, 0)), false, 'never absent in the epoch of its end');
});

test('the defaults, by hand', () => {
  const r = rules(10_000, 10_000);
  const at = (ms: number) => timestampMs(ms, r);
  assert.equal(epochOf(at(1_700_000_000_000), r), 170_000_000);
  assert.equal(epochOf(at(1_700_000_009_999), r), 170_000_000);
  // On a boundary the window ends with the next epoch; one millisecond later, with the one after.
  assert.equal(expiryEpoch(at(1_700_000_000_000), r), 170_000_001);
  assert.equal(expiryEpoch(at(1_700_000_000_001), r), 170_000_002);
  assert.equal(expiryEpoch(at(1_700_000_009_999), r), 170_000_002);
  assert.equal(epochStartMs(170_000_000, r), 1_700_000_000_000);
});
