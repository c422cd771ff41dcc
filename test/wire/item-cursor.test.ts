import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EntryTable } from '../../src/entries/entry-table.ts';
import {
  BATCH_ITEMS_FIELD,
  countItems,
  FRAME_SUBMITS_FIELD,
  FRAME_VALIDATES_FIELD,
  ItemCursor,
  readFrameHead,
} from '../../src/wire/item-cursor.ts';
import { viewOf } from '../../src/wire/protobuf-reader.ts';
import { RequestDecoder } from '../../src/wire/request-codec.ts';
import { scattered, submitForms } from '../support/item-forms.ts';
import { type ItemVerdict, judge, verdictOf } from '../support/item-model.ts';
import { decodeBatch, decodeFrame, messageType } from '../support/oracle.ts';
import { LEN, VARINT, varint, writeField } from '../support/wire-forms.ts';

const entries = EntryTable.allocate(1);
const decoder = new RequestDecoder(entries);
const cursor = new ItemCursor();

function walk(bytes: Uint8Array, fieldNumber: number, read: 'submit' | 'validate'): ItemVerdict[] {
  const message = viewOf(bytes);
  const verdicts: ItemVerdict[] = [];
  cursor.reset(message, fieldNumber);
  while (cursor.next()) {
    verdicts.push(verdictOf(decoder[read](message, cursor.start, cursor.end, 0), entries, 0));
  }
  return verdicts;
}

const submitItem = submitForms.map((item) => writeField(FRAME_SUBMITS_FIELD, LEN, item));
const validateItem = submitForms.map((item) => writeField(FRAME_VALIDATES_FIELD, LEN, item));
const frameId = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const frameIdField = frameId.map((value) => writeField(1, VARINT, varint(value)));

describe('walking a batch', () => {
  it('finds the items that protobufjs finds, in order, among unknown fields', () => {
    const batches = scattered(submitForms.map((item) => writeField(BATCH_ITEMS_FIELD, LEN, item)));
    fc.assert(
      fc.property(batches, (bytes) => {
        const expected = decodeBatch('BatchSubmitClaimsRequest', bytes).map((item) => judge(item, true));
        assert.deepEqual(walk(bytes, BATCH_ITEMS_FIELD, 'submit'), expected);
        assert.equal(countItems(viewOf(bytes), BATCH_ITEMS_FIELD), expected.length);
        const validates = decodeBatch('BatchValidateClaimsRequest', bytes).map((item) => judge(item, true));
        assert.deepEqual(walk(bytes, BATCH_ITEMS_FIELD, 'validate'), validates);
      }),
      { numRuns: 1_000 },
    );
  });

  it('finds nothing in an empty message, and an empty item where there is one', () => {
    assert.equal(countItems(viewOf(new Uint8Array(0)), BATCH_ITEMS_FIELD), 0);
    const empty = writeField(BATCH_ITEMS_FIELD, LEN, new Uint8Array(0));
    assert.deepEqual(walk(Buffer.concat([empty, empty]), BATCH_ITEMS_FIELD, 'submit').length, 2);
  });

  it('begins anew with each message', () => {
    const one = writeField(BATCH_ITEMS_FIELD, LEN, new Uint8Array(0));
    cursor.reset(viewOf(Buffer.concat([one, one])), BATCH_ITEMS_FIELD);
    assert.equal(cursor.next(), true);
    cursor.reset(viewOf(one), BATCH_ITEMS_FIELD);
    assert.deepEqual([cursor.next(), cursor.next(), cursor.next()], [true, false, false]);
  });

  it('works on a message that lies within a larger buffer, as grpc-js hands them over', () => {
    const batch = writeField(BATCH_ITEMS_FIELD, LEN, writeField(1, LEN, Buffer.from('c')));
    const larger = Buffer.concat([batch, batch, batch]);
    assert.equal(countItems(viewOf(larger.subarray(batch.length, 2 * batch.length)), BATCH_ITEMS_FIELD), 1);
  });
});

describe('walking a frame', () => {
  it('keeps the order within each kind, however they are interleaved, and the id', () => {
    const frames = scattered(fc.oneof(submitItem, validateItem, frameIdField));
    fc.assert(
      fc.property(frames, (bytes) => {
        const expected = decodeFrame(bytes);
        assert.deepEqual(readFrameHead(viewOf(bytes)), {
          frameId: expected.frameId,
          submits: expected.submits.length,
          validates: expected.validates.length,
        });
        const submits = walk(bytes, FRAME_SUBMITS_FIELD, 'submit');
        assert.deepEqual(
          submits,
          expected.submits.map((item) => judge(item, true)),
        );
        const validates = walk(bytes, FRAME_VALIDATES_FIELD, 'validate');
        assert.deepEqual(
          validates,
          expected.validates.map((item) => judge(item, true)),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it('has ids to 2^64 − 1', () => {
    const type = messageType('ExchangeClaimsRequest');
    for (const id of [0n, 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
      const bytes = type.encode(type.fromObject({ frameId: String(id) })).finish();
      assert.deepEqual(readFrameHead(viewOf(bytes)), { frameId: id, submits: 0, validates: 0 });
    }
  });
});
