/**
 * What a segment takes of claims that others admitted, as pages of a scan and calls of this replica
 * bring them: facts to answer from while there is room, never the room of its own and new claims.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClaimOperation, ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import { EntryStep } from '../../src/entries/entry-table.ts';
import { expiryEntries } from '../../src/limits.ts';
import { StatePartitioner } from '../../src/partitioner/partitioner.ts';
import { EPOCH, SegmentBench, START_MS } from './segment-bench.ts';

const { SUBMIT, GET } = ClaimOperation;
const { PENDING, VALIDATED } = ClaimStatus;
const RECORDS = 64;
/** Kept for new claims: an eighth. */
const KEPT = 8;
const EXPIRES_AT = EPOCH + 2;

interface Learned {
  readonly claimId: string;
  readonly status: ClaimStatus;
  readonly endEpoch?: number;
  readonly playerId?: string;
  readonly timestampMs?: number;
}

class Bench extends SegmentBench {
  readonly #hashes = new StatePartitioner(1, 'claim');

  constructor() {
    super({ tableCapacity: RECORDS, ingressEntries: 2 * RECORDS });
  }

  /** Has the segment learn a claim as a page of a scan brings it. */
  page({ claimId, status, endEpoch = EXPIRES_AT, playerId = 'p', timestampMs = START_MS }: Learned): void {
    const { entries, firstCoordinatorEntry, segments } = this.memory;
    const entry = firstCoordinatorEntry + segments + expiryEntries(segments);
    entries.setClaimId(entry, claimId);
    entries.setPlayerId(entry, playerId);
    entries.timestampMs[entry] = timestampMs;
    entries.endEpoch[entry] = endEpoch;
    entries.status[entry] = status;
    entries.outcome[entry] = Outcome.FOUND;
    entries.operation[entry] = GET;
    entries.step[entry] = EntryStep.LEARN;
    this.#hashes.assign(entries, entry);
    this.push(entry);
    this.serve();
  }

  /** Has the segment admit a new claim and learn that the store accepted it. @returns whether it did. */
  submit(claimId: string, status: ClaimStatus = PENDING): boolean {
    this.request(0, SUBMIT, claimId, 'p');
    if (this.serve().toStore.length === 0) return false;
    this.learn(0, { outcome: Outcome.ACCEPTED, status });
    this.serve();
    return true;
  }

  submitMany(prefix: string, count: number, status: ClaimStatus = PENDING): void {
    for (let i = 0; i < count; i += 1) assert.ok(this.submit(`${prefix}${i}`, status), `${prefix}${i}`);
  }

  /** Whether the table has the claim: it then answers another player's submit by itself. */
  knows(claimId: string): boolean {
    this.request(1, SUBMIT, claimId, 'somebody else');
    const { toStore } = this.serve();
    if (toStore.length === 0) return true;
    this.learn(1, { outcome: Outcome.UNAVAILABLE, status: ClaimStatus.UNSPECIFIED });
    this.serve();
    return false;
  }
}

describe('claims of a page', () => {
  test('pending ones leave an eighth of the records to new claims', () => {
    const bench = new Bench();
    for (let i = 0; i < 2 * RECORDS; i += 1) bench.page({ claimId: `other${i}`, status: PENDING });
    assert.equal(bench.table.pendingCount, RECORDS - KEPT);
    bench.submitMany('new', KEPT);
    assert.equal(bench.submit('one more'), false, 'full is full');
    assert.equal(bench.table.pendingCount, RECORDS);
  });

  test('records promised to claims on their way count as taken', () => {
    const bench = new Bench();
    for (let i = 0; i < RECORDS - KEPT; i += 1) bench.request(i, SUBMIT, `new${i}`, 'p');
    assert.equal(bench.serve().toStore.length, RECORDS - KEPT);
    bench.page({ claimId: 'other', status: PENDING });
    assert.equal(bench.table.liveCount, 0);
  });

  test('final ones take free records, and drop nothing', () => {
    const bench = new Bench();
    bench.submitMany('own', RECORDS - 2, VALIDATED);
    for (let i = 0; i < 10; i += 1) bench.page({ claimId: `other${i}`, status: VALIDATED });
    assert.equal(bench.table.liveCount, RECORDS);
    assert.ok(bench.knows('own0') && bench.knows('other0') && bench.knows('other1'));
    assert.ok(!bench.knows('other2'));
  });

  test('pending ones take the records of final ones, for they are to expire', () => {
    const bench = new Bench();
    bench.submitMany('own', RECORDS, VALIDATED);
    bench.page({ claimId: 'overdue', status: PENDING });
    assert.ok(bench.knows('overdue'));
    assert.ok(!bench.knows('own0'), 'the oldest');
  });

  test('a claim that is there learns its end, however full the table is', () => {
    const bench = new Bench();
    bench.submitMany('own', RECORDS);
    bench.page({ claimId: 'own7', status: VALIDATED, endEpoch: EPOCH });
    assert.equal(bench.table.pendingCount, RECORDS - 1);
    assert.ok(bench.submit('one more'), 'and makes room');
  });

  test('a later life of an id takes no room that is kept either', () => {
    const later = { status: PENDING, endEpoch: EXPIRES_AT + 1, playerId: 'ben', timestampMs: START_MS + 1 };
    for (const pending of [RECORDS - KEPT - 2, RECORDS - KEPT]) {
      const bench = new Bench();
      bench.submit('chest', VALIDATED);
      bench.submitMany('own', pending);
      bench.page({ claimId: 'chest', ...later });
      assert.equal(bench.table.pendingCount, Math.min(pending + 1, RECORDS - KEPT));
    }
  });
});

describe('claims of others that calls bring', () => {
  test('pending ones leave an eighth of the records too', () => {
    const bench = new Bench();
    bench.submitMany('own', RECORDS - KEPT);
    bench.request(1, GET, 'other', 'p');
    bench.serve();
    bench.learn(1, { outcome: Outcome.FOUND, status: PENDING, endEpoch: EXPIRES_AT });
    bench.serve();
    assert.ok(!bench.knows('other'));
  });

  test('final ones take the record of the oldest: somebody asks for them', () => {
    const bench = new Bench();
    bench.submitMany('own', RECORDS, VALIDATED);
    bench.request(1, GET, 'other', 'p');
    bench.serve();
    bench.learn(1, { outcome: Outcome.FOUND, status: VALIDATED, endEpoch: EPOCH });
    bench.serve();
    assert.ok(bench.knows('other'));
    assert.ok(!bench.knows('own0'));
  });
});
