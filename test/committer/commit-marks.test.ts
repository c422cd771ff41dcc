/** What the committer notes of entries: when their commit began and ended, and how many it had. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimOperation } from '../../src/domain/claim.ts';
import { StoreUnavailable } from '../../src/domain/errors.ts';
import { EntryMark } from '../../src/entries/entry-table.ts';
import { CommitterBench, range } from './committer-bench.ts';

const { COMMIT_BEGUN, COMMIT_ENDED, COMMIT_SIZE } = EntryMark;

function commitOf({ memory }: CommitterBench, entry: number): number[] {
  return [COMMIT_BEGUN, COMMIT_ENDED, COMMIT_SIZE].map((mark) => memory.entries.markOf(entry, mark));
}

/** Claims that were dispatched when the clock stood at 0, and lie on the commit queue. */
function queued(bench: CommitterBench, ...entries: number[]): void {
  for (const entry of entries) bench.memory.entries.markDispatched(entry, 0, 0);
  bench.queue(ClaimOperation.SUBMIT, ...entries);
}

test('each entry of a batch: when it was given to the store, when that confirmed, and with how many', async () => {
  const bench = new CommitterBench(3);
  queued(bench, ...range(0, 5));
  bench.clock.step(10);
  bench.committer.pump();
  bench.clock.step(25);
  await bench.asked[0].confirm();
  bench.clock.step(5);
  bench.committer.pump();
  bench.clock.step(2);
  await bench.asked[1].confirm();
  for (const entry of range(0, 3)) assert.deepEqual(commitOf(bench, entry), [10_000, 35_000, 3]);
  for (const entry of range(3, 2)) assert.deepEqual(commitOf(bench, entry), [40_000, 42_000, 2]);
});

test('of a commit that fails too; and those that waited behind a slow one have waited till then', async () => {
  const bench = new CommitterBench(3);
  queued(bench, ...range(0, 5));
  bench.clock.step(10);
  bench.committer.pump();
  bench.clock.step(2_000);
  await bench.asked[0].refuse(new StoreUnavailable('away'));
  for (const entry of range(0, 3)) assert.deepEqual(commitOf(bench, entry), [10_000, 2_010_000, 3]);
  for (const entry of range(3, 2)) assert.deepEqual(commitOf(bench, entry), [2_010_000, 2_010_000, 0]);
});

test('what waits for its commit has none yet', () => {
  const bench = new CommitterBench(3);
  queued(bench, ...range(0, 4));
  bench.committer.pump();
  assert.deepEqual(commitOf(bench, 0), [0, Number.NaN, 3]);
  assert.deepEqual(commitOf(bench, 3), [Number.NaN, Number.NaN, 0]);
});
