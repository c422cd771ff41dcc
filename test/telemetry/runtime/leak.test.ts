/** The real monitor in a real process: a deliberate leak raises the alarm, the same program without one does not. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { REPOSITORY } from '../../support/program.ts';

const PROGRAM = join(REPOSITORY, 'test/telemetry/runtime/leaking-program.ts');
const SECONDS = 9;
/** The rate of the leak, and as many times the bound of the program's monitor: 900 MB/h. */
const LEAK_MB_PER_S = 2;
const TIMEOUT_MS = 60_000;

interface Told {
  readonly lines: readonly { readonly msg: string; readonly growthMbPerH: number }[];
  readonly growthMbPerH: number;
}

async function runWatched(keptMbPerS: number): Promise<Told> {
  const args = [PROGRAM, String(keptMbPerS), String(SECONDS)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: TIMEOUT_MS });
  return JSON.parse(stdout);
}

test('a leak raises the alarm, with its rate', async () => {
  const { lines } = await runWatched(LEAK_MB_PER_S);
  assert.equal(lines[0]?.msg, 'the heap grows', JSON.stringify(lines));
  // 2 MB/s are 7,200 MB/h; on a busy machine timers come later, and the leak is slower.
  const { growthMbPerH } = lines[0];
  assert.ok(growthMbPerH > 1_500 && growthMbPerH < 9_000, `${growthMbPerH} MB/h`);
});

test('without a leak there is none, however much garbage is made', async () => {
  const { lines, growthMbPerH } = await runWatched(0);
  assert.deepEqual(lines, []);
  assert.ok(Math.abs(growthMbPerH) < 900, `${growthMbPerH} MB/h`);
});
