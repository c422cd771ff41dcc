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
/** Groups within groups: the official parsers' bound, so that no message can exhaust the stack. */
export const GROUP_DEPTH_MAX = 100;

/** Bytes as this reader takes them: ids are copied four bytes at a time (entries/words). */
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

/** The tag or length from `at` to `next`: Infinity where it is over 32 bits. */
function uint32Value(message: DataView, at: number, next: number): number {
  return next - at === 1 ? message.getUint8(at) : longUint32Value(message, at, next);
}

function longUint32Value(message: DataView, at: number, next: number): number {
  const low = fourGroups(message, at, next);
  if (next <= at + 4) return low;
  const middle = fourGroups(message, at + 4, next);
  const fits = middle < 2 ** 4 && lastGroups(message, at, next) === 0;
  return fits ? middle * 2 ** 28 + low : Number.POSITIVE_INFINITY;
}

/** The groups of 7 bits from `at`, the lowest first: at most four, so that integers do. */
function fourGroups(message: DataView, at: number, next: number): number {
  const end = Math.min(next, at + 4);
  let value = 0;
  for (let i = at, shift = 0; i < end; i += 1, shift += 7) value |= (message.getUint8(i) & 0x7f) << shift;
  return value;
}

/** The ninth and tenth group: 8 bits are left of the 64, what the tenth has beyond them is dropped. */
function lastGroups(message: DataView, at: number, next: number): number {
  return fourGroups(message, at + 8, next) & 0xff;
}

/** The uint64 from `at` to `next`, exact. Makes a bigint: not for the path of a claim. */
export function uint64Value(message: DataView, at: number, next: number): bigint {
  let value = 0n;
  for (let i = next - 1; i >= at; i -= 1) value = (value << 7n) | BigInt(message.getUint8(i) & 0x7f);
  return BigInt.asUintN(64, value);
}

/**
 * Stores the int64 from `at` to `next` in values[index]: exact from 0 to 2^53 − 1, Infinity
 * beyond, and −1 for every negative one. It returns nothing, since a number past 2^31 that passes
 * between functions may be an object on the heap.
 */
export function storeInt64(
  message: DataView,
  at: number,
  next: number,
  values: Float64Array,
  index: number,
): void {
  const low = fourGroups(message, at, next);
  const middle = fourGroups(message, at + 4, next);
  const high = lastGroups(message, at, next);
  if (high >= 0x80) values[index] = -1;
  else if (high > 0 || middle >= 2 ** (53 - 28)) values[index] = Number.POSITIVE_INFINITY;
  else values[index] = middle * 2 ** 28 + low;
}

/** The tag from `at` to `next`. @throws InvalidArgument where it names no field. */
export function tagValue(message: DataView, at: number, next: number): number {
  const first = message.getUint8(at);
  return next - at === 1 && first > WIRE_TYPE_MASK ? first : longTagValue(message, at, next);
}

function longTagValue(message: DataView, at: number, next: number): number {
  const tag = uint32Value(message, at, next);
  if (tag <= WIRE_TYPE_MASK) throw unreadable('field number 0', at);
  if (tag === Number.POSITIVE_INFINITY) throw unreadable('a field number over 2^29 - 1', at);
  return tag;
}

/**
 * The position behind a length-delimited value whose length stands at `at` and ends at `content`.
 * @throws InvalidArgument where it runs past `end`.
 */
export function contentEnd(message: DataView, at: number, content: number, end: number): number {
  return within(content + uint32Value(message, at, content), at, end);
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

/** Walks a message of which nothing else is read here. @throws InvalidArgument where it is malformed. */
export function checkMessage(message: DataView): void {
  for (let at = 0; at < message.byteLength; ) {
    const valueAt = varintEnd(message, at, message.byteLength);
    at = fieldEnd(message, tagValue(message, at, valueAt), valueAt, message.byteLength);
  }
}
