/**
 * A registry in a SQLite database: every promise of store.ts, synchronously. It runs in the store's
 * thread (thread.ts); several processes may have the same file open, so every transaction reads
 * the highest epoch anew and nothing that the database says is kept.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../clock/clock.ts';
import { assert } from '../../domain/assert.ts';
import { epochOf, isPastRetention, timestampMs } from '../../domain/epochs.ts';
import { ClockAhead } from '../../domain/errors.ts';
import type { EntryTable } from '../../entries/entry-table.ts';
import type { CommitBatch, EpochCounts, RegistrySettings, ScanCursor, ScanPage } from '../store.ts';
import { SqliteBatch } from './batch.ts';
import { SqliteClaims } from './claims.ts';
import { openDatabase, transaction } from './database.ts';
import { SqliteEpochs } from './epochs.ts';
import { SqliteReclaimer } from './reclaimer.ts';

export interface SqliteRegistryOptions {
  /** The database's file, or ':memory:'. */
  readonly path: string;
  readonly settings: RegistrySettings;
  /** How far a caller's epoch may be ahead of `clock`, milliseconds. */
  readonly maxClockSkewMs: number;
  /** Bound on the database file's size; 0: none. */
  readonly maxBytes: number;
  /** The store's own clock. */
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly entries: EntryTable;
}

export class SqliteRegistry {
  readonly #options: SqliteRegistryOptions;
  readonly #db: DatabaseSync;
  readonly #claims: SqliteClaims;
  readonly #epochs: SqliteEpochs;
  readonly #batch: SqliteBatch;
  readonly #reclaimer: SqliteReclaimer;

  /**
   * Opens the registry, or makes it where there is none.
   * @throws RegistryMismatch, StoreNotUsable, StoreUnavailable
   */
  constructor(options: SqliteRegistryOptions) {
    const { path, settings, maxBytes, entries } = options;
    this.#options = options;
    this.#db = openDatabase(path, settings, maxBytes);
    this.#claims = new SqliteClaims(this.#db, settings.partition);
    this.#epochs = new SqliteEpochs(this.#db);
    this.#batch = new SqliteBatch(this.#claims, entries, settings);
    this.#reclaimer = new SqliteReclaimer(this.#db);
  }

  /** @throws StoreUnavailable */
  highestEpoch(): number {
    return transaction(this.#db, 'DEFERRED', () => this.#epochs.highest());
  }

  /** See ClaimStore.commit. @throws StoreUnavailable, ClockAhead */
  commit(batch: CommitBatch): number {
    const highest = transaction(this.#db, 'IMMEDIATE', () => {
      const epoch = this.#enter(batch.epoch);
      this.#epochs.add(epoch, this.#batch.decide(batch, epoch));
      return epoch;
    });
    this.#batch.publish(batch);
    return highest;
  }

  /** See ClaimStore.advanceEpoch. @throws StoreUnavailable, ClockAhead */
  advanceEpoch(epoch: number): number {
    return transaction(this.#db, 'IMMEDIATE', () => this.#enter(epoch));
  }

  /** See ClaimStore.epochCounts. @throws StoreUnavailable, EpochOutOfRange */
  epochCounts(from: number, to: number): EpochCounts[] {
    return transaction(this.#db, 'DEFERRED', () => this.#epochs.counts(from, to));
  }

  /** See ClaimStore.scan: a cursor is the id of the last row of the page before. @throws StoreUnavailable */
  scan(cursor: ScanCursor | null, limit: number): ScanPage {
    const after = cursor === null ? 0 : Number(cursor);
    assert(Number.isSafeInteger(after) && limit >= 1, `scan: cursor ${cursor}, limit ${limit}`);
    return transaction(this.#db, 'DEFERRED', () => {
      const highest = this.#epochs.highest();
      const rows = this.#claims.page(after, limit);
      const next = rows.length < limit ? null : String(rows[rows.length - 1].id);
      const kept = rows.filter((row) => !isPastRetention(row.endEpoch, highest, this.#options.settings));
      return { claims: kept.map(({ id: _, ...claim }) => claim), next };
    });
  }

  /** See ClaimStore.reclaim; drops summaries that are no longer told as well. @throws StoreUnavailable */
  reclaim(limit: number): number {
    return transaction(this.#db, 'IMMEDIATE', () => {
      this.#epochs.dropOld(limit);
      // The rule of isPastRetention, turned round for an index-free comparison in SQL.
      const oldestEnd = this.#epochs.highest() - this.#options.settings.retentionEpochs;
      return this.#reclaimer.reclaim(limit, oldestEnd);
    });
  }

  close(): void {
    this.#db.close();
  }

  /**
   * Shows the registry an epoch; returns its highest. One that is not later pushes nothing, so it
   * is fine whatever the clock says: a clock that stepped back stops no service.
   */
  #enter(epoch: number): number {
    const highest = this.#epochs.highest();
    if (epoch <= highest) return highest;
    this.#checkClock(epoch);
    this.#epochs.pass(highest, epoch);
    return epoch;
  }

  #checkClock(epoch: number): void {
    const { clock, maxClockSkewMs, settings } = this.#options;
    const latest = epochOf(timestampMs(clock.nowMs() + maxClockSkewMs, settings), settings);
    if (epoch <= latest) return;
    throw new ClockAhead(
      `epoch ${epoch} is ahead of the store's clock: with a skew of ${maxClockSkewMs} ms it is ${latest} at most`,
    );
  }
}
