/**
 * Preloaded (`node --import`, which its threads inherit; they would not from NODE_OPTIONS) into a
 * server under load: writes each pause for garbage collection of GC_PAUSE_MS or longer into the file
 * GC_PAUSE_FILE as a JSON line (GcPause).
 *
 * Node tells of pauses through the event loop of the thread they stopped, so threads whose event
 * loop does not turn (claimd's segment workers, which wait in Atomics.wait) are not seen.
 */
import { appendFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { threadId } from 'node:worker_threads';

export interface GcPause {
  /** 0: the main thread; else as Node numbers its workers. */
  readonly threadId: number;
  /** Wall clock at its beginning, milliseconds since the Unix epoch. */
  readonly atMs: number;
  readonly pauseMs: number;
}

export function parsePauses(text: string): GcPause[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line): GcPause => JSON.parse(line));
}

function startWatching(file: string, leastMs: number): void {
  const observer = new PerformanceObserver((entries) => {
    for (const { startTime, duration } of entries.getEntries()) {
      if (duration < leastMs) continue;
      const pause: GcPause = { threadId, atMs: performance.timeOrigin + startTime, pauseMs: duration };
      appendFileSync(file, `${JSON.stringify(pause)}\n`);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
}

const { GC_PAUSE_FILE, GC_PAUSE_MS } = process.env;
if (GC_PAUSE_FILE !== undefined) startWatching(GC_PAUSE_FILE, Number(GC_PAUSE_MS ?? 10));
