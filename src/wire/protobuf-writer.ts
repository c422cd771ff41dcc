/**
 * Writes the protobuf wire format into bytes already there. Writers return the position behind
 * what they wrote; the caller has seen to the room, for which the …Length functions give the
 * bytes. Integers are exact from 0 to 2^53 − 1; as proto3 has it, a field of the default value
 * (0, empty) is not written. Field numbers are below 16, so that a tag is one byte.
 */
import { copyBytes } from '../entries/words.ts';

/** Numbers are written as a low part of 4 groups of 7 bits, and a high part of at most 4. */
const LOW_RANGE = 2 ** 28;
const LOW_BYTES = 4;

/** Bytes of the varint of an integer from 0 to 2^53 − 1: 1 to 8. */
export function varintLength(value: number): number {
  if (value < LOW_RANGE) return shortVarintLength(value);
  return LOW_BYTES + shortVarintLength(Math.floor(value / LOW_RANGE));
}

function shortVarintLength(value: number): number {
  if (value < 2 ** 7) return 1;
  if (value < 2 ** 14) return 2;
  return value < 2 ** 21 ? 3 : 4;
}

/** Writes an integer from 0 to 2^53 − 1. */
export function writeVarint(to: DataView, at: number, value: number): number {
  if (value < LOW_RANGE) return writeShortVarint(to, at, value);
  // Dividing by a power of two is exact, and so is what remains.
  const high = Math.floor(value / LOW_RANGE);
  const low = value - high * LOW_RANGE;
  to.setUint8(at, low | 0x80);
  to.setUint8(at + 1, (low >>> 7) | 0x80);
  to.setUint8(at + 2, (low >>> 14) | 0x80);
  to.setUint8(at + 3, (low >>> 21) | 0x80);
  return writeShortVarint(to, at + LOW_BYTES, high);
}

/** Writes an integer below 2^28. */
function writeShortVarint(to: DataView, at: number, value: number): number {
  let next = at;
  let rest = value;
  while (rest >= 0x80) {
    to.setUint8(next, rest | 0x80);
    rest >>>= 7;
    next += 1;
  }
  to.setUint8(next, rest);
  return next + 1;
}

/** Writes an integer from 0 to 2^64 − 1. Makes bigints: not for the path of a claim. */
export function writeUint64Field(to: DataView, at: number, tag: number, value: bigint): number {
  if (value === 0n) return at;
  to.setUint8(at, tag);
  let next = at + 1;
  let rest = value;
  while (rest >= 0x80n) {
    to.setUint8(next, Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
    next += 1;
  }
  to.setUint8(next, Number(rest));
  return next + 1;
}

/** Bytes of a field of an integer from 0 to 2^53 − 1. */
export function varintFieldLength(value: number): number {
  return value === 0 ? 0 : 1 + varintLength(value);
}

export function writeVarintField(to: DataView, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  to.setUint8(at, tag);
  return writeVarint(to, at + 1, value);
}

/** Bytes of a length-delimited field with so many bytes of content. */
export function bytesFieldLength(length: number): number {
  return length === 0 ? 0 : 1 + varintLength(length) + length;
}

/** Writes a length-delimited field: `length` bytes of `from`, from `start`. */
export function writeBytesField(
  to: DataView,
  at: number,
  tag: number,
  from: DataView,
  start: number,
  length: number,
): number {
  if (length === 0) return at;
  const content = writeLength(to, at, tag, length);
  copyBytes(from, start, to, content, length);
  return content + length;
}

/** Writes the tag and the length of a length-delimited field; its content, maybe empty, follows. */
export function writeLength(to: DataView, at: number, tag: number, length: number): number {
  to.setUint8(at, tag);
  return writeVarint(to, at + 1, length);
}
