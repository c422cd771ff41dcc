/** Slices of the benchmark side by side, on one subject of each kind: what they leave, and find again. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIVE_CLAIMS, MeasuredSubject } from '../../loadtest/bench/side-by-side-slices.ts';
import { type SubjectName, startSubject } from '../../loadtest/bench/side-by-side-subjects.ts';
import { until } from '../support/waiting.ts';

const EPOCH_LENGTH_MS = 500;
const SECONDS = 0.5;

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'side-by-side-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function inAllWays(
  name: SubjectName,
  more: (measured: MeasuredSubject) => Promise<void>,
): Promise<void> {
  const subject = await startSubject(name, { epochLengthMs: EPOCH_LENGTH_MS, folder });
  try {
    const measured = new MeasuredSubject(subject, folder);
    // Each of these fails where a call is not answered as the first of its kind about its claim.
    for (let round = 0; round < 2; round += 1) {
      const saturated = await measured.saturated(SECONDS);
      assert.ok(saturated.load.callsMeasured > 0 && saturated.cpuUsPerCall > 0);
      assert.equal(saturated.redisUsPerCall === undefined, subject.redis === undefined);
      const steady = await measured.steady(SECONDS);
      assert.ok(steady.load.latency.p50Ms > 0);
      const ghz = await measured.steadyByGhz(SECONDS);
      assert.ok(ghz.calls > 0 && ghz.p50Ms > 0);
    }
    const { heapMb, longestPauseMs } = await subject.heap.read();
    assert.ok(heapMb > 1 && heapMb < 500, `${heapMb} MB`);
    assert.ok(longestPauseMs >= 0);
    await more(measured);
  } finally {
    await subject.stop();
  }
}

test('claimd has its claims live, and tells of its epochs', () =>
  inAllWays('claimd on SQLite', async ({ subject }) => {
    const epochMs = (await subject.epochMs()) ?? Number.NaN;
    assert.ok(epochMs >= 0 && epochMs < 60_000, `${epochMs} ms`);
  }));

test('the baseline has its claims live in both its registries, and its heap holds them', () =>
  inAllWays('Interpreter Defaults', async ({ subject }) => {
    const live = await until('an epoch over all claims', () => {
      const line = subject
        .log()
        .trimEnd()
        .split('\n')
        .findLast((text) => text.includes('"msg":"epoch"'));
      const report = line === undefined ? undefined : JSON.parse(line);
      return report?.own.pending === report?.stored.pending ? report : undefined;
    });
    assert.ok(live.own.pending >= LIVE_CLAIMS, `${live.own.pending} claims`);
    assert.ok(((await subject.epochMs()) ?? 0) > 0);
    // 300 bytes a claim at the least.
    assert.ok((await subject.heap.read()).heapMb > (LIVE_CLAIMS * 300) / 1e6);
  }));

test('ratelimit is asked about a new claim each time', () =>
  inAllWays('ratelimit, pipelining', async ({ subject }) => {
    assert.equal(await subject.epochMs(), undefined);
    const keys = (await subject.redis?.client().dbsize()) ?? 0;
    assert.ok(keys > 1_000, `${keys} keys`);
  }));
