import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClaimOperation, ClaimStatus, Outcome, UnavailableReason } from '../src/domain/claim.ts';
import { TestEngine } from './support/engine.ts';

const { SUBMIT, VALIDATE, GET } = ClaimOperation;

async function started(...args: ConstructorParameters<typeof TestEngine>): Promise<TestEngine> {
  return new TestEngine(...args).start();
}

describe('engine', () => {
  test('one winner, and a retry gets the same answer', async () => {
    const t = await started();
    const [first, other, again] = await Promise.all([
      t.ask(SUBMIT, 'c', 'p1'),
      t.ask(SUBMIT, 'c', 'p2'),
      t.ask(SUBMIT, 'c', 'p1'),
    ]);
    assert.equal(first.outcome, Outcome.ACCEPTED);
    assert.equal(first.status, ClaimStatus.PENDING);
    assert.equal(other.outcome, Outcome.TAKEN);
    assert.equal(again.outcome, Outcome.REPLAYED);
    assert.equal((await t.ask(VALIDATE, 'c', 'p1')).outcome, Outcome.ACCEPTED);
    assert.equal((await t.ask(VALIDATE, 'c', 'p1')).outcome, Outcome.REPLAYED);
  });

  test('what can not change is answered from the table, the rest by the store', async () => {
    const t = await started();
    assert.ok((await t.ask(SUBMIT, 'c', 'p1')).fromStore);
    await t.settle();
    assert.ok((await t.ask(SUBMIT, 'c', 'p1')).fromStore, 'pending may have changed elsewhere');
    const taken = await t.ask(SUBMIT, 'c', 'p2');
    assert.deepEqual([taken.outcome, taken.fromStore], [Outcome.TAKEN, false]);
    await t.ask(VALIDATE, 'c', 'p1');
    await t.settle();
    for (const operation of [SUBMIT, VALIDATE]) {
      const answer = await t.ask(operation, 'c', 'p1');
      assert.deepEqual([answer.outcome, answer.status, answer.fromStore], [2, ClaimStatus.VALIDATED, false]);
    }
    const got = await t.ask(GET, 'c', 'anybody');
    assert.deepEqual([got.outcome, got.playerId, got.fromStore], [Outcome.FOUND, 'p1', false]);
  });

  test('overdue claims expire lastingly, in the epoch that the rule says', async () => {
    const t = await started();
    await Promise.all(Array.from({ length: 700 }, (_, i) => t.ask(SUBMIT, `c${i}`, 'p')));
    await t.step(2_000);
    const letters = () => new Set([...t.store.claims.values()].map((claim) => claim.status));
    assert.deepEqual(letters(), new Set([ClaimStatus.EXPIRED]));
    assert.equal((await t.ask(VALIDATE, 'c7', 'p')).outcome, Outcome.EXPIRED);
    const submittedIn = 1_700_000_000;
    const [summary] = await t.engine.epochs.summaries(submittedIn, submittedIn);
    assert.deepEqual([summary.submitted, summary.pending], [700, 700]);
    await t.step(1_000);
    const [after] = await t.engine.epochs.summaries(submittedIn + 2, submittedIn + 2);
    assert.deepEqual([after.expired, after.pending], [700, 0]);
    assert.ok(t.engine.memory.tables.every((table) => table.pendingCount === 0));
  });

  test('a claim can be validated in every epoch before its expiry epoch, and in none after', async () => {
    const t = await started();
    await t.ask(SUBMIT, 'early', 'p');
    await t.ask(SUBMIT, 'late', 'p');
    await t.step(1_999);
    assert.equal((await t.ask(VALIDATE, 'early', 'p')).outcome, Outcome.ACCEPTED);
    await t.step(1);
    assert.equal((await t.ask(VALIDATE, 'late', 'p')).outcome, Outcome.EXPIRED);
  });

  test('past retention an id is new', async () => {
    const t = await started();
    await t.ask(SUBMIT, 'c', 'p1');
    await t.ask(VALIDATE, 'c', 'p1');
    await t.step(5_000);
    assert.equal((await t.ask(SUBMIT, 'c', 'p2')).outcome, Outcome.TAKEN, 'kept for five epochs');
    await t.step(1_000);
    assert.equal((await t.ask(VALIDATE, 'c', 'p1')).outcome, Outcome.NOT_FOUND);
    assert.equal((await t.ask(SUBMIT, 'c', 'p2')).outcome, Outcome.ACCEPTED);
    await t.settle();
    assert.equal((await t.ask(SUBMIT, 'c', 'p1')).outcome, Outcome.TAKEN);
  });

  test('a failing store is UNAVAILABLE, never a miss, and a retry is answered', async () => {
    const t = await started();
    await t.ask(SUBMIT, 'kept', 'p');
    t.store.setFailing(true);
    for (const operation of [SUBMIT, VALIDATE, GET]) {
      const answer = await t.ask(operation, 'kept', 'p');
      assert.deepEqual(
        [answer.outcome, answer.reason],
        [Outcome.UNAVAILABLE, UnavailableReason.STORE_FAILED],
      );
    }
    t.store.setFailing(false);
    assert.equal((await t.ask(VALIDATE, 'kept', 'p')).outcome, Outcome.ACCEPTED);
    assert.equal(t.log.filter((line) => line.level === 'error').length, 1, 'told once');
  });

  test('overdue claims that could not expire do so when the store is back', async () => {
    const t = await started();
    await t.ask(SUBMIT, 'c', 'p');
    t.store.setFailing(true);
    await t.step(3_000);
    assert.equal(t.store.claims.get('c')?.status, ClaimStatus.PENDING);
    assert.equal(t.engine.readiness().ready, false);
    t.store.setFailing(false);
    await t.step(1_000);
    assert.equal(t.store.claims.get('c')?.status, ClaimStatus.EXPIRED);
    assert.equal(t.engine.readiness().ready, true);
  });

  test('a full segment refuses new claims at once and takes them again when it has room', async () => {
    const t = await started({ segments: 1, tableCapacity: 8 });
    await Promise.all(Array.from({ length: 8 }, (_, i) => t.ask(SUBMIT, `c${i}`, 'p')));
    const refused = await t.ask(SUBMIT, 'one-more', 'p');
    assert.deepEqual(
      [refused.outcome, refused.reason],
      [Outcome.UNAVAILABLE, UnavailableReason.SEGMENT_FULL],
    );
    assert.equal(t.store.claims.has('one-more'), false, 'nothing was done');
    assert.equal((await t.ask(SUBMIT, 'c3', 'p')).outcome, Outcome.REPLAYED, 'a known one needs no room');
    assert.equal((await t.ask(VALIDATE, 'c3', 'p')).outcome, Outcome.ACCEPTED);
    await t.settle();
    assert.equal((await t.ask(SUBMIT, 'one-more', 'p')).outcome, Outcome.ACCEPTED);
  });

  test('commits gather while one is in flight, in bounded batches', async () => {
    const t = await started({}, { maxBatchItems: 100 });
    const release = t.store.hold();
    const answers = Array.from({ length: 350 }, (_, i) => t.ask(SUBMIT, `c${i}`, 'p'));
    await t.settle();
    release();
    await Promise.all(answers);
    assert.deepEqual(t.store.batches, [100, 100, 100, 50]);
  });

  test('a clock that steps back holds the epoch and says so', async () => {
    const t = await started();
    await t.step(3_000);
    const held = t.engine.epoch;
    t.clock.setWall(t.clock.nowMs() - 60_000);
    await t.step(1_000);
    assert.equal(t.engine.epoch, held);
    assert.equal(t.engine.clockBehind, true);
    assert.equal(t.log.filter((line) => line.level === 'warn').length, 1);
    t.clock.setWall(t.clock.nowMs() + 60_000);
    await t.step(1_000);
    assert.equal(t.engine.clockBehind, false);
    assert.equal(t.engine.epoch, held + 2);
  });

  test('every entry is free again in the end, and nothing stays reserved', async () => {
    const t = await started({ ingressEntries: 512 });
    for (let round = 0; round < 5; round += 1) {
      const asked = Array.from({ length: 512 }, (_, i) =>
        t.ask(i % 3 === 0 ? VALIDATE : SUBMIT, `c${i}`, `p${i % 2}`),
      );
      await Promise.all(asked);
      await t.settle();
    }
    assert.ok(t.ingress.hasRoom(512));
    assert.ok(t.memory.tables.every((table) => table.reservedCount === 0));
  });

  test('a restart fills the table from the store', async () => {
    const t = await started();
    await t.ask(SUBMIT, 'c', 'p1');
    await t.ask(VALIDATE, 'c', 'p1');
    const again = new TestEngine();
    for (const [key, claim] of t.store.claims) again.store.claims.set(key, claim);
    await again.start();
    const answer = await again.ask(SUBMIT, 'c', 'p1');
    assert.deepEqual([answer.outcome, answer.status, answer.fromStore], [2, ClaimStatus.VALIDATED, false]);
  });
});
