/**
 * Ids that are used again while a segment still holds their earlier life as pending: another
 * replica validated it early in a window that is longer than retention, so that it was forgotten,
 * and submitted anew, before this segment found it overdue.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimOperation, ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import { EPOCH, SegmentBench, START_MS } from './segment-bench.ts';

const { SUBMIT, VALIDATE } = ClaimOperation;
const { PENDING, VALIDATED } = ClaimStatus;
const WINDOW_EPOCHS = 30;
const RULES = { epochLengthMs: 1_000, validationWindowMs: WINDOW_EPOCHS * 1_000, retentionEpochs: 10 };
const OVERDUE_AT = EPOCH + WINDOW_EPOCHS;
/** Ben submitted the id again in the epoch before ann's earlier claim falls due here. */
const LATER_EPOCH = OVERDUE_AT - 1;
const LATER_MS = START_MS + (WINDOW_EPOCHS - 1) * 1_000;

/** A segment that has just asked the store to expire ann's `chest`, by the entry that it returns. */
function expiring(): { bench: SegmentBench; expiry: number } {
  const bench = new SegmentBench({ rules: RULES });
  bench.request(0, SUBMIT, 'chest', 'ann');
  bench.serve();
  bench.learn(0, { outcome: Outcome.ACCEPTED, status: PENDING });
  bench.serve();
  bench.advance(OVERDUE_AT);
  const expiry = bench.sendExpiry();
  assert.deepEqual(bench.serve().toStore, [expiry]);
  return { bench, expiry };
}

/** Asserts that the segment leaves it to the store, or says what the store would. */
function assertRight(bench: SegmentBench, operation: ClaimOperation, playerId: string, truth: Outcome): void {
  bench.request(1, operation, 'chest', playerId);
  const { toStore } = bench.serve();
  if (toStore.length === 0)
    assert.equal(bench.answer(1).outcome, truth, `${playerId} was told something else`);
}

/** What the store says of the id when it is told to expire it. */
const LATER_LIFE = { outcome: Outcome.EXPIRED, timestampMs: LATER_MS, playerId: 'ben' } as const;

test('a later player’s pending claim is not taken for the earlier player’s', () => {
  const { bench, expiry } = expiring();
  bench.learn(expiry, { ...LATER_LIFE, status: PENDING, endEpoch: LATER_EPOCH + WINDOW_EPOCHS });
  bench.serve();
  assertRight(bench, SUBMIT, 'ben', Outcome.REPLAYED);
  assertRight(bench, VALIDATE, 'ben', Outcome.ACCEPTED);
  assertRight(bench, SUBMIT, 'ann', Outcome.TAKEN);
});

test('a later player’s validated claim is not taken for the earlier player’s', () => {
  const { bench, expiry } = expiring();
  bench.learn(expiry, { ...LATER_LIFE, status: VALIDATED, endEpoch: OVERDUE_AT + 1 });
  bench.serve();
  assertRight(bench, VALIDATE, 'ann', Outcome.TAKEN);
  assertRight(bench, VALIDATE, 'ben', Outcome.REPLAYED);
});

test('the earlier life is forgotten: it holds no record, and the store is not asked for it each epoch', () => {
  const { bench, expiry } = expiring();
  bench.learn(expiry, { ...LATER_LIFE, status: VALIDATED, endEpoch: LATER_EPOCH });
  bench.serve();
  bench.advance(OVERDUE_AT + 1);
  bench.sendExpiry();
  assert.deepEqual(bench.serve().toStore, []);
  assert.equal(bench.table.pendingCount, 0);
});

const LATER_ENDS = [
  { what: 'ended', status: VALIDATED, endEpoch: LATER_EPOCH },
  { what: 'is pending', status: PENDING, endEpoch: LATER_EPOCH + WINDOW_EPOCHS },
];
for (const { what, status, endEpoch } of LATER_ENDS) {
  test(`an expiry entry goes on to what is overdue behind an id whose later life ${what}`, () => {
    const { bench, expiry } = expiring();
    bench.request(2, SUBMIT, 'other', 'ann');
    bench.serve();
    bench.learn(2, { outcome: Outcome.ACCEPTED, status: PENDING });
    bench.serve();
    bench.learn(expiry, { ...LATER_LIFE, status, endEpoch });
    assert.deepEqual(bench.serve().toStore, [expiry]);
    assert.equal(bench.memory.entries.claimId(expiry), 'other');
  });
}
