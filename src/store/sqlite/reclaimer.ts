/**
 * Deletes claims past retention, a bounded number of rows at a time.
 *
 * Rows lie in the order of their submits, and claims end in nearly that order: a validation window
 * and the clocks' skew apart. So the oldest rows are looked at first, and whatever they hide is
 * found when they are past themselves. That would take long behind claims submitted with a time
 * far ahead, so a patrol goes round the whole table as well, a stretch with each call.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { scalar } from './database.ts';

/** Rows looked at in one stretch, for each that may be deleted: 0.03 µs a row, beside 1 to 10 for a deletion. */
const LOOKS_PER_DELETION = 8;

const FIRST_AFTER = 'SELECT min(id) FROM claims WHERE id > ?';
const DELETE_PAST = `
  DELETE FROM claims WHERE id IN (
    SELECT id FROM claims WHERE id BETWEEN ? AND ? AND end_epoch < ? ORDER BY id LIMIT ?
  )`;

/** Before the first row: ids are from 1. */
const START = 0;

export class SqliteReclaimer {
  readonly #firstAfter: StatementSync;
  readonly #deletePast: StatementSync;
  #patrolledTo = START;

  constructor(db: DatabaseSync) {
    this.#firstAfter = db.prepare(FIRST_AFTER);
    this.#deletePast = db.prepare(DELETE_PAST);
  }

  /** Deletes at most `limit` claims that ended before `oldestEnd`. Within the caller's transaction. */
  reclaim(limit: number, oldestEnd: number): number {
    const looks = limit * LOOKS_PER_DELETION;
    const oldest = scalar(this.#firstAfter, START);
    if (oldest === null) return 0;
    const deleted = this.#deleteIn(oldest, looks, oldestEnd, limit);
    return deleted === limit ? limit : deleted + this.#patrol(looks, oldestEnd, limit - deleted);
  }

  #patrol(looks: number, oldestEnd: number, limit: number): number {
    const first = scalar(this.#firstAfter, this.#patrolledTo);
    if (first === null) {
      this.#patrolledTo = START;
      return 0;
    }
    const deleted = this.#deleteIn(first, looks, oldestEnd, limit);
    // A stretch that may have more to delete is looked at again.
    if (deleted < limit) this.#patrolledTo = first + looks - 1;
    return deleted;
  }

  /** Among the ids of a stretch: some may be gone, so these are `looks` rows at most. */
  #deleteIn(first: number, looks: number, oldestEnd: number, limit: number): number {
    return Number(this.#deletePast.run(first, first + looks - 1, oldestEnd, limit).changes);
  }
}
