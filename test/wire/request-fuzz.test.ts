/**
 * Bytes that nobody meant as a message: random ones, cut ones, good ones with bits turned. The
 * reader accepts exactly what the plain one in test/support does, agrees with protobufjs where
 * both read, looks at no byte outside the item and writes to no other entry.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { InvalidArgument } from '../../src/domain/errors.ts';
import { EntryTable } from '../../src/entries/entry-table.ts';
import { BATCH_ITEMS_FIELD, ItemCursor } from '../../src/wire/item-cursor.ts';
import { viewOf } from '../../src/wire/protobuf-reader.ts';
import { describeProblem } from '../../src/wire/reasons.ts';
import { ITEM_OK, RequestDecoder } from '../../src/wire/request-codec.ts';
import { submitBytes, submitForms } from '../support/item-forms.ts';
import { type ItemVerdict, judge, verdictOf } from '../support/item-model.ts';
import { decodeItem, type OracleItem } from '../support/oracle.ts';
import {
  LEN,
  lastValue,
  readFields,
  VARINT,
  varintOf,
  type WireField,
  writeField,
} from '../support/wire-forms.ts';

const UNREADABLE = 'unreadable';
type Verdict = ItemVerdict | typeof UNREADABLE;

const ENTRY = 1;
const entries = EntryTable.allocate(3);
const decoder = new RequestDecoder(entries);
const tableBytes = Buffer.from(entries.buffer);
const PRISTINE = Buffer.alloc(tableBytes.length, 0xa5);
/** What lies around the item: bytes that would go on with whatever it ends in. */
const SURROUNDINGS = [0x00, 0x0a, 0xff].map((byte) => Buffer.alloc(80, byte));

const itemTypes = {
  SubmitClaimRequest: (message: DataView, start: number, end: number) =>
    decoder.submit(message, start, end, ENTRY),
  ValidateClaimRequest: (message: DataView, start: number, end: number) =>
    decoder.validate(message, start, end, ENTRY),
};
type ItemType = keyof typeof itemTypes;

/** Decodes among other bytes and entries, and checks that neither matter nor change. */
function decode(type: ItemType, item: Uint8Array): Verdict {
  const verdicts = SURROUNDINGS.map((around) => decodeAmong(type, item, around));
  assert.deepEqual(verdicts[1], verdicts[0], 'depends on bytes outside the item');
  assert.deepEqual(verdicts[2], verdicts[0], 'depends on bytes outside the item');
  return verdicts[0];
}

function decodeAmong(type: ItemType, item: Uint8Array, around: Buffer): Verdict {
  const message = viewOf(Buffer.concat([around, item, around]));
  const end = around.length + item.length;
  PRISTINE.copy(tableBytes);
  try {
    const problem = itemTypes[type](message, around.length, end);
    const verdict = verdictOf(problem, entries, ENTRY);
    if (problem !== ITEM_OK) describeProblem(problem, message, around.length, end);
    return verdict;
  } catch (error) {
    assertUnreadable(error);
    return UNREADABLE;
  } finally {
    assertNeighboursUntouched();
  }
}

function assertUnreadable(error: unknown): void {
  if (!(error instanceof InvalidArgument)) throw error;
  assert.equal(error.field, 'message');
}

function assertNeighboursUntouched(): void {
  const at = entries.claimOffset(ENTRY);
  entries.ids.fill(0xa5, at, at + 128);
  new Uint8Array(entries.timestampMs.buffer, entries.timestampMs.byteOffset + ENTRY * 8, 8).fill(0xa5);
  entries.claimLength[ENTRY] = 0xa5;
  entries.playerLength[ENTRY] = 0xa5;
  assert(tableBytes.equals(PRISTINE), 'wrote outside the columns of its entry');
}

/** What the fields of the plain reader amount to. */
function itemOf(fields: WireField[], type: ItemType): OracleItem {
  const time = type === 'SubmitClaimRequest' ? lastValue(fields, 3, VARINT) : null;
  return {
    claimId: lastValue(fields, 1, LEN) ?? new Uint8Array(0),
    playerId: lastValue(fields, 2, LEN) ?? new Uint8Array(0),
    timestampMs: time === null ? null : BigInt.asIntN(64, varintOf(time)),
  };
}

/** Whether protobufjs reads these fields as the format has it (request-codec.test says what it does). */
function isReadAlike(fields: WireField[]): boolean {
  const wireTypes = new Map([
    [1, LEN],
    [2, LEN],
    [3, VARINT],
  ]);
  return fields.every((f) => f.isPlain && (wireTypes.get(f.number) ?? f.wireType) === f.wireType);
}

