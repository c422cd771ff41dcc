/**
 * The claims of a registry in SQLite: one row each, found by identity through an index, and paged
 * by row id, which grows with every new claim. Values are as stored; what they mean in an epoch is
 * for domain/rules. All methods run within the caller's transaction.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { ClaimStatus, PartitionMode } from '../../domain/claim.ts';
import type { StoredClaim } from '../store.ts';

/** By ClaimStatus: a letter that can be read in any SQLite shell. */
const LETTERS = ['', 'P', 'V', 'X'];

/** A claim and the id of its row. */
export interface ClaimRow extends StoredClaim {
  readonly id: number;
}
/** The same as SQLite hands it over: an array costs less than an object of named columns. */
type Columns = [
  id: number,
  claimId: string,
  playerId: string,
  letter: string,
  timestampMs: number,
  endEpoch: number,
];

const NEW_CLAIM = '(claim_id, player_id, status, timestamp_ms, end_epoch) VALUES (?, ?, ?, ?, ?)';
const SELECT = 'SELECT id, claim_id, player_id, status, timestamp_ms, end_epoch FROM claims';

export class SqliteClaims {
  readonly #partition: PartitionMode;
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  readonly #replace: StatementSync;
  readonly #end: StatementSync;
  readonly #page: StatementSync;

  constructor(db: DatabaseSync, partition: PartitionMode) {
    const identity = partition === 'claim' ? 'claim_id = ?' : 'claim_id = ? AND player_id = ?';
    this.#partition = partition;
    this.#find = db.prepare(`${SELECT} WHERE ${identity}`);
    this.#insert = db.prepare(`INSERT INTO claims ${NEW_CLAIM} ON CONFLICT DO NOTHING`);
    this.#replace = db.prepare(`REPLACE INTO claims ${NEW_CLAIM}`);
    this.#end = db.prepare('UPDATE claims SET status = ?2, end_epoch = ?3 WHERE id = ?1');
    this.#page = db.prepare(`${SELECT} WHERE id > ? ORDER BY id LIMIT ?`);
    this.#find.setReturnArrays(true);
    this.#page.setReturnArrays(true);
  }

  /** The claim of that identity: in claim mode whoever its player is. */
  find(claimId: string, playerId: string): ClaimRow | undefined {
    const found = this.#partition === 'claim' ? this.#find.get(claimId) : this.#find.get(claimId, playerId);
    return found === undefined ? undefined : claimRow(found as unknown as Columns);
  }

  /** Adds a claim unless one of its identity is there; returns whether it was added. */
  insert(c: StoredClaim): boolean {
    const letter = LETTERS[c.status];
    return this.#insert.run(c.claimId, c.playerId, letter, c.timestampMs, c.endEpoch).changes === 1;
  }

  /** Adds a claim as the newest, in place of the one of its identity. */
  replace(c: StoredClaim): void {
    this.#replace.run(c.claimId, c.playerId, LETTERS[c.status], c.timestampMs, c.endEpoch);
  }

  /** Ends a pending claim: VALIDATED or EXPIRED. */
  end(id: number, status: ClaimStatus, endEpoch: number): void {
    this.#end.run(id, LETTERS[status], endEpoch);
  }

  /** At most `limit` claims after row id `after`, oldest first. */
  page(after: number, limit: number): ClaimRow[] {
    return (this.#page.all(after, limit) as unknown as Columns[]).map(claimRow);
  }
}

function claimRow([id, claimId, playerId, letter, timestampMs, endEpoch]: Columns): ClaimRow {
  return { id, claimId, playerId, status: LETTERS.indexOf(letter) as ClaimStatus, timestampMs, endEpoch };
}
