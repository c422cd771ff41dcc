/**
 * Decides a batch, item by item in its order, by domain/rules and the claims as the database has
 * them. The usual item takes few statements: one for a new claim, two for a validation.
 */
import { assert } from '../../domain/assert.ts';
import { ClaimOperation, ClaimStatus, Outcome } from '../../domain/claim.ts';
import { isPastRetention } from '../../domain/epochs.ts';
import {
  type Decision,
  decideAbsent,
  decidePresent,
  effectiveStatus,
  outcomeOf,
  statusOf,
} from '../../domain/rules.ts';
import type { EntryTable } from '../../entries/entry-table.ts';
import { SQLITE_BATCH_MAX_ITEMS } from '../../limits.ts';
import type { CommitBatch, RegistrySettings } from '../store.ts';
import type { ClaimRow, SqliteClaims } from './claims.ts';
import { SqliteDecisions } from './decisions.ts';
import { CountChanges } from './epochs.ts';

export class SqliteBatch {
  readonly #claims: SqliteClaims;
  readonly #entries: EntryTable;
  readonly #settings: RegistrySettings;
  readonly #decisions = new SqliteDecisions(SQLITE_BATCH_MAX_ITEMS);
  readonly #changes = new CountChanges();
  #epoch = 0;

  constructor(claims: SqliteClaims, entries: EntryTable, settings: RegistrySettings) {
    this.#claims = claims;
    this.#entries = entries;
    this.#settings = settings;
  }

  /**
   * Within the caller's transaction; writes to no entry.
   * @param epoch the registry's highest, by which everything is decided.
   * @returns what it changes in the counts; good until the next call.
   */
  decide(batch: CommitBatch, epoch: number): CountChanges {
    this.#epoch = epoch;
    this.#changes.clear();
    for (let i = 0; i < batch.count; i += 1) {
      const entry = batch.entries[i];
      if (this.#entries.operation[entry] === ClaimOperation.SUBMIT) this.#submit(i, entry);
      else this.#decideOther(i, entry);
    }
    return this.#changes;
  }

  /** Writes the decisions of the last `decide` to the batch's entries, once they are committed. */
  publish(batch: CommitBatch): void {
    this.#decisions.publish(batch, this.#epoch, this.#entries);
  }

  /** Adds the claim first and looks only where that failed: most submits are of new claims. */
  #submit(i: number, entry: number): void {
    const claimId = this.#entries.claimId(entry);
    const playerId = this.#entries.playerId(entry);
    const timestampMs = this.#entries.timestampMs[entry];
    const endEpoch = this.#entries.endEpoch[entry];
    const decision = decideAbsent(ClaimOperation.SUBMIT, endEpoch, this.#epoch);
    const claim = { claimId, playerId, status: statusOf(decision), timestampMs, endEpoch };
    if (!this.#claims.insert(claim)) {
      const found = this.#findKept(claimId, playerId);
      if (found !== undefined) {
        this.#decidePresent(i, ClaimOperation.SUBMIT, playerId, found);
        return;
      }
      this.#claims.replace(claim);
    }
    this.#decisions.setTold(i, decision, timestampMs, endEpoch);
    if (claim.status === ClaimStatus.PENDING) this.#changes.addPending(endEpoch);
    else this.#changes.addExpired();
  }

  #decideOther(i: number, entry: number): void {
    const operation = this.#entries.operation[entry] as ClaimOperation;
    assert(operation >= ClaimOperation.VALIDATE && operation <= ClaimOperation.EXPIRE, 'unknown operation');
    const playerId = this.#entries.playerId(entry);
    const found = this.#findKept(this.#entries.claimId(entry), playerId);
    if (found === undefined) this.#decisions.set(i, decideAbsent(operation, 0, this.#epoch));
    else this.#decidePresent(i, operation, playerId, found);
  }

  #findKept(claimId: string, playerId: string): ClaimRow | undefined {
    const found = this.#claims.find(claimId, playerId);
    const past = found !== undefined && isPastRetention(found.endEpoch, this.#epoch, this.#settings);
    return past ? undefined : found;
  }

  #decidePresent(i: number, operation: ClaimOperation, playerId: string, claim: ClaimRow): void {
    const status = effectiveStatus(claim.status, claim.endEpoch, this.#epoch);
    const decision = decidePresent(operation, playerId === claim.playerId, status);
    if (outcomeOf(decision) === Outcome.TAKEN) {
      this.#decisions.set(i, decision);
      return;
    }
    this.#decisions.setTold(i, decision, claim.timestampMs, this.#makeLasting(operation, decision, claim));
    // Whoever asks these does not say, or may not know, whose the claim is now.
    const tellsPlayer = operation === ClaimOperation.GET || operation === ClaimOperation.EXPIRE;
    if (tellsPlayer) this.#decisions.setPlayer(i, claim.playerId);
  }

  /** Writes what the decision changes in the claim; returns the epoch of the claim's end. */
  #makeLasting(operation: ClaimOperation, decision: Decision, claim: ClaimRow): number {
    if (claim.status !== ClaimStatus.PENDING) return claim.endEpoch;
    const status = statusOf(decision);
    if (operation === ClaimOperation.EXPIRE && status === ClaimStatus.EXPIRED) {
      this.#claims.end(claim.id, status, claim.endEpoch);
    }
    if (operation === ClaimOperation.VALIDATE && status === ClaimStatus.VALIDATED) {
      this.#claims.end(claim.id, status, this.#epoch);
      this.#changes.addValidated(claim.endEpoch);
      return this.#epoch;
    }
    return claim.endEpoch;
  }
}