let readByBoth = 0;

function check(item: Uint8Array): void {
  const fields = readFields(item);
  for (const type of ['SubmitClaimRequest', 'ValidateClaimRequest'] as const) {
    const verdict = decode(type, item);
    assert.deepEqual(verdict, fields === null ? UNREADABLE : judge(itemOf(fields, type), true));
    if (fields === null || !isReadAlike(fields)) continue;
    assert.deepEqual(verdict, judge(decodeItem(type, item), true));
    readByBoth += 1;
  }
}

/** Bytes that often make fields: tags, short lengths, ends of groups, beginnings of long varints. */
const TELLING = [0x0a, 0x12, 0x18, 0x10, 0x0b, 0x0c, 0x23, 0x24, 0x25, 0x21, 0, 1, 2, 3, 0x61, 0x80, 0xff];
const tellingBytes = fc.array(fc.constantFrom(...TELLING), { maxLength: 24 }).map((a) => Uint8Array.from(a));

describe('bytes nobody meant as an item', () => {
  it('random ones: 100,000 of them', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), check), { numRuns: 50_000 });
    fc.assert(fc.property(tellingBytes, check), { numRuns: 50_000 });
    assert(readByBoth > 5_000, `protobufjs read only ${readByBoth} of them too`);
  });

  it('good ones cut anywhere', () => {
    fc.assert(
      fc.property(submitForms, (item) => {
        for (let length = 0; length <= item.length; length += 1) check(item.subarray(0, length));
      }),
      { numRuns: 100 },
    );
  });

  it('good ones with bits turned', () => {
    const turned = fc.tuple(submitForms, fc.array(fc.nat(), { minLength: 1, maxLength: 4 }));
    fc.assert(
      fc.property(turned, ([item, bits]) => {
        check(turnBits(item, bits));
      }),
      { numRuns: 10_000 },
    );
  });
});

describe('bytes nobody meant as a batch', () => {
  const cursor = new ItemCursor();
  const items = fc.array(submitBytes, { maxLength: 4 });

  /** The verdict of each item that is found, and UNREADABLE at the end where the batch is that. */
  function walk(batch: Uint8Array): Verdict[] {
    const found: Verdict[] = [];
    try {
      cursor.reset(viewOf(batch), BATCH_ITEMS_FIELD);
      while (cursor.next()) {
        found.push(decode('SubmitClaimRequest', batch.subarray(cursor.start, cursor.end)));
      }
    } catch (error) {
      assertUnreadable(error);
      found.push(UNREADABLE);
    }
    return found;
  }

  function verdictByModel(item: Uint8Array): Verdict {
    const fields = readFields(item);
    return fields === null ? UNREADABLE : judge(itemOf(fields, 'SubmitClaimRequest'), true);
  }

  function batchOf(messages: Uint8Array[]): Buffer {
    return Buffer.concat(messages.map((item) => writeField(BATCH_ITEMS_FIELD, LEN, item)));
  }

  it('good ones cut anywhere: unreadable, but for the items before the cut', () => {
    fc.assert(
      fc.property(items, submitBytes, (before, last) => {
        const start = batchOf(before);
        const batch = batchOf([...before, last]);
        const verdicts = before.map(verdictByModel);
        assert.deepEqual(walk(start), verdicts);
        for (let length = start.length + 1; length < batch.length; length += 1) {
          assert.deepEqual(walk(batch.subarray(0, length)), [...verdicts, UNREADABLE]);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('good ones with bits turned: as the plain reader has it', () => {
    fc.assert(
      fc.property(items, fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), (messages, bits) => {
        const batch = turnBits(batchOf(messages), bits);
        const fields = readFields(batch);
        const verdicts = walk(batch);
        if (fields === null) {
          assert.equal(verdicts.at(-1), UNREADABLE);
          return;
        }
        const values = fields.filter((f) => f.number === BATCH_ITEMS_FIELD && f.wireType === LEN);
        assert.deepEqual(
          verdicts,
          values.map((f) => verdictByModel(f.value)),
        );
      }),
      { numRuns: 3_000 },
    );
  });
});

/** A copy in which some bits are others; each number says which, modulo the length. */
function turnBits(bytes: Uint8Array, bits: number[]): Buffer {
  const turned = Buffer.from(bytes);
  for (const bit of bits) {
    if (turned.length > 0) turned[(bit >> 3) % turned.length] ^= 1 << (bit & 7);
  }
  return turned;
}
