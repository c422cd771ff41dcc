import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EntryTable } from '../../src/entries/entry-table.ts';
import { viewOf } from '../../src/wire/protobuf-reader.ts';
import { ITEM_OK, RequestDecoder } from '../../src/wire/request-codec.ts';
import { submitForms } from '../support/item-forms.ts';
import { type ItemVerdict, judge, verdictOf } from '../support/item-model.ts';
import { decodeItem, messageType } from '../support/oracle.ts';
import { I32, I64, LEN, SGROUP, VARINT, varint, writeField } from '../support/wire-forms.ts';

const ENTRY = 1;
const entries = EntryTable.allocate(3);
const decoder = new RequestDecoder(entries);

function submit(bytes: Uint8Array): ItemVerdict {
  return verdictOf(decoder.submit(viewOf(bytes), 0, bytes.length, ENTRY), entries, ENTRY);
}
/** Without its timestamp, which these requests don't have. */
function validate(bytes: Uint8Array): ItemVerdict {
  return verdictOf(decoder.validate(viewOf(bytes), 0, bytes.length, ENTRY), entries, ENTRY);
}
function get(bytes: Uint8Array, needsPlayer: boolean): ItemVerdict {
  return verdictOf(decoder.get(viewOf(bytes), 0, bytes.length, needsPlayer, ENTRY), entries, ENTRY);
}

function submitRequest(fields: Record<string, unknown>): Uint8Array {
  const type = messageType('SubmitClaimRequest');
  return type.encode(type.fromObject(fields)).finish();
}

const GOOD = submitRequest({ claimId: 'treasure-1', playerId: 'игрок-7', timestampMs: 1_700_000_000_000 });
const GOOD_ITEM = { claimId: 'treasure-1', playerId: 'игрок-7', timestampMs: 1_700_000_000_000 };

describe('decoding an item', () => {
  it('gives what protobufjs gives, in every form of the wire', () => {
    fc.assert(
      fc.property(submitForms, (bytes) => {
        assert.deepEqual(submit(bytes), judge(decodeItem('SubmitClaimRequest', bytes), true));
        assert.deepEqual(validate(bytes), judge(decodeItem('ValidateClaimRequest', bytes), true));
        assert.deepEqual(get(bytes, true), judge(decodeItem('GetClaimRequest', bytes), true));
        assert.deepEqual(get(bytes, false), judge(decodeItem('GetClaimRequest', bytes), false));
      }),
      { numRuns: 3_000 },
    );
  });

  it('reads only the part of the message it is given', () => {
    const around = Buffer.concat([
      submitRequest({ claimId: 'before' }),
      GOOD,
      submitRequest({ claimId: 'behind' }),
    ]);
    const start = submitRequest({ claimId: 'before' }).length;
    const problem = decoder.submit(viewOf(around), start, start + GOOD.length, ENTRY);
    assert.deepEqual(verdictOf(problem, entries, ENTRY), GOOD_ITEM);
  });

  it('takes the last of repeated fields, be it good or bad', () => {
    const bad = submitRequest({ playerId: 'a\nb', timestampMs: -1 });
    const empty = writeField(1, LEN, new Uint8Array(0));
    assert.deepEqual(submit(Buffer.concat([empty, bad, GOOD])), GOOD_ITEM);
    assert.deepEqual(submit(Buffer.concat([GOOD, empty])), { problem: '1: 1' });
    assert.deepEqual(submit(Buffer.concat([GOOD, bad])), { problem: '2: 4' });
  });

  it('leaves nothing of an earlier claim in the entry', () => {
    assert.equal(decoder.submit(viewOf(GOOD), 0, GOOD.length, ENTRY), ITEM_OK);
    const withoutTime = submitRequest({ claimId: 'c', playerId: 'p' });
    assert.deepEqual(submit(withoutTime), { claimId: 'c', playerId: 'p', timestampMs: null });
    assert.deepEqual(get(submitRequest({ claimId: 'd' }), false), {
      claimId: 'd',
      playerId: '',
      timestampMs: null,
    });
  });

  it('tells an absent timestamp from one of 0', () => {
    assert.deepEqual(submit(submitRequest({ claimId: 'c', playerId: 'p', timestampMs: 0 })), {
      claimId: 'c',
      playerId: 'p',
      timestampMs: 0,
    });
  });

  it('of a get without need of a player takes one that is given, if it is good', () => {
    assert.deepEqual(get(GOOD, false), { ...GOOD_ITEM, timestampMs: null });
    assert.deepEqual(get(submitRequest({ claimId: 'c', playerId: 'x'.repeat(65) }), false), {
      problem: '2: 2',
    });
    assert.deepEqual(get(submitRequest({ claimId: 'c', playerId: '' }), true), { problem: '2: 1' });
  });
});

describe('what protobufjs misreads', () => {
  it('a known field of another wire type is unknown, as in the official parsers', () => {
    // protobufjs takes the field's number alone, and reads the value as what it should have been.
    const others = [VARINT, I64, I32, SGROUP];
    for (const wireType of others) {
      const value = { [VARINT]: varint(5), [I64]: new Uint8Array(8), [I32]: new Uint8Array(4) }[wireType];
      for (const number of [1, 2]) {
        const field = writeField(number, wireType, value ?? new Uint8Array(0));
        assert.deepEqual(submit(Buffer.concat([field, GOOD, field])), GOOD_ITEM);
      }
    }
    assert.deepEqual(submit(Buffer.concat([GOOD, writeField(3, LEN, varint(5))])), GOOD_ITEM);
    assert.deepEqual(submit(Buffer.concat([GOOD, writeField(3, I64, new Uint8Array(8))])), GOOD_ITEM);
  });

  it('tags and lengths of 6 to 9 bytes', () => {
    // protobufjs reads 5 bytes of a uint32, and where there are more takes it that there are 10.
    for (let padding = 0; padding <= 9; padding += 1) {
      const claim = writeField(1, LEN, Buffer.from('c'), { tag: padding, length: padding });
      const player = writeField(2, LEN, Buffer.from('p'), { tag: 9 - padding, length: padding });
      const bytes = Buffer.concat([claim, player]);
      assert.deepEqual(submit(bytes), { claimId: 'c', playerId: 'p', timestampMs: null });
    }
  });
});
