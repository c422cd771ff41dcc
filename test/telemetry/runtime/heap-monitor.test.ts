/** The monitor over threads whose figures the test writes, with a clock that it steps. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SteppedClock } from '../../../src/clock/stepped-clock.ts';
import { HeapMonitor, type HeapMonitorOptions } from '../../../src/telemetry/runtime/heap-monitor.ts';
import { RuntimeStats } from '../../../src/telemetry/runtime/runtime-stats.ts';
import { CapturedLog } from '../../support/captured-log.ts';
import { uniformNoise } from '../../support/seeded-noise.ts';

const MB = 1_000_000;
const SAMPLE_MS = 1_000;
const SECONDS_PER_HOUR = 3_600;
const OPTIONS: HeapMonitorOptions = {
  sampleMs: SAMPLE_MS,
  samples: 60,
  samplesMin: 30,
  epochs: 20,
  growthAlarmBytesPerH: 50 * MB,
  pauseAlarmMs: 100,
};

class Watched {
  readonly clock = new SteppedClock(0);
  readonly stats: readonly RuntimeStats[];
  readonly log = new CapturedLog();
  readonly monitor: HeapMonitor;
  rss = 100 * MB;
  #allocated = 0;

  constructor(options: Partial<HeapMonitorOptions> = {}) {
    const memory = RuntimeStats.allocate(3);
    this.stats = [0, 1, 2].map((thread) => new RuntimeStats({ memory, thread }));
    this.monitor = new HeapMonitor(
      { ...OPTIONS, ...options },
      {
        stats: this.stats,
        threadNames: ['main', 'ingress-0', 'worker-0'],
        rss: () => this.rss,
        clock: this.clock,
        log: this.log.logger,
      },
    );
    this.monitor.start();
  }

  /** So many seconds in which collections leave what `mb` says of the second, half of it in each of two threads. */
  run(seconds: number, mb: (second: number) => number): void {
    for (let second = 0; second < seconds; second += 1) {
      for (const stats of this.stats.slice(0, 2)) {
        stats.recordHeap(2 * mb(second) * MB, 0);
        stats.recordHeapAfter('major', (mb(second) / 2) * MB);
      }
      this.clock.step(SAMPLE_MS);
    }
  }

  allocate(bytes: number): void {
    this.#allocated += bytes;
    this.stats[0].recordHeap(MB, this.#allocated);
  }
}

const noisy = (perHour: number, seed = 3): ((second: number) => number) => {
  const chance = uniformNoise(seed);
  return (second) => 40 + (perHour * second) / SECONDS_PER_HOUR + 0.05 * chance();
};

describe('growth', () => {
  test('of all threads’ heaps together raises the alarm: one line, with what a person needs', () => {
    const watched = new Watched();
    watched.run(120, noisy(600));
    assert.equal(watched.monitor.growthAlarm, true);
    assert.deepEqual(watched.log.told, ['warn: the heap grows']);
    const { growthMbPerH, intervalMbPerH, heapAfterGcMb, rssMb } = watched.log.lines[0];
    assert.ok(typeof growthMbPerH === 'number' && Math.abs(growthMbPerH - 600) < 60, `${growthMbPerH}`);
    assert.ok(Array.isArray(intervalMbPerH));
    assert.ok(intervalMbPerH[0] > 50 && intervalMbPerH[0] < growthMbPerH && growthMbPerH < intervalMbPerH[1]);
    assert.ok(typeof heapAfterGcMb === 'object' && heapAfterGcMb !== null);
    assert.deepEqual(Object.keys(heapAfterGcMb), ['main', 'ingress-0'], 'the worker has told nothing yet');
    assert.equal(rssMb, 100);
  });

  test('that ends is told once too', () => {
    const watched = new Watched();
    watched.run(120, noisy(600));
    watched.run(120, noisy(0));
    assert.equal(watched.monitor.growthAlarm, false);
    assert.deepEqual(watched.log.told, ['warn: the heap grows', 'info: the heap grows no longer']);
  });

  test('below the bound, or of RSS alone, is a figure and no alarm', () => {
    const watched = new Watched();
    const heap = noisy(20);
    watched.run(120, (second) => {
      watched.rss = (100 + (900 * second) / SECONDS_PER_HOUR) * MB;
      return heap(second);
    });
    assert.deepEqual([watched.log.told, watched.monitor.growthAlarm], [[], false]);
    assert.ok(Math.abs((watched.monitor.heapGrowth?.slope ?? 0) / MB - 20) < 10);
    assert.ok(Math.abs((watched.monitor.rssGrowth?.slope ?? 0) / MB - 900) < 1);
  });

  test('is not looked for once the monitor has stopped', () => {
    const watched = new Watched();
    watched.run(2, noisy(0));
    watched.monitor.stop();
    watched.run(120, noisy(600));
    assert.equal(watched.monitor.heapGrowth?.samples, 2);
  });
});

