/** The claim table's promises one by one; test/registry/claim-table-model puts them together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimStatus, type PartitionMode } from '../../src/domain/claim.ts';
import { EntryTable } from '../../src/entries/entry-table.ts';
import { ClaimTable, NO_RECORD } from '../../src/registry/claim-table.ts';
import { tableBytes } from '../../src/registry/table-layout.ts';

const { PENDING, VALIDATED, EXPIRED } = ClaimStatus;
const EPOCH = 170_000_000;
const WHEEL_SLOTS = 8;

class Part {
  readonly entries = EntryTable.allocate(1);
  readonly table: ClaimTable;

  /** @param records a power of two. */
  constructor(records: number, mode: PartitionMode = 'claim') {
    const shape = { segments: 1, records, buckets: 2 * records, wheelSlots: WHEEL_SLOTS };
    this.table = new ClaimTable(new SharedArrayBuffer(tableBytes(shape)), shape, 0, mode);
    this.table.reset(EPOCH, 0);
  }

  insert(claimId: string, status: ClaimStatus, endEpoch: number, playerId = 'ann'): number {
    this.#fill(claimId, playerId);
    this.entries.endEpoch[0] = endEpoch;
    return this.table.insert(this.entries, 0, status);
  }

  find(claimId: string, playerId = 'ann'): number {
    this.#fill(claimId, playerId);
    return this.table.find(this.entries, 0);
  }

  /** Every id has the same hash: nothing but the ids themselves tells them apart. */
  #fill(claimId: string, playerId: string): void {
    this.entries.setClaimId(0, claimId);
    this.entries.setPlayerId(0, playerId);
    this.entries.hash[0] = 7;
  }

  takeAllOverdue(): number[] {
    const taken: number[] = [];
    for (let record = this.table.takeOverdue(); record !== NO_RECORD; record = this.table.takeOverdue()) {
      taken.push(record);
    }
    return taken;
  }
}

test('ids that differ in their last byte or in their length alone are different claims', () => {
  const part = new Part(8);
  const ids = ['a'.repeat(64), `${'a'.repeat(63)}b`, 'a'.repeat(63), 'a', 'b', 'aa'];
  const records = ids.map((id) => part.insert(id, PENDING, EPOCH + 1));
  assert.deepEqual(
    ids.map((id) => part.find(id)),
    records,
  );
  assert.equal(new Set(records).size, ids.length);
  assert.equal(part.find('aaa'), NO_RECORD);
});

test('in claim mode a claim is found whoever asks; isPlayer tells whose it is', () => {
  const part = new Part(4);
  const record = part.insert('chest', PENDING, EPOCH + 1, 'ann');
  for (const player of ['ann', 'anna', 'an', 'bnn']) {
    assert.equal(part.find('chest', player), record);
    assert.equal(part.table.isPlayer(record, part.entries, 0), player === 'ann', player);
  }
});

test('in player mode every player has a claim of the same id', () => {
  const part = new Part(4, 'player');
  const ann = part.insert('chest', PENDING, EPOCH + 1, 'ann');
  assert.equal(part.find('chest', 'anna'), NO_RECORD);
  const anna = part.insert('chest', VALIDATED, EPOCH, 'anna');
  assert.equal(part.find('chest', 'ann'), ann);
  assert.equal(part.find('chest', 'anna'), anna);
  assert.deepEqual([part.table.status[ann], part.table.status[anna]], [PENDING, VALIDATED]);
});

test('a full table drops the claim that became final first, whatever its end, and no pending one', () => {
  const part = new Part(4);
  for (const id of ['pending', 'another']) part.insert(id, PENDING, EPOCH + 1);
  part.insert('first', EXPIRED, EPOCH);
  const second = part.insert('second', VALIDATED, EPOCH - 5);
  assert.notEqual(part.insert('third', PENDING, EPOCH + 1), NO_RECORD);
  assert.deepEqual(
    ['pending', 'another', 'first', 'second', 'third'].map((id) => part.find(id) !== NO_RECORD),
    [true, true, false, true, true],
  );
  assert.equal(part.table.oldestFinal(), second);
  assert.notEqual(part.insert('fourth', PENDING, EPOCH + 1), NO_RECORD);
  assert.equal(part.insert('fifth', PENDING, EPOCH + 1), NO_RECORD, 'all are pending now');
  assert.equal(part.insert('sixth', VALIDATED, EPOCH), NO_RECORD);
  assert.equal(part.table.liveCount, 4);
  assert.notEqual(part.find('pending'), NO_RECORD);
});

test('records can be promised until pending and promised ones are as many as there are', () => {
  const part = new Part(4);
  for (const id of ['pending', 'another']) part.insert(id, PENDING, EPOCH + 1);
  for (const id of ['final', 'old']) part.insert(id, VALIDATED, EPOCH);
  assert.equal(part.table.reserve(), true);
  assert.equal(part.table.reserve(), true, 'final claims make room');
  assert.equal(part.table.reserve(), false);
  part.table.unreserve();
  assert.equal(part.table.reservedCount, 1);
  assert.equal(part.table.reserve(), true);
});

