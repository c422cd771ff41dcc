import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parsePauses } from '../../loadtest/measure/gc-pauses.ts';
import { systemClock } from '../../src/clock/clock.ts';

const WATCHER = new URL('../../loadtest/measure/gc-pauses.ts', import.meta.url).href;

/** Collects 100 MB of small objects that live, on the main thread and in a worker, then turns on. */
const PROGRAM = `
  const work = \`
    const kept = Array.from({ length: 1e6 }, (_, i) => ({ i, of: { i } }));
    require('node:vm').runInNewContext('gc')();
    setTimeout(() => kept.length, 200);\`;
  require('node:v8').setFlagsFromString('--expose-gc');
  new (require('node:worker_threads').Worker)(work, { eval: true });
  eval(work);`;

test('pauses of every thread whose event loop turns are written, short ones left out', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gc-pauses-'));
  try {
    const pauses = async (leastMs: number) => {
      const file = join(folder, `${leastMs}.ndjson`);
      const env = { ...process.env, GC_PAUSE_FILE: file, GC_PAUSE_MS: `${leastMs}` };
      const child = spawn(process.execPath, ['--import', WATCHER, '-e', PROGRAM], { env });
      assert.deepEqual(await once(child, 'close'), [0, null]);
      return readFile(file, 'utf8').then(parsePauses, () => []);
    };
    const startMs = systemClock.nowMs();
    const found = await pauses(2);
    assert.deepEqual(
      [...new Set(found.map(({ threadId }) => threadId))].sort((a, b) => a - b),
      [0, 1],
    );
    const endMs = systemClock.nowMs();
    assert.ok(found.every(({ pauseMs }) => pauseMs >= 2));
    assert.ok(found.every(({ atMs }) => atMs > startMs - 1 && atMs < endMs));
    assert.deepEqual(await pauses(60_000), []);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
