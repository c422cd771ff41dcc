import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { viewOf } from '../../src/wire/protobuf-reader.ts';
import {
  bytesFieldLength,
  varintFieldLength,
  varintLength,
  writeBytesField,
  writeUint64Field,
  writeVarint,
  writeVarintField,
} from '../../src/wire/protobuf-writer.ts';
import { LEN, VARINT, varint, writeField } from '../support/wire-forms.ts';

const FIELD = 5;
const VARINT_TAG = FIELD * 8 + VARINT;
const LEN_TAG = FIELD * 8 + LEN;

/** What a writer writes at offset 3 of a buffer, where it must touch nothing else. */
function written(write: (to: DataView, at: number) => number): Buffer {
  const out = Buffer.alloc(256, 0xa5);
  const end = write(viewOf(out), 3);
  assert(out.subarray(0, 3).every((byte) => byte === 0xa5));
  assert(out.subarray(end).every((byte) => byte === 0xa5));
  return out.subarray(3, end);
}

function assertVarint(value: number): void {
  const expected = Buffer.from(varint(value));
  assert.deepEqual(
    written((to, at) => writeVarint(to, at, value)),
    expected,
    `${value}`,
  );
  assert.equal(varintLength(value), expected.length, `${value}`);
}

describe('writing varints', () => {
  it('is exact at every boundary of 7 bits up to 2^53 − 1', () => {
    for (let bits = 0; bits <= 53; bits += 1) {
      for (const value of [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]) {
        if (Number.isSafeInteger(value)) assertVarint(value);
      }
    }
  });

  it('is exact everywhere from 0 to 2^53 − 1', () => {
    fc.assert(fc.property(fc.maxSafeNat(), assertVarint), { numRuns: 2_000 });
  });

  it('writes uint64 fields to 2^64 − 1', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), (value) => {
        const field = written((to, at) => writeUint64Field(to, at, VARINT_TAG, value));
        assert.deepEqual(field, Buffer.from(writeField(FIELD, VARINT, varint(value))));
      }),
    );
    const largest = written((to, at) => writeUint64Field(to, at, VARINT_TAG, 2n ** 64n - 1n));
    assert.equal(largest.length, 11);
  });
});

describe('writing fields', () => {
  it('leaves defaults out, and tells lengths as it writes', () => {
    assert.equal(written((to, at) => writeVarintField(to, at, VARINT_TAG, 0)).length, 0);
    assert.equal(written((to, at) => writeUint64Field(to, at, VARINT_TAG, 0n)).length, 0);
    assert.equal(written((to, at) => writeBytesField(to, at, LEN_TAG, to, 0, 0)).length, 0);
    assert.equal(varintFieldLength(0), 0);
    assert.equal(bytesFieldLength(0), 0);
    const field = written((to, at) => writeVarintField(to, at, VARINT_TAG, 300));
    assert.deepEqual(field, Buffer.from(writeField(FIELD, VARINT, varint(300))));
    assert.equal(varintFieldLength(300), field.length);
  });

  it('writes bytes of every length from shared memory', () => {
    const source = Buffer.from(new SharedArrayBuffer(220));
    for (let i = 0; i < source.length; i += 1) source[i] = i + 1;
    for (let length = 1; length <= 200; length += 1) {
      const field = written((to, at) => writeBytesField(to, at, LEN_TAG, viewOf(source), 7, length));
      assert.deepEqual(field, Buffer.from(writeField(FIELD, LEN, source.subarray(7, 7 + length))));
      assert.equal(bytesFieldLength(length), field.length);
    }
  });
});
