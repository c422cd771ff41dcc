/** What a segment does with each entry of its queue: what it answers, asks, learns and lets expire. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimOperation, ClaimStatus, Outcome, UnavailableReason } from '../../src/domain/claim.ts';
import { EntryStep } from '../../src/entries/entry-table.ts';
import { EPOCH, SEGMENT, SegmentBench, START_MS } from './segment-bench.ts';

const { SUBMIT, VALIDATE, GET } = ClaimOperation;
const { UNSPECIFIED, PENDING, VALIDATED, EXPIRED } = ClaimStatus;
/** Of a claim submitted at START_MS. */
const EXPIRES_AT = EPOCH + 2;
const RETENTION_EPOCHS = 5;
const AHEAD_EPOCHS = 2;

/** A segment that knows `chest` of ann, submitted at START_MS; its entry 0 is free again. */
function knowing(status: ClaimStatus, endEpoch = EXPIRES_AT): SegmentBench {
  const bench = new SegmentBench();
  bench.request(0, SUBMIT, 'chest', 'ann');
  bench.serve();
  bench.learn(0, { outcome: Outcome.ACCEPTED, status, endEpoch });
  bench.serve();
  return bench;
}

function ask(bench: SegmentBench, operation: ClaimOperation, playerId: string) {
  bench.request(1, operation, 'chest', playerId);
  const { toStore, toIngress } = bench.serve();
  if (toStore.length === 1) return 'the store is asked';
  assert.deepEqual(toIngress, [1]);
  return bench.answer(1);
}

test('what it does not know is the store’s to decide, and a record is promised to what may be new', () => {
  const bench = new SegmentBench();
  for (const [entry, operation] of [SUBMIT, VALIDATE, GET].entries()) {
    bench.request(entry, operation, `c${entry}`, 'ann');
  }
  assert.deepEqual(bench.serve(), { toStore: [0, 1, 2], toIngress: [], toCoordinator: [] });
  assert.equal(bench.table.reservedCount, 1);
  assert.deepEqual([...bench.memory.entries.reserved.slice(0, 3)], [1, 0, 0]);
});

test('a submit that the store accepted is known from then on, and its promise kept', () => {
  const bench = new SegmentBench();
  bench.request(0, SUBMIT, 'chest', 'ann');
  bench.serve();
  bench.learn(0, { outcome: Outcome.ACCEPTED, status: PENDING });
  assert.deepEqual(bench.serve().toIngress, [0], 'the entry goes home');
  assert.equal(bench.memory.entries.step[0], EntryStep.RETURNED);
  assert.deepEqual([bench.table.pendingCount, bench.table.reservedCount], [1, 0]);
});

test('a promise is taken back whatever the store said', () => {
  for (const outcome of [Outcome.TAKEN, Outcome.UNAVAILABLE]) {
    const bench = new SegmentBench();
    bench.request(0, SUBMIT, 'chest', 'ann');
    bench.serve();
    bench.learn(0, { outcome, status: UNSPECIFIED });
    bench.serve();
    assert.deepEqual([bench.table.liveCount, bench.table.reservedCount], [0, 0]);
    assert.equal(bench.memory.entries.reserved[0], 0);
  }
});

test('final claims are answered without the store, with the claim for its player alone', () => {
  for (const status of [VALIDATED, EXPIRED]) {
    const bench = knowing(status, EPOCH);
    const outcome = status === VALIDATED ? Outcome.REPLAYED : Outcome.EXPIRED;
    assert.deepEqual(ask(bench, SUBMIT, 'ann'), { outcome: Outcome.REPLAYED, status, fromStore: 0 });
    assert.deepEqual(ask(bench, VALIDATE, 'ann'), { outcome, status, fromStore: 0 });
    assert.deepEqual(ask(bench, GET, 'ben'), { outcome: Outcome.FOUND, status, fromStore: 0 });
    assert.equal(bench.memory.entries.playerId(1), 'ann', 'a get learns whose it is');
    assert.deepEqual(ask(bench, VALIDATE, 'ben'), {
      outcome: Outcome.TAKEN,
      status: UNSPECIFIED,
      fromStore: 0,
    });
    assert.equal(bench.memory.entries.playerId(1), 'ben', 'who is refused does not');
    assert.equal(bench.memory.entries.epoch[1], EPOCH);
  }
});

test('of a pending claim it answers only other players', () => {
  const bench = knowing(PENDING);
  for (const operation of [SUBMIT, VALIDATE, GET]) {
    assert.equal(ask(bench, operation, 'ann'), 'the store is asked');
  }
  assert.equal(ask(bench, GET, 'ben'), 'the store is asked');
  for (const operation of [SUBMIT, VALIDATE]) {
    assert.deepEqual(ask(bench, operation, 'ben'), {
      outcome: Outcome.TAKEN,
      status: UNSPECIFIED,
      fromStore: 0,
    });
  }
});

