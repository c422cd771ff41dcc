import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ID_MAX_BYTES } from '../../src/domain/claim.ts';
import { ENTRY_ID_BYTES, EntryMark, EntryTable } from '../../src/entries/entry-table.ts';

type Column = Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array;

/** Bytes an entry of the columns that have more than one value of each. */
const WIDE: Readonly<Record<string, number>> = {
  ids: ENTRY_ID_BYTES,
  marks: 8 * Object.keys(EntryMark).length,
};

/** Every column by name, found by looking, so that a new one is tested without being listed. */
function columns(entries: EntryTable): [string, Column][] {
  return Object.entries(entries).filter((field): field is [string, Column] => ArrayBuffer.isView(field[1]));
}

function bytesOf(column: Column): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}

/** A byte that depends on column and place, and is never 0. */
function patternAt(column: number, byte: number): number {
  return 1 + ((column * 89 + byte * 7 + (byte >> 8)) % 255);
}

for (const capacity of [1, 2, 3, 7, 64, 1_001]) {
  test(`of ${capacity} entries no two columns share a byte, and none is wasted`, () => {
    const entries = EntryTable.allocate(capacity);
    const all = columns(entries);
    assert.equal(entries.capacity, capacity);
    assert.equal(all.length, 18, 'columns of the diagram, ids as one');
    all.forEach(([, column], c) => {
      bytesOf(column).forEach((_, i, bytes) => {
        bytes[i] = patternAt(c, i);
      });
    });
    all.forEach(([name, column], c) => {
      const isWhole = bytesOf(column).every((byte, i) => byte === patternAt(c, i));
      assert.ok(isWhole, `another column wrote into ${name}`);
      const each = column.byteLength / capacity;
      assert.equal(each, WIDE[name] ?? column.BYTES_PER_ELEMENT, name);
    });
    const sum = all.reduce((bytes, [, column]) => bytes + column.byteLength, 0);
    assert.equal(sum, EntryTable.byteLength(capacity));
    assert.equal(sum, capacity * 236, 'bytes an entry, as the diagram adds up');
  });
}

test('the values of each entry are its own, at the ends of their ranges', () => {
  const entries = EntryTable.allocate(5);
  const numbers = columns(entries).filter(([name]) => name !== 'ids');
  const extremeOf = (column: Column, entry: number): number => {
    if (column instanceof Float64Array) return Number.MAX_SAFE_INTEGER - entry;
    if (column instanceof Int32Array) return entry % 2 === 0 ? -1 - entry : 2 ** 31 - 1 - entry;
    return 2 ** (8 * column.BYTES_PER_ELEMENT) - 1 - entry;
  };
  for (const [, column] of numbers) {
    for (let entry = 0; entry < 5; entry += 1) column[entry] = extremeOf(column, entry);
  }
  for (const [name, column] of numbers) {
    for (let entry = 0; entry < 5; entry += 1) {
      assert.equal(column[entry], extremeOf(column, entry), `${name}[${entry}]`);
    }
  }
});

test('ids of every length stand beside each other without touching their neighbours', () => {
  const entries = EntryTable.allocate(3);
  for (let length = 1; length <= ID_MAX_BYTES; length += 1) {
    const ids = ['a', 'b', 'c'].map((letter) => letter.repeat(length));
    const players = ['x', 'y', 'z'].map((letter) => letter.repeat(ID_MAX_BYTES + 1 - length));
    ids.forEach((id, entry) => {
      entries.setClaimId(entry, id);
      entries.setPlayerId(entry, players[entry]);
    });
    ids.forEach((id, entry) => {
      assert.equal(entries.claimId(entry), id);
      assert.equal(entries.playerId(entry), players[entry]);
      assert.equal(entries.claimLength[entry], length);
    });
  }
});

test('lengths are bytes of UTF-8, not characters', () => {
  const entries = EntryTable.allocate(2);
  const id = '宝箱🗝️';
  entries.setClaimId(1, id);
  entries.setPlayerId(1, 'ü'.repeat(32));
  assert.equal(entries.claimLength[1], Buffer.byteLength(id));
  assert.equal(entries.playerLength[1], 64);
  assert.equal(entries.claimId(1), id);
  assert.equal(entries.playerId(1), 'ü'.repeat(32));
});

test('a table attached to the same buffer sees the same entries', () => {
  const entries = EntryTable.allocate(9);
  const attached = new EntryTable(entries.buffer);
  entries.setClaimId(8, 'chest-1');
  entries.timestampMs[8] = 1_700_000_000_000;
  assert.equal(attached.capacity, 9);
  assert.equal(attached.claimId(8), 'chest-1');
  assert.equal(attached.timestampMs[8], 1_700_000_000_000);
});

test('marks of an entry are its own, and of its last way alone', () => {
  const entries = EntryTable.allocate(3);
  const all = Object.values(EntryMark);
  for (let entry = 0; entry < 3; entry += 1) {
    for (const mark of all) entries.mark(entry, mark, 100 * entry + mark);
  }
  const marksOf = (entry: number) => all.map((mark) => entries.markOf(entry, mark));
  entries.markDispatched(1, 7, 9);
  assert.deepEqual(
    marksOf(0),
    all.map((mark) => mark),
  );
  assert.deepEqual(marksOf(1), [7, 9, Number.NaN, Number.NaN, Number.NaN, Number.NaN, 0, 0]);
  assert.deepEqual(
    marksOf(2),
    all.map((mark) => 200 + mark),
  );
});