test('a promise that was kept twice is an assertion', () => {
  const part = new Part(2);
  part.table.reserve();
  part.table.unreserve();
  assert.throws(() => part.table.unreserve(), { name: 'AssertionFailure' });
});

test('a pending claim is overdue in its expiry epoch, not before, and comes once', () => {
  const part = new Part(4);
  const record = part.insert('chest', PENDING, EPOCH + 2);
  part.table.advance(EPOCH + 1);
  assert.equal(part.table.takeOverdue(), NO_RECORD);
  part.table.advance(EPOCH + 2);
  assert.equal(part.table.takeOverdue(), record);
  assert.equal(part.table.status[record], PENDING, 'until the store has said what became of it');
  assert.equal(part.table.takeOverdue(), NO_RECORD);
});

test('a claim that comes when it is overdue already is found at once', () => {
  const part = new Part(4);
  const records = [part.insert('now', PENDING, EPOCH), part.insert('long ago', PENDING, EPOCH - 100)];
  assert.deepEqual(part.takeAllOverdue(), records);
});

test('overdue claims come in the order of their epochs, also when many epochs end at once', () => {
  const part = new Part(8);
  const late = part.insert('late', PENDING, EPOCH + 5);
  const soon = part.insert('soon', PENDING, EPOCH + 1);
  const later = part.insert('later', PENDING, EPOCH + 6);
  part.table.advance(EPOCH + 1_000 * WHEEL_SLOTS);
  assert.deepEqual(part.takeAllOverdue(), [soon, late, later]);

  const again = new Part(8);
  const [third, first, second] = [3, 1, 2].map((by) => again.insert(`${by}`, PENDING, EPOCH + by));
  again.table.advance(EPOCH + 3);
  assert.deepEqual(again.takeAllOverdue(), [first, second, third]);
});

test('a claim that ends a turn of the wheel later than its neighbours is not overdue with them', () => {
  const part = new Part(4);
  const soon = part.insert('soon', PENDING, EPOCH + 1);
  const far = part.insert('far', PENDING, EPOCH + 1 + 2 * WHEEL_SLOTS);
  part.table.advance(EPOCH + 1);
  assert.deepEqual(part.takeAllOverdue(), [soon]);
  for (let by = 2; by <= 2 * WHEEL_SLOTS; by += 1) {
    part.table.advance(EPOCH + by);
    assert.deepEqual(part.takeAllOverdue(), [], `${by} epochs later`);
  }
  part.table.advance(EPOCH + 1 + 2 * WHEEL_SLOTS);
  assert.deepEqual(part.takeAllOverdue(), [far]);
});

test('what was validated or expired meanwhile is not overdue; what was postponed is, again', () => {
  const part = new Part(4);
  const [validated, expired, postponed] = ['v', 'e', 'p'].map((id) => part.insert(id, PENDING, EPOCH + 1));
  part.table.setStatus(validated, VALIDATED, EPOCH);
  part.table.advance(EPOCH + 1);
  assert.deepEqual(part.takeAllOverdue(), [expired, postponed]);
  part.table.setStatus(expired, EXPIRED, EPOCH + 1);
  part.table.postpone(postponed);
  part.table.advance(EPOCH + 2);
  assert.deepEqual(part.takeAllOverdue(), [postponed]);
  assert.equal(part.table.pendingCount, 1);
});

test('the epoch never goes back', () => {
  const part = new Part(2);
  part.table.advance(EPOCH + 5);
  part.table.advance(EPOCH + 3);
  assert.equal(part.table.epoch, EPOCH + 5);
});

test('an id that is used again has its new player and times, and is found as before', () => {
  const part = new Part(2);
  const record = part.insert('chest', VALIDATED, EPOCH - 100, 'ann');
  part.find('chest', 'benjamin');
  part.entries.timestampMs[0] = 1_700_000_000_001;
  part.entries.endEpoch[0] = EPOCH + 2;
  part.table.overwrite(record, part.entries, 0, PENDING);
  assert.equal(part.find('chest', 'benjamin'), record);
  assert.equal(part.table.isPlayer(record, part.entries, 0), true);
  assert.equal(part.table.timestampMs[record], 1_700_000_000_001);
  assert.equal(part.table.pendingCount, 1);
  assert.equal(part.table.oldestFinal(), NO_RECORD);
  part.table.advance(EPOCH + 2);
  assert.equal(part.table.takeOverdue(), record);
});

test('reset forgets every claim, keeps promises, and leaves all records free', () => {
  const part = new Part(4);
  for (const id of ['a', 'b', 'c', 'd']) part.insert(id, PENDING, EPOCH + 1);
  part.table.reset(EPOCH + 1, 3);
  assert.equal(part.find('a'), NO_RECORD);
  assert.equal(part.table.takeOverdue(), NO_RECORD);
  assert.deepEqual([part.table.liveCount, part.table.pendingCount, part.table.reservedCount], [0, 0, 3]);
  assert.equal(part.table.epoch, EPOCH + 1);
  assert.equal(part.table.reserve(), true);
  assert.equal(part.table.reserve(), false);
  const records = ['e', 'f', 'g', 'h'].map((id) => part.insert(id, PENDING, EPOCH + 2));
  assert.equal(new Set(records).size, 4);
});