test('a submit of a pending claim again promises no second record', () => {
  const bench = knowing(PENDING);
  ask(bench, SUBMIT, 'ann');
  assert.equal(bench.table.reservedCount, 0);
});

test('a final claim is answered up to the last epoch in which it is kept everywhere, then asked for', () => {
  const bench = knowing(VALIDATED, EPOCH);
  bench.advance(EPOCH + RETENTION_EPOCHS - AHEAD_EPOCHS);
  assert.deepEqual(ask(bench, VALIDATE, 'ann'), {
    outcome: Outcome.REPLAYED,
    status: VALIDATED,
    fromStore: 0,
  });
  bench.advance(EPOCH + RETENTION_EPOCHS - AHEAD_EPOCHS + 1);
  assert.equal(ask(bench, VALIDATE, 'ann'), 'the store is asked');
});

test('a pending claim of another player is asked for once it may have ended and been forgotten elsewhere', () => {
  // It may have been validated in the epoch of its timestamp, by a clock AHEAD_EPOCHS behind.
  const last = EPOCH - AHEAD_EPOCHS + RETENTION_EPOCHS - AHEAD_EPOCHS;
  const bench = knowing(PENDING);
  bench.advance(last);
  assert.deepEqual(ask(bench, SUBMIT, 'ben'), { outcome: Outcome.TAKEN, status: UNSPECIFIED, fromStore: 0 });
  bench.advance(last + 1);
  assert.equal(ask(bench, SUBMIT, 'ben'), 'the store is asked');
});

test('where every record is pending or promised, a new claim is refused and nothing is promised', () => {
  const bench = new SegmentBench({ tableCapacity: 4 });
  for (let entry = 0; entry < 5; entry += 1) bench.request(entry, SUBMIT, `c${entry}`, 'ann');
  assert.deepEqual(bench.serve(), { toStore: [0, 1, 2, 3], toIngress: [4], toCoordinator: [] });
  assert.deepEqual(bench.answer(4), { outcome: Outcome.UNAVAILABLE, status: UNSPECIFIED, fromStore: 0 });
  assert.equal(bench.memory.entries.reason[4], UnavailableReason.SEGMENT_FULL);
  assert.equal(bench.memory.entries.reserved[4], 0);
  bench.request(5, VALIDATE, 'c0', 'ann');
  assert.deepEqual(bench.serve().toStore, [5], 'what needs no record is served');
});

test('final states win over pending ones, in whatever order they are learned', () => {
  const bench = knowing(VALIDATED, EPOCH + 1);
  bench.request(1, GET, 'chest', 'ann');
  bench.serve();
  // A page of a scan, or a get, that was read before the validation.
  bench.learn(1, { outcome: Outcome.FOUND, status: PENDING, timestampMs: START_MS, endEpoch: EXPIRES_AT });
  bench.serve();
  assert.deepEqual(ask(bench, VALIDATE, 'ann'), {
    outcome: Outcome.REPLAYED,
    status: VALIDATED,
    fromStore: 0,
  });
  assert.equal(bench.table.pendingCount, 0);
});

test('the later life of an id that was used again is what it knows', () => {
  const bench = knowing(PENDING);
  bench.request(1, GET, 'chest', 'ben');
  bench.serve();
  const later = { timestampMs: START_MS + 60_000, endEpoch: EXPIRES_AT + 60 };
  bench.learn(1, { outcome: Outcome.FOUND, status: PENDING, playerId: 'ben', ...later });
  bench.serve();
  assert.deepEqual([bench.table.liveCount, bench.table.pendingCount], [1, 1]);
  assert.deepEqual(ask(bench, SUBMIT, 'ann'), { outcome: Outcome.TAKEN, status: UNSPECIFIED, fromStore: 0 });
});

test('what is past retention when it is learned is not remembered', () => {
  const bench = new SegmentBench();
  bench.request(0, GET, 'chest', 'ann');
  bench.serve();
  const endEpoch = EPOCH - RETENTION_EPOCHS - 1;
  bench.learn(0, { outcome: Outcome.FOUND, status: VALIDATED, timestampMs: START_MS, endEpoch });
  bench.serve();
  assert.equal(bench.table.liveCount, 0);
});

