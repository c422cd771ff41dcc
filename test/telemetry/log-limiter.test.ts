import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import { LogLimiter } from '../../src/telemetry/log-limiter.ts';

const LIMITS = { lines: 3, windowMs: 1_000, events: 4 };

function limiter() {
  const clock = new SteppedClock(0);
  const told: string[] = [];
  const counts = { leftOut: 0 };
  const made = new LogLimiter(LIMITS, clock, {
    leftOut: () => {
      counts.leftOut += 1;
    },
    windowOver: (event, lines) => told.push(`${event}: ${lines}`),
  });
  /** How many of so many lines of the event are admitted. */
  const write = (event: string, lines: number): number =>
    Array.from({ length: lines }, () => made.admits(event)).filter(Boolean).length;
  return { made, clock, told, counts, write };
}

test('of an event some lines are written in a window; the rest is counted, and told once when it is over', () => {
  const { clock, told, counts, write } = limiter();
  assert.deepEqual([write('a', 2), write('a', 5)], [2, 1]);
  assert.equal(counts.leftOut, 4);
  clock.step(999);
  assert.deepEqual(told, []);
  clock.step(1);
  assert.deepEqual(told, ['a: 4']);
  clock.step(10_000);
  assert.deepEqual(told, ['a: 4']);
  assert.equal(write('a', 5), 3, 'the next window');
});

test('events do not take each other’s lines', () => {
  const { clock, told, write } = limiter();
  assert.deepEqual([write('a', 9), write('b', 3), write('c', 4)], [3, 3, 3]);
  clock.step(1_000);
  assert.deepEqual(told, ['a: 6', 'c: 1']);
});

test('events beyond those that are told apart are limited together', () => {
  const { clock, told, write } = limiter();
  for (const event of ['a', 'b', 'c', 'd']) assert.equal(write(event, 1), 1);
  const admitted = Array.from({ length: 100 }, (_, i) => write(`text ${i}`, 1));
  assert.equal(
    admitted.reduce((sum, lines) => sum + lines, 0),
    3,
  );
  clock.step(1_000);
  assert.deepEqual(told, ['further events: 97']);
});

test('a line that comes before a late timer begins the next window, and tells of the one before', () => {
  const { clock, told, write } = limiter();
  const after = clock.after.bind(clock);
  clock.after = (delayMs, call) => after(delayMs + 500, call);
  write('a', 5);
  clock.step(1_000);
  assert.deepEqual(told, []);
  assert.equal(write('b', 4), 3);
  assert.deepEqual(told, ['a: 2']);
  clock.step(500);
  assert.deepEqual(told, ['a: 2'], 'the window of b is not over');
  assert.equal(write('b', 1), 0);
  clock.step(1_000);
  assert.deepEqual(told, ['a: 2', 'b: 2']);
});

test('what was left out so far is told before the end', () => {
  const { made, told, write } = limiter();
  made.flush();
  write('a', 5);
  made.flush();
  made.flush();
  assert.deepEqual(told, ['a: 2']);
});
