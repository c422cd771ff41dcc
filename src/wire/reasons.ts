/**
 * Reasons: what the reply says to a person where an item is INVALID or UNAVAILABLE. Printable
 * ASCII of at most REASON_MAX_BYTES, whatever the client sent: values are shown escaped and cut.
 */

import { AssertionFailure, assert, unreachable } from '../domain/assert.ts';
import { ID_MAX_BYTES, UnavailableReason } from '../domain/claim.ts';
import { controlAt, IdProblem } from './ids.ts';
import { bytesOf, lastField, uint64Value, viewOf } from './protobuf-reader.ts';
import {
  ITEM_OK,
  ITEM_TAGS,
  ItemField,
  type ItemProblem,
  problemField,
  problemKind,
  TimestampProblem,
} from './request-codec.ts';

export const REASON_MAX_BYTES = 200;
/** Of a value at most this much is shown, escapes included: the rest of a reason takes up to 130. */
const SHOWN_MAX_BYTES = 64;

const FIELD_NAMES: Readonly<Record<ItemField, string>> = {
  [ItemField.CLAIM_ID]: 'claim_id',
  [ItemField.PLAYER_ID]: 'player_id',
  [ItemField.TIMESTAMP_MS]: 'timestamp_ms',
};
const ALLOWED_ID = `1 to ${ID_MAX_BYTES} bytes of UTF-8 without control characters`;
const ALLOWED_TIMESTAMP = `0 to ${Number.MAX_SAFE_INTEGER}, within the clock skew of server time`;

/** Why each UNAVAILABLE item was not confirmed. */
export const UNAVAILABLE_REASONS: Readonly<Record<Exclude<UnavailableReason, 0>, string>> = {
  [UnavailableReason.STORE_FAILED]:
    'the store did not confirm, so it is unknown whether this took effect; safe to send again',
  [UnavailableReason.SEGMENT_FULL]:
    'the table of live claims is full, nothing was done; safe to send again after the next epoch',
  [UnavailableReason.WORKER_LOST]: 'the worker of this claim ended before it confirmed; safe to send again',
  [UnavailableReason.CLOCK_AHEAD]:
    'the clock of this replica is too far ahead of the store, nothing was done; safe to send again, to another replica',
};

/**
 * The reason for an item of which RequestDecoder said `problem`: reads the malformed field of the
 * item at start … end again, so that good items pay nothing.
 */
export function describeProblem(problem: ItemProblem, message: DataView, start: number, end: number): string {
  assert(problem !== ITEM_OK, 'a good item has no problem to describe');
  const field = problemField(problem);
  const found = lastField(message, ITEM_TAGS[field], start, end);
  const value = found === null ? new Uint8Array(0) : bytesOf(message, found.start, found.end);
  const allowed = field === ItemField.TIMESTAMP_MS ? ALLOWED_TIMESTAMP : ALLOWED_ID;
  return notAllowed(FIELD_NAMES[field], describeValue(problemKind(problem), value), allowed);
}

/** The reason for a timestamp further than maxClockSkewMs from server time, all in milliseconds. */
export function describeSkew(timestampMs: number, serverMs: number, maxClockSkewMs: number): string {
  const earliestMs = Math.max(serverMs - maxClockSkewMs, 0);
  const allowed = `${earliestMs} to ${serverMs + maxClockSkewMs} (server time and clock skew)`;
  return notAllowed(FIELD_NAMES[ItemField.TIMESTAMP_MS], `${timestampMs} is`, allowed);
}

/** In the words of domain/errors' InvalidArgument, but with a verb for the value. */
function notAllowed(field: string, value: string, allowed: string): string {
  return `${field}: ${value} not allowed; allowed: ${allowed}`;
}

function describeValue(kind: IdProblem | TimestampProblem, value: Uint8Array): string {
  switch (kind) {
    case IdProblem.EMPTY:
      return 'an empty value is';
    case IdProblem.TOO_LONG:
      return `${value.length} bytes are`;
    case IdProblem.NOT_UTF8:
      return `${quote(value)}, not UTF-8, is`;
    case IdProblem.CONTROL:
      return `${quote(value)}, with a control character at byte ${controlAt(value)}, is`;
    case TimestampProblem.NEGATIVE:
    case TimestampProblem.TOO_LARGE:
      return `${BigInt.asIntN(64, uint64Value(viewOf(value), 0, value.length))} is`;
    case IdProblem.NONE:
      throw new AssertionFailure('a problem has a kind');
    default:
      return unreachable(kind);
  }
}

/** The bytes in quotes: printable ASCII as it is, all else as \xNN; cut with `...`. */
function quote(value: Uint8Array): string {
  let shown = '';
  for (const byte of value) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    const next = isPlain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
    if (shown.length + next.length > SHOWN_MAX_BYTES) return `"${shown}..."`;
    shown += next;
  }
  return `"${shown}"`;
}
