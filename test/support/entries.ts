/** Fills entries as an ingress would, and reads what came of them. */
import type { ClaimOperation, ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import { ENTRY_ID_BYTES, type EntryTable } from '../../src/entries/entry-table.ts';
import { hashBytes } from '../../src/partitioner/hash.ts';

export interface EntryFields {
  readonly operation: ClaimOperation;
  readonly claimId: string;
  readonly playerId?: string;
  readonly timestampMs?: number;
  /** Of a submit: its expiry epoch. */
  readonly expiresAtEpoch?: number;
  /** Of the claim id by default, as in claim mode. */
  readonly hash?: number;
}

export interface EntryResult {
  readonly outcome: Outcome;
  readonly status: ClaimStatus;
  readonly epoch: number;
  readonly fromStore: number;
  readonly claimId: string;
  readonly playerId: string;
  readonly timestampMs: number;
  readonly endEpoch: number;
}

/** Fills an entry with a request and clears what the last one left in it. */
export function fill(entries: EntryTable, entry: number, fields: EntryFields): void {
  const at = entries.claimOffset(entry);
  entries.ids.fill(0, at, at + ENTRY_ID_BYTES);
  entries.operation[entry] = fields.operation;
  entries.setClaimId(entry, fields.claimId);
  entries.setPlayerId(entry, fields.playerId ?? '');
  entries.hash[entry] = fields.hash ?? hashBytes(entries.ids, at, at + entries.claimLength[entry]);
  entries.timestampMs[entry] = fields.timestampMs ?? 0;
  entries.endEpoch[entry] = fields.expiresAtEpoch ?? 0;
  entries.epoch[entry] = 0;
  for (const column of [
    entries.outcome,
    entries.status,
    entries.reason,
    entries.fromStore,
    entries.reserved,
  ]) {
    column[entry] = 0;
  }
}

export function read(entries: EntryTable, entry: number): EntryResult {
  return {
    outcome: entries.outcome[entry] as Outcome,
    status: entries.status[entry] as ClaimStatus,
    epoch: entries.epoch[entry],
    fromStore: entries.fromStore[entry],
    claimId: entries.claimId(entry),
    playerId: entries.playerId(entry),
    timestampMs: entries.timestampMs[entry],
    endEpoch: entries.endEpoch[entry],
  };
}
