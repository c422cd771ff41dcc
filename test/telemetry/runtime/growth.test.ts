/** The alarm over series as a heap after its collections makes them: half an hour of samples, 20 s apart. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GROWTH_SAMPLE_MS, GROWTH_SAMPLES, GROWTH_SAMPLES_MIN } from '../../../src/limits.ts';
import { GrowthWatch } from '../../../src/telemetry/runtime/growth.ts';
import { normalNoise, uniformNoise } from '../../support/seeded-noise.ts';

const MB = 1_000_000;
const BOUND_MB_PER_H = 50;
const SAMPLES_PER_MINUTE = 60_000 / GROWTH_SAMPLE_MS;
const SEEDS = Array.from({ length: 10 }, (_, i) => 7_919 * (i + 1));

/** Megabytes that live at a minute. */
type Level = (minute: number) => number;

const STEADY: Level = () => 40;
const leak =
  (perHour: number, from = 0): Level =>
  (minute) =>
    40 + (perHour / 60) * Math.max(0, minute - from);
const warmUp =
  (mb: number, minutes: number): Level =>
  (minute) =>
    40 + mb * (1 - Math.exp(-minute / minutes));

function newWatch(): GrowthWatch {
  return new GrowthWatch({
    samples: GROWTH_SAMPLES,
    samplesMin: GROWTH_SAMPLES_MIN,
    alarmAbove: BOUND_MB_PER_H * MB,
  });
}

/**
 * Shows the watch what collections left: the level, half a megabyte of noise that goes on into the
 * next sample, and at one time in six up to ten megabytes that calls under way held.
 *
 * @returns the minutes at which the alarm was raised.
 */
function watch(seed: number, minutes: number, level: Level, growth = newWatch()): number[] {
  const noise = normalNoise(seed);
  const chance = uniformNoise(seed + 1);
  const raised: number[] = [];
  let last = noise();
  for (let i = 0; i < minutes * SAMPLES_PER_MINUTE; i += 1) {
    const minute = i / SAMPLES_PER_MINUTE;
    last = 0.6 * last + 0.8 * noise();
    const held = chance() < 1 / 6 ? 10 * chance() : 0;
    const wasRaised = growth.alarm;
    growth.add(minute * 60_000_000, (level(minute) + last / 2 + held) * MB);
    if (growth.alarm && !wasRaised) raised.push(minute);
  }
  return raised;
}

describe('raises no alarm', () => {
  const levels: Readonly<Record<string, Level>> = {
    'for a heap that does not grow': STEADY,
    'for growth below the bound': leak(25),
    'for a warm-up of 30 MB in some minutes': warmUp(30, 4),
    'for one of 60 MB': warmUp(60, 4),
    'for one that takes a quarter of an hour': warmUp(40, 7),
    'for a new level, as when the load doubles': (minute) => (minute < 50 ? 40 : 75),
    'for growth up to a new level within ten minutes': (minute) =>
      40 + 3.5 * Math.min(10, Math.max(0, minute - 45)),
    'for levels that come and go': (minute) => 40 + 8 * (Math.floor(minute / 10) % 2),
    'for a heap that shrinks': leak(-60),
  };
  for (const [name, level] of Object.entries(levels)) {
    test(name, () => {
      for (const seed of SEEDS) assert.deepEqual(watch(seed, 120, level), [], `seed ${seed}`);
    });
  }
});

describe('raises the alarm, once', () => {
  test('for a leak of 100 MB/h from the start, within half an hour', () => {
    for (const seed of SEEDS) {
      const raised = watch(seed, 120, leak(100));
      assert.equal(raised.length, 1, `seed ${seed}: ${raised}`);
      assert.ok(raised[0] >= 19 && raised[0] <= 32, `seed ${seed}: ${raised}`);
    }
  });

  test('for a leak that begins later, in an hour at most', () => {
    for (const seed of SEEDS) {
      const raised = watch(seed, 150, leak(80, 60));
      assert.equal(raised.length, 1, `seed ${seed}: ${raised}`);
      assert.ok(raised[0] > 65 && raised[0] <= 120, `seed ${seed}: ${raised}`);
    }
  });

  test('for a leak so even that nothing but a slow wander lies beside its line', () => {
    const growth = newWatch();
    let raisedAt: number | undefined;
    for (let i = 0; i < 60 * SAMPLES_PER_MINUTE; i += 1) {
      const minute = i / SAMPLES_PER_MINUTE;
      growth.add(minute * 60_000_000, (leak(100)(minute) + 0.05 * Math.sin(minute / 3)) * MB);
      if (growth.alarm) raisedAt ??= minute;
    }
    assert.ok(raisedAt !== undefined && raisedAt >= 19 && raisedAt <= 32, `${raisedAt}`);
  });

  test('for a leak under a warm-up', () => {
    for (const seed of SEEDS) {
      const [warm, leaks] = [warmUp(30, 4), leak(100)];
      const raised = watch(seed, 120, (minute) => warm(minute) + leaks(minute));
      assert.equal(raised.length, 1, `seed ${seed}: ${raised}`);
      assert.ok(raised[0] <= 60, `seed ${seed}: ${raised}`);
    }
  });

  test('never before twenty minutes are over', () => {
    for (const seed of SEEDS) assert.deepEqual(watch(seed, 19, leak(2_000)), [], `seed ${seed}`);
  });
});

test('once the leak has ended the alarm is over, within half an hour', () => {
  for (const seed of SEEDS) {
    const growth = newWatch();
    const level: Level = (minute) => leak(100)(Math.min(minute, 60));
    assert.equal(watch(seed, 90, level, growth).length, 1, `seed ${seed}`);
    assert.equal(growth.alarm, false, `seed ${seed}`);
  }
});

test('without a bound there is no alarm, but growth is told', () => {
  const growth = new GrowthWatch({ samples: 90, samplesMin: 2, alarmAbove: Number.POSITIVE_INFINITY });
  assert.deepEqual(watch(1, 40, leak(600), growth), []);
  const { slope = 0, thirds = [] } = growth.growth ?? {};
  assert.equal(thirds.length, 3);
  for (const found of [slope, ...thirds]) assert.ok(Math.abs(found / MB - 600) < 60, `${found}`);
});

test('keeps as many samples as it is told to', () => {
  const growth = newWatch();
  assert.deepEqual([growth.growth, growth.hours], [undefined, 0]);
  watch(1, 300, STEADY, growth);
  assert.equal(growth.growth?.samples, GROWTH_SAMPLES);
  assert.ok(Math.abs(growth.hours - ((GROWTH_SAMPLES - 1) * GROWTH_SAMPLE_MS) / 3_600_000) < 1e-9);
});
