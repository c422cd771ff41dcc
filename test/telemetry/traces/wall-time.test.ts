import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SteppedClock } from '../../../src/clock/stepped-clock.ts';
import { WallTime } from '../../../src/telemetry/traces/wall-time.ts';

const START_MS = 1_700_000_000_000;

/** Microseconds since START_MS. */
function sinceStartUs([seconds, nanoseconds]: [number, number]): number {
  return (seconds - START_MS / 1_000) * 1_000_000 + nanoseconds / 1_000;
}

test('moments lie to each other as they were taken, and to the wall within the millisecond it is read in', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5_000_000), { minLength: 1, maxLength: 20 }), (stepsUs) => {
      const clock = new SteppedClock(START_MS);
      const wall = new WallTime(clock);
      let passedUs = 0;
      for (const stepUs of stepsUs) {
        const beganUs = clock.monotonicUs();
        clock.step(stepUs / 1_000);
        passedUs += stepUs;
        wall.follow();
        const took = sinceStartUs(wall.at(clock.monotonicUs())) - sinceStartUs(wall.at(beganUs));
        assert.ok(Math.abs(took - stepUs) <= 1);
        assert.ok(Math.abs(sinceStartUs(wall.at(clock.monotonicUs())) - passedUs) <= 1_000);
      }
    }),
  );
});

test('a wall clock that is stepped is followed from the next trace on', () => {
  const clock = new SteppedClock(START_MS);
  const wall = new WallTime(clock);
  for (const steppedMs of [START_MS + 60_000, START_MS - 60_000]) {
    clock.setWall(steppedMs);
    assert.notEqual(Math.round(sinceStartUs(wall.at(clock.monotonicUs())) / 1_000), steppedMs - START_MS);
    wall.follow();
    assert.deepEqual(wall.at(clock.monotonicUs()), [steppedMs / 1_000, 0]);
  }
});

test('a span keeps its nanoseconds below a second', () => {
  const wall = new WallTime(new SteppedClock(START_MS));
  assert.deepEqual(wall.at(999_999), [START_MS / 1_000, 999_999_000]);
  assert.deepEqual(wall.at(1_000_000), [START_MS / 1_000 + 1, 0]);
  assert.deepEqual(wall.at(-1), [START_MS / 1_000 - 1, 999_999_000]);
});
