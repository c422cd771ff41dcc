/** What a SQLite registry promises beyond the contract: its clock's edge, its columns, its bounds. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { SteppedClock } from '../../../src/clock/stepped-clock.ts';
import { ClaimOperation, Outcome } from '../../../src/domain/claim.ts';
import { ClockAhead, StoreUnavailable } from '../../../src/domain/errors.ts';
import { EntryTable } from '../../../src/entries/entry-table.ts';
import { SUMMARY_HISTORY_EPOCHS } from '../../../src/limits.ts';
import { SqliteRegistry } from '../../../src/store/sqlite/registry.ts';
import { fill, read } from '../../support/entries.ts';
import { SETTINGS } from '../registry-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'sqlite-registry-'));
after(() => rmSync(folder, { recursive: true }));

const BASE = 1_700_000_000;
const { epochLengthMs, retentionEpochs } = SETTINGS;

interface Opened {
  readonly registry: SqliteRegistry;
  readonly entries: EntryTable;
  readonly clock: SteppedClock;
}

function open(path: string, maxBytes = 0, maxClockSkewMs = 0): Opened {
  const entries = EntryTable.allocate(1_000);
  const clock = new SteppedClock(BASE * epochLengthMs);
  const options = { path, settings: SETTINGS, maxClockSkewMs, maxBytes, clock, entries };
  return { registry: new SqliteRegistry(options), entries, clock };
}

/** Submits claims named `${prefix}${i}` in the clock's epoch, as one batch. */
function submit({ registry, entries, clock }: Opened, prefix: string, count: number): void {
  const timestampMs = clock.nowMs();
  const epoch = Math.floor(timestampMs / epochLengthMs);
  for (let i = 0; i < count; i += 1) {
    const claimId = `${prefix}${i}`.padEnd(64, '-');
    const operation = ClaimOperation.SUBMIT;
    fill(entries, i, { operation, claimId, playerId: 'p1', timestampMs, expiresAtEpoch: epoch + 2 });
  }
  registry.commit({ entries: Int32Array.from({ length: count }, (_, i) => i), count, epoch });
}

test('an epoch may be as far ahead as the clock and its skew bear out, and no further', () => {
  const { registry, clock } = open(':memory:', 0, 2_500);
  assert.equal(registry.advanceEpoch(BASE + 2), BASE + 2);
  assert.throws(() => registry.advanceEpoch(BASE + 3), ClockAhead);
  clock.step(499);
  assert.throws(() => registry.advanceEpoch(BASE + 3), ClockAhead);
  clock.step(1);
  assert.equal(registry.advanceEpoch(BASE + 3), BASE + 3);
  registry.close();
});

test('a clock that stepped back stops no service in the epoch that was reached', () => {
  const opened = open(':memory:');
  const { registry, entries, clock } = opened;
  registry.advanceEpoch(BASE);
  submit(opened, 'c', 1);
  clock.setWall((BASE - 1_000) * epochLengthMs);
  fill(entries, 0, { operation: ClaimOperation.VALIDATE, claimId: 'c0'.padEnd(64, '-'), playerId: 'p1' });
  assert.equal(registry.commit({ entries: Int32Array.of(0), count: 1, epoch: BASE }), BASE);
  assert.equal(read(entries, 0).outcome, Outcome.ACCEPTED);
  registry.close();
});

test('the tables can be read in any SQLite shell', () => {
  const path = join(folder, 'legible.db');
  const { registry, entries } = open(path);
  const submitFields = {
    operation: ClaimOperation.SUBMIT,
    timestampMs: 1_700_000_000_001,
    expiresAtEpoch: BASE + 2,
  };
  fill(entries, 0, { ...submitFields, claimId: 'chest-1', playerId: 'zoë' });
  fill(entries, 1, { ...submitFields, claimId: 'chest-2', playerId: 'bob' });
  fill(entries, 2, { operation: ClaimOperation.VALIDATE, claimId: 'chest-1', playerId: 'zoë' });
  fill(entries, 3, { ...submitFields, claimId: 'chest-3', playerId: 'bob', expiresAtEpoch: BASE });
  registry.commit({ entries: Int32Array.of(0, 1, 2, 3), count: 4, epoch: BASE });
  registry.close();
  const db = new DatabaseSync(path);
  const rows = db.prepare('SELECT claim_id, player_id, status, timestamp_ms, end_epoch FROM claims').all();
  assert.deepEqual(
    rows.map((row) => Object.values(row)),
    [
      ['chest-1', 'zoë', 'V', 1_700_000_000_001, BASE],
      ['chest-2', 'bob', 'P', 1_700_000_000_001, BASE + 2],
      ['chest-3', 'bob', 'X', 1_700_000_000_001, BASE],
    ],
  );
  db.close();
});