test('claims past retention are cleared away as others are learned', () => {
  const bench = new SegmentBench();
  for (let entry = 0; entry < 6; entry += 1) bench.request(entry, SUBMIT, `old${entry}`, 'ann');
  bench.serve();
  for (let entry = 0; entry < 6; entry += 1) {
    bench.learn(entry, { outcome: Outcome.ACCEPTED, status: EXPIRED, endEpoch: EPOCH });
  }
  bench.serve();
  bench.advance(EPOCH + RETENTION_EPOCHS + 1);
  for (const [entry, left] of [
    [10, 5],
    [11, 4],
    [12, 3],
  ]) {
    bench.request(entry, SUBMIT, `new${entry}`, 'ann', START_MS + 6_000);
    bench.serve();
    bench.learn(entry, { outcome: Outcome.ACCEPTED, status: PENDING });
    bench.serve();
    assert.equal(bench.table.liveCount, left, 'two go, one comes');
  }
});

test('an epoch is entered and its entry returned to the coordinator', () => {
  const bench = new SegmentBench();
  const { toCoordinator } = bench.advance(EPOCH + 3);
  assert.deepEqual(toCoordinator, [bench.memory.firstCoordinatorEntry]);
  assert.equal(bench.table.epoch, EPOCH + 3);
  assert.equal(bench.memory.entries.step[toCoordinator[0]], EntryStep.RETURNED);
});

test('an expiry entry carries one overdue claim after the other to the store, then goes home', () => {
  const bench = new SegmentBench();
  for (const entry of [0, 1]) {
    bench.request(entry, SUBMIT, `c${entry}`, 'ann');
    bench.serve();
    bench.learn(entry, { outcome: Outcome.ACCEPTED, status: PENDING });
  }
  bench.serve();
  bench.advance(EXPIRES_AT);
  const expiry = bench.sendExpiry();
  const { entries } = bench.memory;
  for (const claimId of ['c0', 'c1']) {
    assert.deepEqual(bench.serve(), { toStore: [expiry], toIngress: [], toCoordinator: [] });
    assert.equal(entries.operation[expiry], ClaimOperation.EXPIRE);
    assert.deepEqual([entries.claimId(expiry), entries.playerId(expiry)], [claimId, 'ann']);
    assert.equal(entries.segment[expiry], SEGMENT);
    bench.learn(expiry, { outcome: Outcome.EXPIRED, status: EXPIRED });
  }
  assert.deepEqual(bench.serve(), { toStore: [], toIngress: [], toCoordinator: [expiry] });
  assert.deepEqual([bench.table.pendingCount, bench.table.liveCount], [0, 2]);
  bench.sendExpiry();
  assert.deepEqual(bench.serve().toCoordinator, [expiry], 'nothing is overdue any more');
});

test('what became of an overdue claim elsewhere is learned from its expiry', () => {
  const bench = knowing(PENDING);
  bench.advance(EXPIRES_AT);
  const expiry = bench.sendExpiry();
  bench.serve();
  bench.learn(expiry, { outcome: Outcome.EXPIRED, status: VALIDATED, endEpoch: EPOCH + 1 });
  bench.serve();
  assert.deepEqual(ask(bench, VALIDATE, 'ann'), {
    outcome: Outcome.REPLAYED,
    status: VALIDATED,
    fromStore: 0,
  });
  assert.equal(bench.table.pendingCount, 0);
});

test('an overdue claim that the store does not have any more is forgotten', () => {
  const bench = knowing(PENDING);
  bench.advance(EXPIRES_AT);
  const expiry = bench.sendExpiry();
  bench.serve();
  bench.learn(expiry, { outcome: Outcome.NOT_FOUND, status: UNSPECIFIED });
  assert.deepEqual(bench.serve().toCoordinator, [expiry]);
  assert.equal(bench.table.liveCount, 0);
});

test('an overdue claim that the store did not confirm waits for the next epoch', () => {
  const bench = knowing(PENDING);
  bench.advance(EXPIRES_AT);
  const expiry = bench.sendExpiry();
  bench.serve();
  bench.learn(expiry, { outcome: Outcome.UNAVAILABLE, status: UNSPECIFIED });
  assert.deepEqual(bench.serve(), { toStore: [], toIngress: [], toCoordinator: [expiry] });
  assert.equal(bench.table.pendingCount, 1);
  bench.advance(EXPIRES_AT + 1);
  bench.sendExpiry();
  assert.deepEqual(bench.serve().toStore, [expiry]);
});

test('a returned entry on a segment’s queue is an assertion', () => {
  const bench = new SegmentBench();
  bench.memory.entries.step[3] = EntryStep.RETURNED;
  bench.push(3);
  assert.throws(() => bench.serve(), { name: 'AssertionFailure' });
});

test('a run is served in the order of its arrival', () => {
  const bench = new SegmentBench();
  const order = [5, 2, 9, 0, 7];
  for (const entry of order) bench.request(entry, VALIDATE, `c${entry}`, 'ann');
  assert.deepEqual(bench.serve().toStore, order);
});
