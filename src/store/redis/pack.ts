/**
 * MessagePack (github.com/msgpack/msgpack), as much of it as the scripts are given: Lua unpacks a
 * whole argument in one call, at a third of what as many arguments cost.
 */
const FIXSTR = 0xa0;
const FIXSTR_MAX_BYTES = 31;
const STR8 = 0xd9;
const STR8_MAX_BYTES = 255;
const UINT32 = 0xce;
const UINT32_MAX = 0xffff_ffff;
const FLOAT64 = 0xcb;

/** Bytes at most of a string's head. */
export const STRING_HEAD_BYTES = 2;
/** Bytes at most of a number. */
export const NUMBER_BYTES = 9;

/** Writes the head of a string of at most 255 bytes; returns the place after it. */
export function addStringHead(to: Buffer, at: number, length: number): number {
  if (length <= FIXSTR_MAX_BYTES) {
    to[at] = FIXSTR | length;
    return at + 1;
  }
  return addLongHead(to, at, length);
}

/** The same, always of two bytes: for a string whose length is known only once it is written. */
export function addLongHead(to: Buffer, at: number, length: number): number {
  to[at] = STR8;
  to[at + 1] = length;
  return at + 2;
}

/** Writes a whole number from 0 to 2^53 − 1; returns the place after it. */
export function addNumber(to: Buffer, at: number, value: number): number {
  if (value > UINT32_MAX) {
    to[at] = FLOAT64;
    return to.writeDoubleBE(value, at + 1);
  }
  to[at] = UINT32;
  return to.writeUInt32BE(value, at + 1);
}

/** Strings of at most 255 bytes each. */
export function packStrings(strings: readonly string[]): Buffer {
  const packed = Buffer.alloc(strings.length * (STRING_HEAD_BYTES + STR8_MAX_BYTES));
  let end = 0;
  for (const text of strings) {
    const at = addStringHead(packed, end, Buffer.byteLength(text));
    end = at + packed.write(text, at);
  }
  return packed.subarray(0, end);
}
