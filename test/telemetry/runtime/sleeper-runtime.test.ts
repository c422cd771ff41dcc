import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SteppedClock } from '../../../src/clock/stepped-clock.ts';
import type { Collection, SleeperSource } from '../../../src/telemetry/runtime/runtime-source.ts';
import { RuntimeStats } from '../../../src/telemetry/runtime/runtime-stats.ts';
import { SleeperRuntime } from '../../../src/telemetry/runtime/sleeper-runtime.ts';

test('it looks at the first call and then once a second at most, at whatever has come together', () => {
  const stats = new RuntimeStats({ memory: RuntimeStats.allocate(1), thread: 0 });
  const clock = new SteppedClock(0);
  let collections: Collection[] = [];
  let asked = 0;
  const source: SleeperSource = {
    heap: () => ({ used: 5 + asked, allocated: 10 * asked }),
    takeCollections: () => {
      asked += 1;
      return collections.splice(0);
    },
  };
  const runtime = new SleeperRuntime(stats, source, clock);
  for (let i = 0; i < 100; i += 1) runtime.look();
  assert.deepEqual([asked, stats.samples, stats.heapUsed, stats.allocated], [1, 1, 6, 10]);

  collections = [
    { kind: 'minor', pauseMs: 0.4, heapAfter: 9 },
    { kind: 'major', pauseMs: 3, heapAfter: 4 },
  ];
  clock.step(999);
  runtime.look();
  assert.equal(asked, 1);
  clock.step(1);
  runtime.look();
  runtime.look();
  assert.deepEqual([asked, stats.samples, stats.heapAfterMajor, stats.allocated], [2, 2, 4, 20]);
  assert.deepEqual(stats.takeLongestPause(), { kind: 'major', pauseMs: 3 });

  // Asleep for an hour: one look, not 3,600.
  clock.step(3_600_000);
  runtime.look();
  runtime.look();
  assert.equal(asked, 3);
});
