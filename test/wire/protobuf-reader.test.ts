import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { InvalidArgument } from '../../src/domain/errors.ts';
import {
  fieldEnd,
  fieldTag,
  GROUP_DEPTH_MAX,
  lastField,
  storeInt64,
  tagValue,
  uint64Value,
  varintEnd,
  viewOf,
  WireType,
} from '../../src/wire/protobuf-reader.ts';
import { EGROUP, LEN, SGROUP, VARINT, varint, writeField } from '../support/wire-forms.ts';

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const BOUNDARIES = [0n, 1n, 127n, 128n, 2n ** 28n - 1n, 2n ** 28n, 2n ** 31n, 2n ** 32n, 2n ** 53n - 1n];
const BEYOND = [2n ** 53n, 2n ** 53n + 1n, 2n ** 56n, 2n ** 63n - 1n];

/** A value's varint with as much padding as is wanted and fits in 10 bytes. */
function padded(value: bigint, padding: number): DataView {
  return viewOf(varint(value, Math.min(padding, 10 - varint(value).length)));
}

/** What storeInt64 stores for a varint, between two numbers that it leaves alone. */
function int64Of(bytes: DataView): number {
  const values = new Float64Array(3);
  storeInt64(bytes, 0, bytes.byteLength, values, 1);
  assert.deepEqual([values[0], values[2]], [0, 0]);
  return values[1];
}

/** The position behind the field that begins the message. */
function skip(message: Uint8Array): number {
  const view = viewOf(message);
  const valueAt = varintEnd(view, 0, message.length);
  return fieldEnd(view, tagValue(view, 0, valueAt), valueAt, message.length);
}

function throwsUnreadable(read: () => unknown, what: RegExp): void {
  assert.throws(read, (error) => {
    assert(error instanceof InvalidArgument);
    assert.equal(error.field, 'message');
    assert.match(error.message, what);
    return true;
  });
}

describe('varints', () => {
  it('are exact to 64 bits, however many bytes they are written in', () => {
    fc.assert(
      fc.property(uint64, fc.nat(9), (value, padding) => {
        const view = padded(value, padding);
        assert.equal(varintEnd(view, 0, view.byteLength), view.byteLength);
        assert.equal(uint64Value(view, 0, view.byteLength), value);
      }),
    );
  });

  it('end with the tenth byte and with the message', () => {
    throwsUnreadable(() => varintEnd(viewOf(new Uint8Array(11).fill(0x80)), 0, 11), /over 10 bytes/);
    throwsUnreadable(() => varintEnd(viewOf(new Uint8Array(10).fill(0x80)), 0, 10), /over 10 bytes/);
    throwsUnreadable(() => varintEnd(viewOf(new Uint8Array(9).fill(0x80)), 0, 9), /cut off/);
    throwsUnreadable(() => varintEnd(viewOf(Uint8Array.of(1)), 1, 1), /cut off/);
    throwsUnreadable(() => varintEnd(viewOf(Uint8Array.of(0x80, 0)), 0, 1), /cut off/);
  });

  it('drop the bits past the 64th', () => {
    const bytes = viewOf(Uint8Array.of(0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7e));
    assert.equal(uint64Value(bytes, 0, 10), 1n);
    assert.equal(int64Of(bytes), 1);
  });

  it('as an int64: exact to 2^53 − 1, Infinity beyond, −1 for every negative one', () => {
    for (const padding of [0, 1, 2, 9]) {
      for (const value of BOUNDARIES) {
        const view = padded(value, padding);
        assert.equal(int64Of(view), Number(value), `${value}`);
      }
      for (const value of BEYOND) {
        const view = padded(value, padding);
        assert.equal(int64Of(view), Number.POSITIVE_INFINITY, `${value}`);
      }
    }
    for (const value of [-1n, -(2n ** 53n), -(2n ** 63n)]) {
      const view = viewOf(varint(value));
      assert.equal(int64Of(view), -1, `${value}`);
    }
  });
});

