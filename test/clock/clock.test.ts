import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../src/clock/clock.ts';

test('the system clock tells whole milliseconds of the wall clock', () => {
  const before = Date.now();
  const now = systemClock.nowMs();
  assert.ok(Number.isInteger(now));
  assert.ok(before <= now && now <= Date.now());
});

test('its monotonic time is in whole microseconds and never goes back', () => {
  let last = systemClock.monotonicUs();
  for (let i = 0; i < 10_000; i += 1) {
    const next = systemClock.monotonicUs();
    assert.ok(Number.isInteger(next) && next >= last, `${next} after ${last}`);
    last = next;
  }
});

test('microseconds are microseconds', async () => {
  // Taken within a span of the other clock, so that it can't be longer whatever comes between.
  const startMs = performance.now();
  const startUs = systemClock.monotonicUs();
  await new Promise<void>((resolve) => {
    setTimeout(resolve, 5);
  });
  const elapsedUs = systemClock.monotonicUs() - startUs;
  const elapsedMs = performance.now() - startMs;
  assert.ok(elapsedUs >= 3_000, `${elapsedUs} µs in a wait of 5 ms`);
  assert.ok(elapsedUs <= elapsedMs * 1_000 + 1, `${elapsedUs} µs within ${elapsedMs} ms`);
});

test('a thread started later tells the same monotonic time', async () => {
  const before = systemClock.monotonicUs();
  const clock = new URL('../../src/clock/clock.ts', import.meta.url).href;
  const code = `import(${JSON.stringify(clock)}).then(({ systemClock }) =>
    require('node:worker_threads').parentPort.postMessage(systemClock.monotonicUs()))`;
  const thread = new Worker(code, { eval: true });
  const [told] = await once(thread, 'message');
  const after = systemClock.monotonicUs();
  assert.ok(before < told && told < after, `${told} is not between ${before} and ${after}`);
});

test('after calls once, not before its turn, and not once cancelled', async () => {
  const calls: string[] = [];
  const done = new Promise<void>((resolve) => {
    systemClock.after(0, () => calls.push('first'));
    systemClock.after(0, () => calls.push('cancelled')).cancel();
    // A pending timer does not keep the process alive, so something else must.
    setTimeout(resolve, 20);
  });
  assert.deepEqual(calls, [], 'nothing is called before this turn of the event loop ends');
  await done;
  assert.deepEqual(calls, ['first']);
});

test('a pending timer does not keep the process alive', () => {
  const program = `
    import { systemClock } from './src/clock/clock.ts';
    systemClock.after(600_000, () => undefined);
  `;
  const { status, signal } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    timeout: 60_000,
  });
  assert.deepEqual({ status, signal }, { status: 0, signal: null });
});
