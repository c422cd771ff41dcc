/**
 * Reads the protobuf wire format in place: functions from a position to the next, which make no
 * object and keep no state. Whatever is no well-formed message throws the one error of
 * `unreadable`; nothing is read outside the range given.
 *
 * Leniency is that of the official parsers: over-long varints up to 10 bytes (bits past the 64th
 * are dropped), unknown fields of every wire type, groups too; a known field with another wire
 * type is an unknown field.
 */
import { InvalidArgument } from '../domain/errors.ts';

export const WireType = { VARINT: 0, I64: 1, LEN: 2, SGROUP: 3, EGROUP: 4, I32: 5 } as const;
export type WireType = (typeof WireType)[keyof typeof WireType];

const WIRE_TYPE_BITS = 3;
const WIRE_TYPE_MASK = (1 << WIRE_TYPE_BITS) - 1;
const VARINT_MAX_BYTES = 10;
/** Field numbers end at 2^29 − 1, so a tag is a uint32. */
const TAG_MAX = 2 ** 32 - 1;
/** Groups within groups: the official parsers' bound, so that no message can exhaust the stack. */
export const GROUP_DEPTH_MAX = 100;

/** Bytes as this reader takes them: ids are copied four bytes at a time (wire/words). */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The bytes of start … end, not copied. */
export function bytesOf(message: DataView, start: number, end: number): Uint8Array {
  return new Uint8Array(message.buffer, message.byteOffset + start, end - start);
}

/** A field's number and wire type, as they stand before its value. */
export function fieldTag(fieldNumber: number, wireType: WireType): number {
  return fieldNumber * (1 << WIRE_TYPE_BITS) + wireType;
}

/** The error for bytes that are no protobuf message: it fails the call, not the item. */
function unreadable(what: string, at: number): InvalidArgument {
  return new InvalidArgument('message', `${what} (byte ${at})`, 'a well-formed protobuf message');
}

/** The position behind the varint at `at`. @throws InvalidArgument where it is cut off or too long. */
export function varintEnd(message: DataView, at: number, end: number): number {
  return at < end && message.getUint8(at) < 0x80 ? at + 1 : longVarintEnd(message, at, end);
}

function longVarintEnd(message: DataView, at: number, end: number): number {
  const limit = Math.min(end, at + VARINT_MAX_BYTES);
  for (let i = at; i < limit; i += 1) {
    if (message.getUint8(i) < 0x80) return i + 1;
  }
  throw unreadable(limit - at === VARINT_MAX_BYTES ? 'a varint over 10 bytes' : 'a varint cut off', at);
}

/** The varint from `at` to `next` without its sign: exact to 2^53, and never below 2^53 beyond it. */
function varintValue(message: DataView, at: number, next: number): number {
  return next - at === 1 ? message.getUint8(at) : longVarintValue(message, at, next);
}

function longVarintValue(message: DataView, at: number, next: number): number {
  const low = groups(message, at, Math.min(next, at + 4));
  if (next <= at + 4) return low;
  const middle = groups(message, at + 4, Math.min(next, at + 8));
  const high = next > at + 8 ? groups(message, at + 8, next) : 0;
  return high * 2 ** 56 + middle * 2 ** 28 + low;
}

/** At most four groups of 7 bits, the lowest first: below 2^28, so that integers do. */
function groups(message: DataView, at: number, next: number): number {
  let value = 0;
  for (let i = at, shift = 0; i < next; i += 1, shift += 7) value |= (message.getUint8(i) & 0x7f) << shift;
  return value;
}

/** The uint64 from `at` to `next`, exact. Makes a bigint: not for the path of a claim. */
export function uint64Value(message: DataView, at: number, next: number): bigint {
  let value = 0n;
  for (let i = next - 1; i >= at; i -= 1) value = (value << 7n) | BigInt(message.getUint8(i) & 0x7f);
  return BigInt.asUintN(64, value);
}

/**
 * The int64 from `at` to `next` as a number: exact from 0 to 2^53 − 1, Infinity beyond, and −1
 * for every negative one.
 */
export function safeInt64Value(message: DataView, at: number, next: number): number {
  // The tenth byte's lowest bit is the sign; its other bits lie past the 64th.
  const hasTenth = next - at === VARINT_MAX_BYTES;
  if (hasTenth && (message.getUint8(next - 1) & 1) === 1) return -1;
  const value = longVarintValue(message, at, hasTenth ? next - 1 : next);
  return value > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : value;
}

/** The tag from `at` to `next`. @throws InvalidArgument where it names no field. */
export function tagValue(message: DataView, at: number, next: number): number {
  const first = message.getUint8(at);
  return next - at === 1 && first > WIRE_TYPE_MASK ? first : longTagValue(message, at, next);
}

function longTagValue(message: DataView, at: number, next: number): number {
  const tag = varintValue(message, at, next);
  if (tag <= WIRE_TYPE_MASK) throw unreadable('field number 0', at);
  if (tag > TAG_MAX) throw unreadable('a field number over 2^29 - 1', at);
  return tag;
}

/**
 * The position behind a length-delimited value whose length stands at `at` and ends at `content`.
 * @throws InvalidArgument where it runs past `end`.
 */
export function contentEnd(message: DataView, at: number, content: number, end: number): number {
  return within(content + varintValue(message, at, content), at, end);
}

/**
 * The position behind the value at `at` of a field with this tag, whatever its type.
 * @throws InvalidArgument where it is malformed or runs past `end`.
 */
export function fieldEnd(message: DataView, tag: number, at: number, end: number, depth = 0): number {
  switch (tag & WIRE_TYPE_MASK) {
    case WireType.LEN:
      return contentEnd(message, at, varintEnd(message, at, end), end);
    case WireType.VARINT:
      return varintEnd(message, at, end);
    case WireType.I64:
      return within(at + 8, at, end);
    case WireType.I32:
      return within(at + 4, at, end);
    case WireType.SGROUP:
      return groupEnd(message, tag + WireType.EGROUP - WireType.SGROUP, at, end, depth + 1);
    case WireType.EGROUP:
      throw unreadable('the end of a group that was not begun', at);
    default:
      throw unreadable(`wire type ${tag & WIRE_TYPE_MASK}`, at);
  }
}

function within(next: number, at: number, end: number): number {
  if (next > end) throw unreadable('a length past the end', at);
  return next;
}

/** The position behind the end-group tag `endTag`, its group having been entered. */
function groupEnd(message: DataView, endTag: number, start: number, end: number, depth: number): number {
  if (depth > GROUP_DEPTH_MAX) throw unreadable(`groups nested over ${GROUP_DEPTH_MAX} deep`, start);
  let at = start;
  for (;;) {
    const valueAt = varintEnd(message, at, end);
    const tag = tagValue(message, at, valueAt);
    if (tag === endTag) return valueAt;
    at = fieldEnd(message, tag, valueAt, end, depth);
  }
}

/** Where a field's value lies, for the paths that may make an object. */
export interface FieldValue {
  readonly start: number;
  readonly end: number;
}

/** The last field with this tag in a message, its value without the length; null where there is none. */
export function lastField(message: DataView, tag: number, start: number, end: number): FieldValue | null {
  let found: FieldValue | null = null;
  for (let at = start; at < end; ) {
    const valueAt = varintEnd(message, at, end);
    const seen = tagValue(message, at, valueAt);
    at = fieldEnd(message, seen, valueAt, end);
    const isLen = (seen & WIRE_TYPE_MASK) === WireType.LEN;
    if (seen === tag) found = { start: isLen ? varintEnd(message, valueAt, end) : valueAt, end: at };
  }
  return found;
}
