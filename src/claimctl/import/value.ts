/**
 * What a field of a Redis hash says of a claim, as the predecessor wrote it (the field is the claim
 * id, the value JSON: {"playerId":…,"timestamp":…,"status":…}) or as a registry of ours has it
 * (`P|1700000000000|170000001|player-7`; in player mode the field is player and claim id). The two
 * are told apart by their first byte, so that a hash may hold both.
 */
import { isUtf8 } from 'node:buffer';
import { ClaimStatus, ID_MAX_BYTES } from '../../domain/claim.ts';

/** A claim of the source. When it ended, if it has, is for the target's own rules to say. */
export interface SourceClaim {
  readonly claimId: string;
  readonly playerId: string;
  /** Milliseconds since the Unix epoch, whole, from 0 to the latest that was allowed. */
  readonly timestampMs: number;
  readonly status: ClaimStatus;
}

/** Why a field is no claim; these are keys of the summary. */
export const UNREADABLE_REASONS = {
  unreadable_value: 'the value is neither JSON of an object nor a value of a claim registry',
  bad_claim_id: 'the claim id is not 1 to 64 bytes of UTF-8 without control characters',
  bad_player_id: 'the player id is not 1 to 64 bytes of UTF-8 without control characters',
  bad_timestamp: 'the timestamp is not whole milliseconds since 1970, or lies in the future',
  unknown_status: 'the status is none of PENDING, VALIDATED, EXPIRED',
} as const;
export type UnreadableReason = keyof typeof UNREADABLE_REASONS;

/** Between player and claim id in a field of player mode; neither can hold it. */
const FIELD_SEPARATOR = '\u001f';
/** Status, timestamp, epoch of its end, player, which may hold bars of its own. */
const REGISTRY_VALUE = /^([^|]*)\|(0|[1-9][0-9]*)\|(?:0|[1-9][0-9]*)\|(.*)$/s;

const JSON_STATUSES = new Map<unknown, ClaimStatus>([
  ['PENDING', ClaimStatus.PENDING],
  ['VALIDATED', ClaimStatus.VALIDATED],
  ['EXPIRED', ClaimStatus.EXPIRED],
]);
const REGISTRY_STATUSES = new Map<unknown, ClaimStatus>([
  ['P', ClaimStatus.PENDING],
  ['V', ClaimStatus.VALIDATED],
  ['E', ClaimStatus.EXPIRED],
]);

/** What a value says, each part still to be judged. */
interface Parts {
  readonly playerId: unknown;
  readonly timestampMs: unknown;
  readonly status: ClaimStatus | undefined;
}

/** @param latestMs the latest timestamp that a claim can have. */
export function readSourceClaim(
  field: Buffer,
  value: Buffer,
  latestMs: number,
): SourceClaim | UnreadableReason {
  const ids = isUtf8(field) ? idsOf(field.toString()) : null;
  if (ids === null) return 'bad_claim_id';
  const parts = isUtf8(value) ? partsOf(value.toString()) : null;
  // The player of a field in player mode is named in the value too.
  const isOfField = ids.playerId === null || ids.playerId === parts?.playerId;
  if (parts === null || !isOfField) return 'unreadable_value';
  const { playerId, timestampMs, status } = parts;
  if (!isId(playerId)) return 'bad_player_id';
  if (!isTimestamp(timestampMs, latestMs)) return 'bad_timestamp';
  if (status === undefined) return 'unknown_status';
  return { claimId: ids.claimId, playerId, timestampMs, status };
}

/** Null where a part is no id. */
function idsOf(field: string): { claimId: string; playerId: string | null } | null {
  const at = field.indexOf(FIELD_SEPARATOR);
  const playerId = at < 0 ? null : field.slice(0, at);
  const claimId = field.slice(at + 1);
  return isId(claimId) && (playerId === null || isId(playerId)) ? { claimId, playerId } : null;
}

function partsOf(value: string): Parts | null {
  return value.startsWith('{') ? jsonParts(value) : registryParts(value);
}

function registryParts(value: string): Parts | null {
  const found = REGISTRY_VALUE.exec(value);
  if (found === null) return null;
  const [, letter, timestamp, playerId] = found;
  return { playerId, timestampMs: Number(timestamp), status: REGISTRY_STATUSES.get(letter) };
}

function jsonParts(value: string): Parts | null {
  let object: Readonly<Record<string, unknown>>;
  try {
    // What begins with a brace is an object or no JSON.
    object = JSON.parse(value);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const { playerId, timestamp, status } = object;
  return { playerId, timestampMs: timestamp, status: JSON_STATUSES.get(status) };
}

/** JSON can hold half a surrogate pair, which has no UTF-8. */
function isId(id: unknown): id is string {
  if (typeof id !== 'string' || id === '' || !id.isWellFormed()) return false;
  return Buffer.byteLength(id) <= ID_MAX_BYTES && !/\p{Cc}/u.test(id);
}

function isTimestamp(timestampMs: unknown, latestMs: number): timestampMs is number {
  return (
    typeof timestampMs === 'number' &&
    Number.isSafeInteger(timestampMs) &&
    timestampMs >= 0 &&
    timestampMs <= latestMs
  );
}
