/**
 * The registry's epochs in SQLite: the highest one, and the counts of each.
 *
 * What expires in an epoch is known before it comes: `due` counts the claims still pending whose
 * expiry epoch it is, up with a submit, down with a validation. So at a boundary `due` becomes
 * `expired` without a look at any claim, and the counts of a complete epoch are final.
 *
 *     pending(E) = pending(E − 1) + submitted(E) − validated(E) − expired(E)
 *
 * Only epochs with activity have a row; a gap, however long, costs nothing. All methods run within
 * the caller's transaction.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { assert } from '../../domain/assert.ts';
import { EpochOutOfRange } from '../../domain/errors.ts';
import { SUMMARY_HISTORY_EPOCHS } from '../../limits.ts';
import type { EpochCounts } from '../store.ts';
import { scalar } from './database.ts';

/** What one batch changes in the counts, gathered so that it costs a few statements, not one per claim. */
export class CountChanges {
  submitted = 0;
  validated = 0;
  expired = 0;
  /** Change of `due`, by expiry epoch. */
  readonly due = new Map<number, number>();

  addPending(expiryEpoch: number): void {
    this.submitted += 1;
    this.due.set(expiryEpoch, (this.due.get(expiryEpoch) ?? 0) + 1);
  }

  addExpired(): void {
    this.submitted += 1;
    this.expired += 1;
  }

  addValidated(expiryEpoch: number): void {
    this.validated += 1;
    this.due.set(expiryEpoch, (this.due.get(expiryEpoch) ?? 0) - 1);
  }

  clear(): void {
    this.submitted = 0;
    this.validated = 0;
    this.expired = 0;
    this.due.clear();
  }
}

/** Claims pending at the end of the last epoch before ?1 that has a row. */
const PENDING_BEFORE = 'SELECT pending FROM epochs WHERE epoch < ?1 ORDER BY epoch DESC LIMIT 1';

const ADD_COUNTS = `
  INSERT INTO epochs (epoch, submitted, validated, expired, pending)
  VALUES (?1, ?2, ?3, ?4, coalesce((${PENDING_BEFORE}), 0) + ?2 - ?3 - ?4)
  ON CONFLICT (epoch) DO UPDATE SET
    submitted = submitted + ?2, validated = validated + ?3, expired = expired + ?4,
    pending = pending + ?2 - ?3 - ?4`;

const ADD_DUE = `
  INSERT INTO epochs (epoch, due) VALUES (?1, ?2)
  ON CONFLICT (epoch) DO UPDATE SET due = due + ?2`;

/** Begins the epochs ?1 to ?2. */
const BEGIN_EPOCHS = `
  UPDATE epochs SET expired = begun.due, pending = begun.pending
  FROM (
    SELECT epoch, due, coalesce((${PENDING_BEFORE}), 0) - sum(due) OVER (ORDER BY epoch) AS pending
    FROM epochs WHERE epoch BETWEEN ?1 AND ?2
  ) AS begun
  WHERE epochs.epoch = begun.epoch`;

const SELECT_COUNTS = `
  SELECT epoch, submitted, validated, expired, pending
  FROM epochs WHERE epoch BETWEEN ?1 AND ?2 ORDER BY epoch`;

/** The newest row of those too old to tell stays: it carries `pending` into the ones that are told. */
const DROP_BEFORE = `
  DELETE FROM epochs WHERE epoch IN (
    SELECT epoch FROM epochs
    WHERE epoch < (SELECT max(epoch) FROM epochs WHERE epoch < ?1) ORDER BY epoch LIMIT ?2
  )`;

export class SqliteEpochs {
  readonly #selectHighest: StatementSync;
  readonly #updateHighest: StatementSync;
  readonly #beginEpochs: StatementSync;
  readonly #addCounts: StatementSync;
  readonly #addDue: StatementSync;
  readonly #selectCounts: StatementSync;
  readonly #pendingBefore: StatementSync;
  readonly #dropBefore: StatementSync;

  constructor(db: DatabaseSync) {
    this.#selectHighest = db.prepare('SELECT epoch FROM highest_epoch');
    this.#updateHighest = db.prepare('UPDATE highest_epoch SET epoch = ?');
    this.#beginEpochs = db.prepare(BEGIN_EPOCHS);
    this.#addCounts = db.prepare(ADD_COUNTS);
    this.#addDue = db.prepare(ADD_DUE);
    this.#selectCounts = db.prepare(SELECT_COUNTS);
    this.#pendingBefore = db.prepare(PENDING_BEFORE);
    this.#dropBefore = db.prepare(DROP_BEFORE);
  }

  highest(): number {
    const highest = scalar(this.#selectHighest);
    assert(highest !== null, 'a registry has a highest epoch');
    return highest;
  }

  /** Passes every boundary from the highest epoch to `epoch`, which is later. */
  pass(highest: number, epoch: number): void {
    this.#beginEpochs.run(highest + 1, epoch);
    this.#updateHighest.run(epoch);
  }

  /** Adds a batch's changes; `epoch` is the highest one. */
  add(epoch: number, changes: CountChanges): void {
    const { submitted, validated, expired, due } = changes;
    if (submitted + validated > 0) this.#addCounts.run(epoch, submitted, validated, expired);
    for (const [expiryEpoch, change] of due) {
      if (change !== 0) this.#addDue.run(expiryEpoch, change);
    }
  }

  /** @throws EpochOutOfRange where one of `from` to `to` is not complete or no longer told. */
  counts(from: number, to: number): EpochCounts[] {
    const highest = this.highest();
    const oldest = oldestTold(highest);
    if (to >= highest) {
      throw new EpochOutOfRange(`epoch ${to} is not complete: the registry is in epoch ${highest}`);
    }
    if (from < oldest) {
      throw new EpochOutOfRange(`epoch ${from} is no longer kept: the oldest is ${oldest}`);
    }
    const rows = this.#selectCounts.all(from, to) as unknown as EpochCounts[];
    return withoutGaps(from, to, rows, scalar(this.#pendingBefore, from) ?? 0);
  }

  /** Drops at most `limit` rows of epochs that are no longer told. */
  dropOld(limit: number): void {
    this.#dropBefore.run(oldestTold(this.highest()), limit);
  }
}

function oldestTold(highest: number): number {
  return Math.max(0, highest - SUMMARY_HISTORY_EPOCHS);
}

/** Epochs without a row had no activity: zeros, and as many pending as before. */
function withoutGaps(from: number, to: number, rows: EpochCounts[], pendingBefore: number): EpochCounts[] {
  const counts: EpochCounts[] = [];
  let pending = pendingBefore;
  let row = 0;
  for (let epoch = from; epoch <= to; epoch += 1) {
    if (rows[row]?.epoch === epoch) {
      pending = rows[row].pending;
      counts.push({ ...rows[row] });
      row += 1;
    } else {
      counts.push({ epoch, submitted: 0, validated: 0, expired: 0, pending });
    }
  }
  return counts;
}
