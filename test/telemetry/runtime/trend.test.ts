import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { trend, verdict } from '../../../src/telemetry/runtime/trend.ts';
import { normalNoise } from '../../support/seeded-noise.ts';

const BOUND = 1;

interface Line {
  readonly seed: number;
  readonly samples: number;
  readonly hours: number;
  readonly perHour: number;
  readonly deviation: number;
  /** How much of a sample's noise goes on into the next. */
  readonly carried?: number;
}

function line({ seed, samples, hours, perHour, deviation, carried = 0 }: Line): [number, number][] {
  const next = normalNoise(seed);
  let last = next();
  return Array.from({ length: samples }, (_, i) => {
    last = carried * last + Math.sqrt(1 - carried ** 2) * next();
    const x = (hours * i) / (samples - 1);
    return [x, 40 + perHour * x + deviation * last];
  });
}

const HOUR = { samples: 110, hours: 0.92, deviation: 0.2 };

test('an all but straight line has its slope and hardly a doubt', () => {
  const slopes = fc.record({
    perHour: fc.double({ min: -50, max: 50, noNaN: true }),
    hours: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(slopes, ({ perHour, hours }) => {
      const found = trend(line({ seed: 1, samples: 30, hours, perHour, deviation: 1e-9 }));
      for (const value of [found.slope, found.low, found.high]) assert.ok(Math.abs(value - perHour) < 1e-6);
    }),
  );
});

function shareWithin(carried: number): number {
  const runs = 400;
  let within = 0;
  for (let seed = 1; seed <= runs; seed++) {
    const { low, high } = trend(line({ ...HOUR, seed: seed * 7_919, perHour: 0.5, carried }));
    if (low <= 0.5 && 0.5 <= high) within++;
  }
  return within / runs;
}

test('the true slope lies within the interval as often as is said', () => {
  const share = shareWithin(0);
  assert.ok(share >= 0.92 && share <= 0.98, `${share}`);
});

test('also where samples resemble their neighbours', () => {
  const share = shareWithin(0.6);
  assert.ok(share >= 0.9 && share <= 0.99, `${share}`);
});

test('over an hour a leak of 3 MB/h is found, and a flat heap is told from one', () => {
  for (let seed = 1; seed <= 100; seed++) {
    assert.equal(verdict(trend(line({ ...HOUR, seed, perHour: 3 })), BOUND), 'grows', `seed ${seed}`);
    assert.equal(verdict(trend(line({ ...HOUR, seed, perHour: 0 })), BOUND), 'flat', `seed ${seed}`);
    assert.equal(verdict(trend(line({ ...HOUR, seed, perHour: -9 })), BOUND), 'flat', `seed ${seed}`);
  }
});

test('a run too short to tell says so, whatever its slope looks like', () => {
  const short = { samples: 6, hours: 0.05, deviation: 0.2 };
  const verdicts = Array.from({ length: 100 }, (_, i) =>
    verdict(trend(line({ ...short, seed: i + 1, perHour: 3 })), BOUND),
  );
  assert.ok(verdicts.filter((said) => said === 'undecided').length >= 95);
  for (const few of [[], [1], [1, 2, 3, 4, 5]]) {
    const { low, high } = trend(few.map((x): [number, number] => [x, x]));
    assert.deepEqual([low, high], [-Infinity, Infinity]);
  }
});

test('samples that all but repeat their neighbours count for few', () => {
  const wave = Array.from({ length: 100 }, (_, i): [number, number] => [i / 100, Math.sin(i / 16)]);
  const found = trend(wave);
  assert.ok(found.effectiveSamples < 6, `${found.effectiveSamples}`);
  assert.equal(verdict(found, BOUND), 'undecided');
});

test('what calls under way put on top of a heap now and then does not move its slope', () => {
  const spiked = (perHour: number): [number, number][] =>
    line({ ...HOUR, seed: 11, perHour }).map(([x, y], i) => [x, i % 5 === 3 ? y + 2 + (i % 11) : y]);
  const found = trend(spiked(0));
  assert.ok(Math.abs(found.slope) < 0.3, `${found.slope}`);
  assert.equal(verdict(found, BOUND), 'flat');
  assert.equal(verdict(trend(spiked(3)), BOUND), 'grows');
});

test('a heap that never changes is flat', () => {
  const level = Array.from({ length: 50 }, (_, i): [number, number] => [i / 50, 7]);
  assert.deepEqual(trend(level), { slope: 0, low: 0, high: 0, samples: 50, effectiveSamples: 50 });
});
