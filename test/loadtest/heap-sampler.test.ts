import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseSamples } from '../../loadtest/measure/heap-growth.ts';

const SAMPLER = new URL('../../loadtest/measure/heap-sampler.ts', import.meta.url).href;

/** Keeps 10 MB on the main thread, makes 20 MB of garbage in a worker that then sleeps for good. */
const PROGRAM = `
  const { Worker } = require('node:worker_threads');
  globalThis.kept = Array.from({ length: 1e6 }, (_, i) => i + 0.5);
  new Worker(\`
    (() => { const garbage = []; for (let i = 0; i < 5e5; i++) garbage.push({ i }); })();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  \`, { eval: true });
  setTimeout(() => process.exit(0), 1500);`;

test('the heap of every thread is sampled after a collection, of sleeping workers too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'heap-sampler-'));
  try {
    const file = join(folder, 'heap.ndjson');
    const env = {
      ...process.env,
      NODE_OPTIONS: `--import=${SAMPLER}`,
      HEAP_SAMPLE_FILE: file,
      HEAP_SAMPLE_MS: '100',
    };
    const child = spawn(process.execPath, ['-e', PROGRAM], { env, stdio: 'inherit' });
    assert.deepEqual(await once(child, 'close'), [0, null]);
    const samples = parseSamples(await readFile(file, 'utf8'));
    const ofThread = (threadId: number) => samples.filter((sample) => sample.threadId === threadId);
    assert.ok(ofThread(0).length >= 2 && ofThread(1).length >= 2, `${samples.length} samples`);
    const lastMb = (threadId: number) => (ofThread(threadId).at(-1)?.heapUsedBytes ?? 0) / 1e6;
    assert.ok(lastMb(0) > 8 && lastMb(0) < 25, `main: ${lastMb(0)} MB`);
    assert.ok(lastMb(1) > 1 && lastMb(1) < 8, `worker: ${lastMb(1)} MB`);
    assert.ok(samples.every(({ rssBytes, uptimeMs }) => rssBytes > 3e7 && uptimeMs > 0));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
