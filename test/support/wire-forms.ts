/**
 * The protobuf wire format written and read in the plainest way, with bigints and objects: to make
 * every form a message can take on the wire, and to say which bytes are a message at all.
 */

export const VARINT = 0;
export const I64 = 1;
export const LEN = 2;
export const SGROUP = 3;
export const EGROUP = 4;
export const I32 = 5;

/** A field as it stands in a message. */
export interface WireField {
  readonly number: number;
  readonly wireType: number;
  /** Its value: a varint's or fixed number's bytes, the content without its length; a group's with its end. */
  readonly value: Uint8Array;
  /**
   * Whether protobufjs reads its tags and lengths as we do: it takes every uint32 of over 5 bytes
   * to be 10 bytes long.
   */
  readonly isPlain: boolean;
}

/** How many bytes longer than needed a field's tag and length are written. */
export interface Padding {
  readonly tag: number;
  readonly length: number;
}
const NO_PADDING: Padding = { tag: 0, length: 0 };

/** A varint, over-long by `padding` bytes. */
export function varint(value: bigint | number, padding = 0): Uint8Array {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); rest > 0n || bytes.length === 0; rest >>= 7n) {
    bytes.push(Number(rest & 0x7fn));
  }
  bytes.push(...new Array<number>(padding).fill(0));
  return Uint8Array.from(bytes, (byte, i) => (i < bytes.length - 1 ? byte | 0x80 : byte));
}

/** A field; a group is closed by its end-group tag. */
export function writeField(
  number: number,
  wireType: number,
  value: Uint8Array,
  padding: Padding = NO_PADDING,
): Uint8Array {
  const tag = varint(number * 8 + wireType, padding.tag);
  if (wireType === LEN) return Buffer.concat([tag, varint(value.length, padding.length), value]);
  if (wireType === SGROUP) return Buffer.concat([tag, value, varint(number * 8 + EGROUP, padding.length)]);
  return Buffer.concat([tag, value]);
}

/** The fields of a message in the order of the wire, or null where the bytes are no message. */
export function readFields(bytes: Uint8Array): WireField[] | null {
  try {
    return new Reader(bytes).fields(null, 0);
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

/** The last value of a field of this number and wire type, or null. */
export function lastValue(fields: WireField[], number: number, wireType: number): Uint8Array | null {
  return fields.findLast((f) => f.number === number && f.wireType === wireType)?.value ?? null;
}

/** The number that a varint's bytes stand for, bits past the 64th dropped. */
export function varintOf(bytes: Uint8Array): bigint {
  return BigInt.asUintN(
    64,
    bytes.reduceRight((sum, byte) => (sum << 7n) | BigInt(byte & 0x7f), 0n),
  );
}

class Malformed extends Error {
  override readonly name = 'Malformed';
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** Tags and lengths so far that protobufjs misreads. */
  #misread = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Fields up to the end, or to the end of the group of this number. */
  fields(group: number | null, depth: number): WireField[] {
    if (depth > 100) throw new Malformed('groups too deep');
    const fields: WireField[] = [];
    while (group !== null || this.#at < this.#bytes.length) {
      const misread = this.#misread;
      const tag = this.#uint32();
      const number = Number(tag >> 3n);
      const wireType = Number(tag & 7n);
      if (number === 0) throw new Malformed('field number 0');
      if (wireType === EGROUP && number === group) return fields;
      const value = this.#value(number, wireType, depth);
      fields.push({ number, wireType, value, isPlain: this.#misread === misread });
    }
    return fields;
  }

  #value(number: number, wireType: number, depth: number): Uint8Array {
    const start = this.#at;
    switch (wireType) {
      case VARINT:
        return this.#varint();
      case I64:
        return this.#take(8n);
      case I32:
        return this.#take(4n);
      case LEN:
        return this.#take(this.#uint32());
      case SGROUP:
        this.fields(number, depth + 1);
        return this.#bytes.subarray(start, this.#at);
      default:
        throw new Malformed('wire type');
    }
  }

  /** A tag or length. */
  #uint32(): bigint {
    const bytes = this.#varint();
    if (bytes.length > 5 && bytes.length < 10) this.#misread += 1;
    const value = varintOf(bytes);
    if (value >= 1n << 32n) throw new Malformed('over 32 bits');
    return value;
  }

  #varint(): Uint8Array {
    const length = this.#bytes.subarray(this.#at, this.#at + 10).findIndex((byte) => byte < 0x80) + 1;
    if (length === 0) throw new Malformed('varint');
    return this.#take(BigInt(length));
  }

  #take(length: bigint): Uint8Array {
    if (length > BigInt(this.#bytes.length - this.#at)) throw new Malformed('cut off');
    const start = this.#at;
    this.#at += Number(length);
    return this.#bytes.subarray(start, this.#at);
  }
}
