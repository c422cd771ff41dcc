import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SteppedClock } from '../../src/clock/stepped-clock.ts';

const START_MS = 1_700_000_000_000;

test('it stands still until it is stepped, and then moves by as much', () => {
  const clock = new SteppedClock(START_MS);
  assert.equal(clock.nowMs(), START_MS);
  assert.equal(clock.monotonicUs(), 0);
  clock.step(250);
  assert.equal(clock.nowMs(), START_MS + 250);
  assert.equal(clock.monotonicUs(), 250_000);
  clock.step(0);
  assert.equal(clock.nowMs(), START_MS + 250);
});

test('an alarm is called at its time, which is what the clock shows then', () => {
  const clock = new SteppedClock(START_MS);
  const seen: number[] = [];
  clock.after(100, () => seen.push(clock.nowMs()));
  clock.step(99);
  assert.deepEqual(seen, []);
  clock.step(1);
  assert.deepEqual(seen, [START_MS + 100]);
  clock.step(1_000);
  assert.deepEqual(seen, [START_MS + 100], 'once');
});

test('an alarm that an alarm sets is called in the same step if it falls due in it', () => {
  const clock = new SteppedClock(START_MS);
  const seen: number[] = [];
  const again = () => {
    seen.push(clock.nowMs() - START_MS);
    clock.after(10, again);
  };
  clock.after(10, again);
  clock.step(35);
  assert.deepEqual(seen, [10, 20, 30]);
});

test('a cancelled alarm is not called, also where an earlier one cancels it in the same step', () => {
  const clock = new SteppedClock(START_MS);
  const seen: string[] = [];
  const late = clock.after(20, () => seen.push('late'));
  clock.after(10, () => late.cancel());
  clock.after(5, () => seen.push('early')).cancel();
  clock.step(100);
  assert.deepEqual(seen, []);
});

test('setting the wall clock passes no time: it may step back, alarms and monotonic time do not', () => {
  const clock = new SteppedClock(START_MS);
  const seen: number[] = [];
  clock.after(100, () => seen.push(clock.nowMs()));
  clock.step(50);
  clock.setWall(START_MS - 3_600_000);
  assert.equal(clock.nowMs(), START_MS - 3_600_000);
  assert.equal(clock.monotonicUs(), 50_000);
  clock.step(50);
  assert.deepEqual(seen, [START_MS - 3_600_000 + 50]);
});

test('alarms are called in the order of their times, those of one time in the order they were set', () => {
  const delays = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 30 });
  const steps = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(delays, steps, (delaysMs, stepsMs) => {
      const clock = new SteppedClock(START_MS);
      const called: { at: number; number: number }[] = [];
      delaysMs.forEach((delayMs, number) => {
        clock.after(delayMs, () => called.push({ at: clock.nowMs() - START_MS, number }));
      });
      for (const ms of stepsMs) clock.step(ms);
      const passedMs = stepsMs.reduce((sum, ms) => sum + ms, 0);
      const expected = delaysMs
        .map((at, number) => ({ at, number }))
        .filter(({ at }) => at <= passedMs)
        .sort((a, b) => a.at - b.at || a.number - b.number);
      assert.deepEqual(called, expected);
      assert.equal(clock.nowMs(), START_MS + passedMs);
    }),
  );
});