describe('tags', () => {
  it('go to field number 2^29 − 1, however many bytes they are written in', () => {
    for (const tag of [8, 0x7d, 0x80, 2 ** 31, 2 ** 32 - 1]) {
      for (const padding of [0, 1, 4, 9]) {
        const view = padded(BigInt(tag), padding);
        assert.equal(tagValue(view, 0, view.byteLength), tag);
      }
    }
    const tooLarge = viewOf(varint(2n ** 32n));
    throwsUnreadable(() => tagValue(tooLarge, 0, tooLarge.byteLength), /over 2\^29 - 1/);
  });

  it('do not name field 0', () => {
    for (const tag of [0, 2, 7]) {
      throwsUnreadable(() => tagValue(padded(BigInt(tag), 0), 0, 1), /field number 0/);
      throwsUnreadable(() => tagValue(padded(BigInt(tag), 3), 0, 4), /field number 0/);
    }
  });
});

describe('skipping a field', () => {
  it('ends behind a value of every wire type', () => {
    assert.equal(skip(Uint8Array.of(0x20, 0x80, 0x01, 0xff)), 3);
    assert.equal(skip(Buffer.concat([varint(fieldTag(4, WireType.I64)), new Uint8Array(9)])), 9);
    assert.equal(skip(Buffer.concat([varint(fieldTag(4, WireType.I32)), new Uint8Array(9)])), 5);
    assert.equal(skip(Buffer.concat([writeField(4, LEN, new Uint8Array(200)), Uint8Array.of(1)])), 203);
    const inner = Buffer.concat([
      writeField(1, VARINT, varint(-1n)),
      writeField(9, SGROUP, new Uint8Array(0)),
    ]);
    const group = writeField(4, SGROUP, inner);
    assert.equal(skip(Buffer.concat([group, Uint8Array.of(1)])), group.length);
  });

  it('refuses what runs past the end', () => {
    for (const field of [
      writeField(4, LEN, new Uint8Array(200)),
      writeField(4, WireType.I64, new Uint8Array(8)),
      writeField(4, WireType.I32, new Uint8Array(4)),
    ]) {
      throwsUnreadable(() => skip(field.subarray(0, -1)), /past the end/);
    }
    const hugeLength = Buffer.concat([varint(fieldTag(4, WireType.LEN)), varint(2n ** 64n - 1n)]);
    throwsUnreadable(() => skip(hugeLength), /past the end/);
  });

  it('refuses wire types that there are not', () => {
    throwsUnreadable(() => skip(Uint8Array.of(0x0e, 0)), /wire type 6/);
    throwsUnreadable(() => skip(Uint8Array.of(0x0f, 0)), /wire type 7/);
  });

  it('refuses groups that do not pair', () => {
    throwsUnreadable(() => skip(varint(fieldTag(4, EGROUP))), /not begun/);
    throwsUnreadable(() => skip(varint(fieldTag(4, SGROUP))), /cut off/);
    const crossed = Uint8Array.of(fieldTag(4, SGROUP), fieldTag(5, SGROUP), fieldTag(4, EGROUP));
    throwsUnreadable(() => skip(crossed), /not begun/);
  });

  it(`follows groups ${GROUP_DEPTH_MAX} deep and no deeper`, () => {
    const nested = (depth: number): Uint8Array =>
      Buffer.concat([
        new Uint8Array(depth).fill(fieldTag(4, SGROUP)),
        new Uint8Array(depth).fill(fieldTag(4, EGROUP)),
      ]);
    assert.equal(skip(nested(GROUP_DEPTH_MAX)), 2 * GROUP_DEPTH_MAX);
    throwsUnreadable(() => skip(nested(GROUP_DEPTH_MAX + 1)), /nested/);
    throwsUnreadable(() => skip(nested(1_000_000)), /nested/);
  });
});

describe('lastField', () => {
  it('finds the last value of the tag asked for', () => {
    const message = Buffer.concat([
      writeField(1, LEN, Buffer.from('first')),
      writeField(1, LEN, Buffer.from('last'), { tag: 1, length: 2 }),
      writeField(1, VARINT, varint(7)),
    ]);
    const found = lastField(viewOf(message), fieldTag(1, WireType.LEN), 0, message.length);
    assert(found !== null);
    assert.equal(message.toString('utf8', found.start, found.end), 'last');
    const number = lastField(viewOf(message), fieldTag(1, WireType.VARINT), 0, message.length);
    assert(number !== null);
    assert.equal(uint64Value(viewOf(message), number.start, number.end), 7n);
    assert.equal(lastField(viewOf(message), fieldTag(2, WireType.LEN), 0, message.length), null);
  });
});
