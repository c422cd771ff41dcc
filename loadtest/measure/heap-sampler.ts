/**
 * Preloaded (`NODE_OPTIONS=--import`) into a server under soak: samples the heap of every thread
 * after a full garbage collection, every HEAP_SAMPLE_MS, into the file HEAP_SAMPLE_FILE as JSON
 * lines (HeapSample). Threads whose event loop never turns are not seen; Node tells nobody else
 * what lives in their heaps.
 */
import { appendFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { threadId } from 'node:worker_threads';

export interface HeapSample {
  /** 0: the main thread. */
  readonly threadId: number;
  /** Since the process began, milliseconds. */
  readonly uptimeMs: number;
  /** Of this thread, after a full collection. */
  readonly heapUsedBytes: number;
  /** Of buffers outside this thread's heap. */
  readonly externalBytes: number;
  /** Of the process. */
  readonly rssBytes: number;
}

function startSampling(file: string, everyMs: number): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const sample = (): void => {
    collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    const line: HeapSample = {
      threadId,
      uptimeMs: Math.round(process.uptime() * 1000),
      heapUsedBytes: heapUsed,
      externalBytes: external,
      rssBytes: rss,
    };
    appendFileSync(file, `${JSON.stringify(line)}\n`);
  };
  setInterval(sample, everyMs).unref();
}

const { HEAP_SAMPLE_FILE, HEAP_SAMPLE_MS } = process.env;
if (HEAP_SAMPLE_FILE !== undefined) startSampling(HEAP_SAMPLE_FILE, Number(HEAP_SAMPLE_MS ?? 10_000));