test('a full database: StoreUnavailable, no entry is written to; then there is room again', () => {
  const path = join(folder, 'full.db');
  const maxBytes = 400_000;
  const opened = open(path, maxBytes);
  const { registry, entries, clock } = opened;
  let batches = 0;
  assert.throws(() => {
    for (; batches < 100; batches += 1) submit(opened, `full-${batches}-`, 100);
  }, StoreUnavailable);
  assert.ok(batches > 5, 'some batches fit');
  assert.equal(read(entries, 0).outcome, Outcome.UNSPECIFIED);
  assert.equal(read(entries, 0).fromStore, 0);

  fill(entries, 0, { operation: ClaimOperation.GET, claimId: 'full-0-0'.padEnd(64, '-') });
  fill(entries, 1, { operation: ClaimOperation.GET, claimId: `full-${batches}-0`.padEnd(64, '-') });
  registry.commit({ entries: Int32Array.of(0, 1), count: 2, epoch: BASE });
  assert.equal(read(entries, 0).outcome, Outcome.FOUND, 'what was confirmed is there');
  assert.equal(read(entries, 1).outcome, Outcome.NOT_FOUND, 'what was not is not');

  clock.step((2 + retentionEpochs + 1) * epochLengthMs);
  registry.advanceEpoch(BASE + 2 + retentionEpochs + 1);
  while (registry.reclaim(100) > 0);
  submit(opened, 'again-', 100);
  assert.equal(read(entries, 99).outcome, Outcome.ACCEPTED);
  const counted = registry.epochCounts(BASE, BASE + 2);
  assert.deepEqual([counted[0].submitted, counted[2].expired], [batches * 100, batches * 100]);
  registry.close();
  assert.ok(statSync(path).size <= maxBytes);
});

test('a transaction that fails at its very end: no entry is written to, and the next one works', () => {
  const path = join(folder, 'failing.db');
  const opened = open(path);
  const { registry, entries } = opened;
  const db = new DatabaseSync(path);
  db.exec(`
    CREATE TABLE parent (id INTEGER PRIMARY KEY);
    CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER fail_at_commit AFTER INSERT ON claims BEGIN INSERT INTO child VALUES (1); END`);
  assert.throws(() => submit(opened, 'c', 1), new StoreUnavailable('SQLite: FOREIGN KEY constraint failed'));
  assert.equal(read(entries, 0).fromStore, 0);
  db.exec('DROP TRIGGER fail_at_commit');
  db.close();
  submit(opened, 'c', 1);
  assert.equal(read(entries, 0).outcome, Outcome.ACCEPTED);
  registry.close();
});

test('reclaiming drops summaries that are no longer told, a bounded number at a time', () => {
  const path = join(folder, 'summaries.db');
  const opened = open(path);
  const { registry, clock } = opened;
  for (let i = 0; i < 20; i += 1) {
    submit(opened, `c${i}-`, 1);
    clock.step(epochLengthMs);
  }
  clock.step(SUMMARY_HISTORY_EPOCHS * epochLengthMs);
  registry.advanceEpoch(BASE + SUMMARY_HISTORY_EPOCHS + 10);
  const rows = () => {
    const db = new DatabaseSync(path, { readOnly: true });
    const epochs = db.prepare('SELECT epoch FROM epochs ORDER BY epoch').all();
    db.close();
    return epochs.map((row) => Object.values(row)[0]);
  };
  assert.equal(rows().length, 22);
  registry.reclaim(4);
  assert.equal(rows().length, 18);
  for (let i = 0; i < 10; i += 1) registry.reclaim(4);
  // The one before the oldest that is told stays, for what was pending at its end.
  assert.equal(rows()[0], BASE + 9);
  const [oldest] = registry.epochCounts(BASE + 10, BASE + 10);
  assert.deepEqual(oldest, { epoch: BASE + 10, submitted: 1, validated: 0, expired: 1, pending: 2 });
  registry.close();
});
