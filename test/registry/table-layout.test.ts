import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  HEADER_WORDS,
  listNodes,
  type PartLayout,
  partLayout,
  RECORD_ID_BYTES,
  type TableShape,
  tableBytes,
  tableShape,
} from '../../src/registry/table-layout.ts';

const CACHE_LINE_BYTES = 64;

const shapes = fc.record({
  capacity: fc.integer({ min: 1, max: 200_000 }),
  segments: fc.integer({ min: 0, max: 10 }).map((bits) => 2 ** bits),
  windowEpochs: fc.integer({ min: 1, max: 4_097 }),
});

/** Bytes and alignment of each column, as ClaimTable makes its views. */
function columns(layout: PartLayout, shape: TableShape): { at: number; bytes: number; aligned: number }[] {
  const { records, buckets } = shape;
  const nodes = listNodes(shape);
  return [
    { at: layout.header, bytes: 8 + HEADER_WORDS * 4, aligned: 8 },
    { at: layout.timestampMs, bytes: records * 8, aligned: 8 },
    { at: layout.endEpoch, bytes: records * 8, aligned: 8 },
    { at: layout.hash, bytes: records * 4, aligned: 4 },
    { at: layout.next, bytes: nodes * 4, aligned: 4 },
    { at: layout.prev, bytes: nodes * 4, aligned: 4 },
    { at: layout.index, bytes: buckets * 4, aligned: 4 },
    { at: layout.status, bytes: records, aligned: 1 },
    { at: layout.claimLength, bytes: records, aligned: 1 },
    { at: layout.playerLength, bytes: records, aligned: 1 },
    { at: layout.ids, bytes: records * RECORD_ID_BYTES, aligned: 1 },
  ];
}

test('columns are aligned, share no byte, and end within their part; parts share no cache line', () => {
  fc.assert(
    fc.property(shapes, ({ capacity, segments, windowEpochs }) => {
      const shape = tableShape(capacity, segments, windowEpochs);
      const layout = partLayout(shape);
      assert.equal(Object.keys(layout).length, columns(layout, shape).length + 1, 'columns and byteLength');
      let end = 0;
      for (const { at, bytes, aligned } of columns(layout, shape).sort((a, b) => a.at - b.at)) {
        assert.ok(at >= end && at % aligned === 0, `a column at ${at}, the one before ends at ${end}`);
        end = at + bytes;
      }
      assert.ok(layout.byteLength >= end && layout.byteLength < end + CACHE_LINE_BYTES);
      assert.equal(layout.byteLength % CACHE_LINE_BYTES, 0);
      assert.equal(tableBytes(shape), layout.byteLength * segments);
    }),
  );
});

test('the shape has room for what was asked, in powers of two', () => {
  const isPowerOfTwo = (n: number) => Number.isInteger(Math.log2(n));
  fc.assert(
    fc.property(shapes, ({ capacity, segments, windowEpochs }) => {
      const shape = tableShape(capacity, segments, windowEpochs);
      assert.equal(shape.segments, segments);
      assert.ok(shape.records * segments >= capacity, 'every claim has a record');
      assert.ok(shape.records === 1 || shape.records * segments < 2 * capacity, 'rounded up, no further');
      assert.ok(isPowerOfTwo(shape.buckets) && shape.buckets >= 2 * shape.records);
      assert.ok(isPowerOfTwo(shape.wheelSlots), 'slots are a power of two');
      assert.ok(shape.wheelSlots > windowEpochs, 'no two epochs of the window share a slot');
    }),
  );
});

test('a record takes 167 bytes, as the diagram says, beside header and wheel', () => {
  for (const records of [1_024, 4_096, 65_536]) {
    const shape = tableShape(records, 1, 3);
    const besideBytes = 8 + HEADER_WORDS * 4 + 2 * 4 * (shape.wheelSlots + 2);
    assert.equal(Math.floor((partLayout(shape).byteLength - besideBytes) / records), 167);
  }
});
