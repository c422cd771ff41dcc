import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RecordLists } from '../../src/registry/record-lists.ts';

const RECORDS = 8;
const LISTS = 3;

/** The list's records from the oldest on, read both ways. */
function membersOf(next: Int32Array, prev: Int32Array, list: number): number[] {
  const forwards: number[] = [];
  for (let node = next[list]; node !== list; node = next[node]) forwards.push(node);
  const backwards: number[] = [];
  for (let node = prev[list]; node !== list; node = prev[node]) backwards.unshift(node);
  assert.deepEqual(backwards, forwards, 'the same both ways');
  return forwards;
}

test('lists are what arrays would be', () => {
  const op = fc.record({
    kind: fc.constantFrom('append', 'append', 'remove', 'appendAll'),
    record: fc.nat(RECORDS - 1),
    list: fc.nat(LISTS - 1),
    other: fc.nat(LISTS - 1),
  });
  fc.assert(
    fc.property(fc.array(op, { maxLength: 120 }), (ops) => {
      const next = new Int32Array(RECORDS + LISTS);
      const prev = new Int32Array(RECORDS + LISTS);
      const lists = new RecordLists(next, prev);
      const model: number[][] = Array.from({ length: LISTS }, () => []);
      for (let node = 0; node < RECORDS + LISTS; node += 1) lists.init(node);
      for (const { kind, record, list, other } of ops) {
        const from = model.findIndex((members) => members.includes(record));
        if (kind === 'append' && from === -1) {
          lists.append(RECORDS + list, record);
          model[list].push(record);
        } else if (kind === 'remove') {
          // Also of a record that is in no list, which changes nothing.
          lists.remove(record);
          if (from !== -1) model[from] = model[from].filter((member) => member !== record);
        } else if (kind === 'appendAll' && list !== other) {
          lists.appendAll(RECORDS + list, RECORDS + other);
          model[list].push(...model[other]);
          model[other] = [];
        }
        model.forEach((members, l) => {
          assert.deepEqual(membersOf(next, prev, RECORDS + l), members);
          assert.equal(lists.isEmpty(RECORDS + l), members.length === 0);
          assert.equal(lists.first(RECORDS + l), members[0] ?? RECORDS + l);
        });
      }
    }),
    { numRuns: 1_000 },
  );
});
