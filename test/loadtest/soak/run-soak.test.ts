/** A soak against real servers, ended early: what it sees, and that it leaves nothing behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makePlan } from '../../../loadtest/soak/plan.ts';
import { runSoak } from '../../../loadtest/soak/run-soak.ts';
import { soakReport } from '../../../loadtest/soak/soak-report.ts';

test('a soak that is told to end gives what it has seen, with both loads answered', async () => {
  const plan = makePlan({ minutes: 0.5, claimsPerS: 400, unaryPerS: 200 });
  // Long enough for the warm-up, a sample of the heap, and an epoch.
  const signal = AbortSignal.timeout(16_000);
  const record = await runSoak(plan, { checkpoint: async () => undefined, signal });
  assert.equal(record.interrupted, true);
  for (const { load, measurement } of record.loads) {
    assert.ok(measurement !== undefined && measurement.load.calls > 0, load.name);
    assert.deepEqual(Object.keys(measurement.load.statuses), ['OK']);
    assert.deepEqual(Object.keys(measurement.load.outcomes), ['ACCEPTED']);
  }
  const threads = new Set(record.heap.map(({ threadId }) => threadId));
  assert.ok(threads.has(0) && threads.size > 1, `threads sampled: ${[...threads]}`);
  assert.ok(
    record.looks.length > 5 && record.looks.every(({ rssMb, redisMb }) => rssMb > 30 && redisMb > 0.5),
  );
  assert.ok(record.epochs.length >= 1);
  assert.equal(soakReport(record).verdict, 'undecided');
  await assert.rejects(async () => process.kill(record.serverPid, 0), /ESRCH/);
});
