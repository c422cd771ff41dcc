import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SteppedClock } from '../../../src/clock/stepped-clock.ts';
import { LoopRuntime } from '../../../src/telemetry/runtime/loop-runtime.ts';
import type { HeapFigures, LoopSource } from '../../../src/telemetry/runtime/runtime-source.ts';
import { type GcPause, PAUSE_BOUNDS_S, RuntimeStats } from '../../../src/telemetry/runtime/runtime-stats.ts';

/** A thread whose heap and collections the test tells. */
class ToldSource implements LoopSource {
  figures: HeapFigures = { used: 10, allocated: 100 };
  heard: ((pause: GcPause) => void) | undefined;

  heap(): HeapFigures {
    return this.figures;
  }

  onPause(heard: (pause: GcPause) => void): () => void {
    this.heard = heard;
    return () => {
      this.heard = undefined;
    };
  }
}

function watched() {
  const stats = new RuntimeStats({ memory: RuntimeStats.allocate(1), thread: 0 });
  const source = new ToldSource();
  const clock = new SteppedClock(0);
  const runtime = new LoopRuntime(stats, source, clock);
  runtime.start();
  return { stats, source, clock, runtime };
}

test('the heap is sampled at the start and once a second', () => {
  const { stats, source, clock } = watched();
  assert.deepEqual([stats.samples, stats.heapUsed, stats.allocated], [1, 10, 100]);
  source.figures = { used: 20, allocated: 150 };
  clock.step(999);
  assert.equal(stats.samples, 1);
  clock.step(1);
  assert.deepEqual([stats.samples, stats.heapUsed, stats.allocated], [2, 20, 150]);
  clock.step(9_000);
  assert.equal(stats.samples, 11);
});

test('a pause is counted as it is told; after a major one the heap is what is left', () => {
  const { stats, source } = watched();
  source.figures = { used: 7, allocated: 0 };
  source.heard?.({ kind: 'minor', pauseMs: 1.5 });
  assert.equal(stats.heapAfterMajor, undefined);
  source.heard?.({ kind: 'major', pauseMs: 12 });
  assert.equal(stats.heapAfterMajor, 7);
  assert.deepEqual(
    stats.pauses.map(({ count }) => count),
    [1, 1, 0, 0],
  );
});

test('a timer that comes late tells how late; one in time tells nothing', () => {
  const { stats, clock } = watched();
  const after = clock.after.bind(clock);
  clock.step(100);
  // From now on the loop is held up for 30 ms whenever a timer is due.
  clock.after = (delayMs, call) => after(delayMs + 30, call);
  clock.step(100 + 3 * 130);
  const late = PAUSE_BOUNDS_S.findIndex((bound) => bound >= 0.03);
  assert.equal(stats.loopDelay.count, 5);
  assert.deepEqual([stats.loopDelay.counts[0], stats.loopDelay.counts[late]], [2, 3]);
});

test('once stopped it hears and looks no more', () => {
  const { stats, source, clock, runtime } = watched();
  runtime.stop();
  clock.step(5_000);
  assert.deepEqual([stats.samples, stats.loopDelay.count, source.heard], [1, 0, undefined]);
});
