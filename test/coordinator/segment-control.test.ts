import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import { SegmentControl } from '../../src/coordinator/segment-control.ts';
import { ClaimStatus } from '../../src/domain/claim.ts';
import { StatePartitioner } from '../../src/partitioner/partitioner.ts';
import type { SegmentFeeder } from '../../src/pool/segment-pool.ts';
import type { StoredClaim } from '../../src/store/store.ts';
import { testMemory } from '../support/memory.ts';

function page(prefix: string, count: number): StoredClaim[] {
  return Array.from({ length: count }, (_, i) => ({
    claimId: `${prefix}${i}`,
    playerId: 'p',
    timestampMs: 0,
    status: ClaimStatus.VALIDATED,
    endEpoch: 1,
  }));
}

test('pages are learned one after the other, whoever brings them', async () => {
  const memory = testMemory();
  const partitioner = new StatePartitioner(memory.segments, 'claim');
  const pushed: number[] = [];
  const push = (entry: number) => pushed.push(entry);
  const nothing = () => undefined;
  const feeder: SegmentFeeder = { push, pushPatient: push, flush: nothing, flushAll: nothing };
  const control = new SegmentControl(memory, feeder, partitioner, new SteppedClock(0));
  const learned: string[] = [];
  const learn = (name: string, claims: readonly StoredClaim[]) =>
    control
      .learn(claims, () => true)
      .then(() => {
        learned.push(name);
      });
  /** Sends home what was pushed, as segments do. */
  const serve = async (): Promise<string[]> => {
    await Promise.resolve();
    const ids = pushed.map((entry) => memory.entries.claimId(entry));
    for (const entry of pushed.splice(0)) memory.queues.push(memory.coordinatorQueue, entry);
    control.drain();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    return ids;
  };

  const all = Promise.all([learn('one', page('a', 3)), learn('none', []), learn('two', page('b', 2))]);
  assert.deepEqual(await serve(), ['a0', 'a1', 'a2']);
  assert.deepEqual(learned, ['one', 'none']);
  assert.deepEqual(await serve(), ['b0', 'b1']);
  await all;
  assert.deepEqual(learned, ['one', 'none', 'two']);
});
