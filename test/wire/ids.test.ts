import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { copyId, IdProblem } from '../../src/wire/ids.ts';
import { viewOf } from '../../src/wire/protobuf-reader.ts';
import { idProblem } from '../support/item-model.ts';

const SLOT_BYTES = 64;
const CANARY = 0xa5;

/** Copies an id that lies within other bytes into the middle of three slots, and checks the others. */
function copy(id: Uint8Array): { problem: IdProblem; copied: Buffer } {
  const around = Buffer.concat([Buffer.from('\u{85}é'), id, Buffer.from('\u{85}é')]);
  const start = Buffer.byteLength('\u{85}é');
  const slots = Buffer.from(new SharedArrayBuffer(3 * SLOT_BYTES)).fill(CANARY);
  const problem = copyId(viewOf(around), start, start + id.length, viewOf(slots), SLOT_BYTES);
  const isUntouched = (byte: number): boolean => byte === CANARY;
  assert(slots.subarray(0, SLOT_BYTES).every(isUntouched), 'the slot before was written to');
  assert(slots.subarray(2 * SLOT_BYTES).every(isUntouched), 'the slot behind was written to');
  return { problem, copied: slots.subarray(SLOT_BYTES, SLOT_BYTES + id.length) };
}

function assertLikeTheModel(id: Uint8Array): void {
  const { problem, copied } = copy(id);
  assert.equal(problem, idProblem(id), Buffer.from(id).toString('hex'));
  if (problem === IdProblem.NONE) assert.deepEqual(copied, Buffer.from(id));
}

const text = fc.string({ unit: 'binary', maxLength: 70 }).map((s) => Buffer.from(s));
const printable = fc
  .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 70 })
  .map((s) => Buffer.from(s));
const anyBytes = fc.uint8Array({ maxLength: 70 });

describe('ids', () => {
  it('are what a regular expression and a strict decoder say they are', () => {
    fc.assert(fc.property(fc.oneof(text, printable, anyBytes), assertLikeTheModel), { numRuns: 5_000 });
  });

  it('with one odd byte are judged alike wherever it stands, at every length', () => {
    const odd = [0x00, 0x0a, 0x1f, 0x20, 0x7e, 0x7f, 0x80, 0x9f, 0xa0, 0xc2, 0xff];
    for (let length = 1; length <= SLOT_BYTES + 1; length += 1) {
      for (let at = 0; at < length; at += 1) {
        for (const byte of odd) assertLikeTheModel(Buffer.alloc(length, 'x').fill(byte, at, at + 1));
      }
    }
  });

  it('have no control character of any kind, and any other character', () => {
    for (let code = 0; code <= 0x2fff; code += 1) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      const id = Buffer.from(`a${String.fromCodePoint(code)}b`);
      const isControl = code < 0x20 || (code >= 0x7f && code <= 0x9f);
      assert.equal(
        copy(id).problem,
        isControl ? IdProblem.CONTROL : IdProblem.NONE,
        `U+${code.toString(16)}`,
      );
    }
  });

  it('are 1 to 64 bytes, however many characters that is', () => {
    assert.equal(copy(Buffer.from('')).problem, IdProblem.EMPTY);
    assert.equal(copy(Buffer.from('x'.repeat(64))).problem, IdProblem.NONE);
    assert.equal(copy(Buffer.from('x'.repeat(65))).problem, IdProblem.TOO_LONG);
    assert.equal(copy(Buffer.from('宝'.repeat(21))).problem, IdProblem.NONE);
    assert.equal(copy(Buffer.from('宝'.repeat(22))).problem, IdProblem.TOO_LONG);
    assert.equal(copy(Buffer.from('💎'.repeat(16))).problem, IdProblem.NONE);
  });

  it('are no surrogates, over-long forms or cut characters', () => {
    for (const hex of ['eda080', 'c080', 'e08080', 'f4908080', 'e5ae', '80', 'f0808080']) {
      assert.equal(copy(Buffer.from(hex, 'hex')).problem, IdProblem.NOT_UTF8, hex);
    }
  });
});