describe('pauses', () => {
  test('of less than the bound are no alarm; one of it is: one line, and one when they are short again', () => {
    const watched = new Watched();
    watched.stats[1].recordPause('major', 99.9);
    watched.run(1, noisy(0));
    assert.deepEqual([watched.log.told, watched.monitor.pauseAlarm], [[], false]);
    watched.stats[0].recordPause('minor', 120);
    watched.stats[1].recordPause('major', 100);
    watched.stats[1].recordPause('minor', 3);
    watched.run(1, noisy(0));
    assert.equal(watched.monitor.pauseAlarm, true);
    assert.deepEqual(watched.log.told, ['warn: garbage collection held up a thread for long']);
    const { thread, gc, pauseMs } = watched.log.lines[0];
    assert.deepEqual([thread, gc, pauseMs], ['main', 'minor', 120], 'the longest of all threads');

    watched.run(10, noisy(0));
    watched.stats[2].recordPause('major', 300);
    watched.run(14, noisy(0));
    assert.deepEqual(
      [watched.log.lines.length, watched.monitor.pauseAlarm],
      [1, true],
      'that one began it anew',
    );
    watched.run(2, noisy(0));
    assert.deepEqual(
      [watched.log.told.at(-1), watched.monitor.pauseAlarm],
      ['info: garbage collection is short again', false],
    );
    watched.run(100, noisy(0));
    assert.equal(watched.log.lines.length, 2);
  });
});

describe('allocation', () => {
  test('is told by the second, of all threads together', () => {
    const watched = new Watched();
    watched.clock.step(SAMPLE_MS);
    watched.allocate(3 * MB);
    watched.clock.step(SAMPLE_MS);
    assert.equal(watched.monitor.allocationRate, 3 * MB);
    watched.clock.step(SAMPLE_MS);
    assert.equal(watched.monitor.allocationRate, 0);
  });

  const epochs = (durationUs: (allocated: number) => number, count = 30): Watched => {
    const watched = new Watched();
    const chance = uniformNoise(5);
    watched.monitor.epochAdvanced(1);
    for (let epoch = 0; epoch < count; epoch += 1) {
      const allocated = chance() * MB;
      watched.allocate(allocated);
      watched.clock.step(100);
      watched.monitor.epochAdvanced(durationUs(allocated));
    }
    return watched;
  };

  test('that makes epochs longer correlates with their duration; one that does not, does not', () => {
    assert.equal(epochs((allocated) => 1_000 + allocated ** 2).monitor.epochCorrelation(), 1);
    assert.equal(epochs((allocated) => 1_000 / allocated).monitor.epochCorrelation(), -1);
    const chance = uniformNoise(9);
    assert.ok(Math.abs(epochs(() => chance()).monitor.epochCorrelation() ?? 1) < 0.5);
  });

  test('of too few epochs, or of epochs that always take as long, says nothing', () => {
    assert.equal(epochs((allocated) => allocated, 9).monitor.epochCorrelation(), undefined);
    assert.equal(epochs(() => 7).monitor.epochCorrelation(), undefined);
  });

  test('is compared over the newest epochs only', () => {
    const watched = epochs((allocated) => -allocated, 100);
    assert.equal(watched.monitor.epochCorrelation(), -1);
    for (let epoch = 1; epoch <= OPTIONS.epochs; epoch += 1) {
      watched.allocate(epoch * MB);
      watched.clock.step(100);
      watched.monitor.epochAdvanced(epoch);
    }
    assert.equal(watched.monitor.epochCorrelation(), 1);
  });
});
