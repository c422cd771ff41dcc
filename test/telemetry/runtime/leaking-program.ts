/**
 * A program that is watched as claimd is, over seconds instead of half an hour: it makes garbage all
 * the time and keeps so many megabytes a second of it. Prints a line of JSON when it ends.
 *
 *   node test/telemetry/runtime/leaking-program.ts KEPT_MB_PER_S SECONDS
 */
import { systemClock } from '../../../src/clock/clock.ts';
import { HeapMonitor } from '../../../src/telemetry/runtime/heap-monitor.ts';
import { LoopRuntime } from '../../../src/telemetry/runtime/loop-runtime.ts';
import { loopSource } from '../../../src/telemetry/runtime/runtime-source.ts';
import { RuntimeStats } from '../../../src/telemetry/runtime/runtime-stats.ts';
import { CapturedLog } from '../../support/captured-log.ts';
import { collectGarbage } from '../../support/garbage.ts';

const [keptMbPerS, seconds] = process.argv.slice(2).map(Number);
const TURN_MS = 50;
const SAMPLE_MS = 100;
const BYTES_PER_MB = 1_000_000;
const BYTES_PER_NUMBER = 8;
const GARBAGE_NUMBERS = 250_000;

const stats = new RuntimeStats({ memory: RuntimeStats.allocate(1), thread: 0 });
const log = new CapturedLog();
const monitor = new HeapMonitor(
  {
    sampleMs: SAMPLE_MS,
    samples: 60,
    samplesMin: 40,
    epochs: 1,
    // A megabyte in four seconds: far below the leak, far above what settles while a program starts.
    growthAlarmBytesPerH: 900 * BYTES_PER_MB,
    pauseAlarmMs: Number.POSITIVE_INFINITY,
  },
  {
    stats: [stats],
    threadNames: ['main'],
    rss: () => process.memoryUsage.rss(),
    clock: systemClock,
    log: log.logger,
  },
);
new LoopRuntime(stats, loopSource, systemClock).start();
monitor.start();

const kept: number[][] = [];
function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 0.5);
}

const turns = setInterval(() => {
  numbers(GARBAGE_NUMBERS);
  kept.push(numbers((keptMbPerS * BYTES_PER_MB * TURN_MS) / 1_000 / BYTES_PER_NUMBER));
  // As a load would have it, in a small heap: there is always a collection since the last sample.
  collectGarbage('major');
}, TURN_MS);

setTimeout(() => {
  clearInterval(turns);
  const growthMbPerH = (monitor.heapGrowth?.slope ?? Number.NaN) / BYTES_PER_MB;
  process.stdout.write(`${JSON.stringify({ lines: log.lines, growthMbPerH, kept: kept.length })}\n`);
  process.exit(0);
}, seconds * 1_000);
