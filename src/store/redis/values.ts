/**
 * A claim in Redis: its field and its value, legible in redis-cli.
 *
 *     field   claim id; in player mode player id, byte 0x1f, claim id (ids hold no control characters)
 *     value   S|timestampMs|endEpoch|playerId, S: P pending, V validated, E expired
 *
 * A player id may hold bars: a value is split at the first three. A claim that is P in its
 * endEpoch or later has expired; E only makes that plain.
 */
import { ClaimStatus, ID_MAX_BYTES, type PartitionMode } from '../../domain/claim.ts';
import type { StoredClaim } from '../store.ts';

/** Between player and claim id of a field, in player mode. */
export const FIELD_SEPARATOR = 0x1f;
const SEPARATOR = String.fromCharCode(FIELD_SEPARATOR);

/** As the scripts have it, in scripts/commit.lua. */
const VALUE = /^([PVE])\|([0-9]{1,16})\|([0-9]{1,16})\|(\P{Cc}+)$/u;
const STATUS: Readonly<Record<string, ClaimStatus>> = {
  P: ClaimStatus.PENDING,
  V: ClaimStatus.VALIDATED,
  E: ClaimStatus.EXPIRED,
};

/** The field of a claim. */
export function fieldOf(claimId: string, playerId: string, partition: PartitionMode): string {
  return partition === 'claim' ? claimId : `${playerId}${SEPARATOR}${claimId}`;
}

/** The claim of a field and its value; undefined where they are none. */
export function parseClaim(field: string, value: string, partition: PartitionMode): StoredClaim | undefined {
  const parts = VALUE.exec(value);
  const claimId = partition === 'claim' ? field : field.slice(field.indexOf(SEPARATOR) + 1);
  if (parts === null || !isId(claimId) || !isId(parts[4])) return undefined;
  if (field !== fieldOf(claimId, parts[4], partition)) return undefined;
  return {
    claimId,
    playerId: parts[4],
    timestampMs: Number(parts[2]),
    status: STATUS[parts[1]],
    endEpoch: Number(parts[3]),
  };
}

function isId(text: string): boolean {
  return text.length > 0 && Buffer.byteLength(text) <= ID_MAX_BYTES && !text.includes(SEPARATOR);
}
