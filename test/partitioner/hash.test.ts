import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hashBytes } from '../../src/partitioner/hash.ts';

function hashOf(bytes: Uint8Array, seed: number): number {
  return hashBytes(bytes, 0, bytes.length, seed);
}

/** Published vectors of MurmurHash3 x86_32: text or bytes, seed, hash. */
const VECTORS: readonly (readonly [string | readonly number[], number, number])[] = [
  ['', 0, 0],
  ['', 1, 0x514e28b7],
  ['', 0xffffffff, 0x81f16f39],
  [[0xff, 0xff, 0xff, 0xff], 0, 0x76293b50],
  [[0x21, 0x43, 0x65, 0x87], 0, 0xf55b516b],
  [[0x21, 0x43, 0x65, 0x87], 0x5082edee, 0x2362f9de],
  [[0x21, 0x43, 0x65], 0, 0x7e4a8634],
  [[0x21, 0x43], 0, 0xa0f7b07a],
  [[0x21], 0, 0x72661cf4],
  [[0, 0, 0, 0], 0, 0x2362f9de],
  [[0, 0, 0], 0, 0x85f0b427],
  [[0, 0], 0, 0x30f4c306],
  [[0], 0, 0x514e28b7],
  ['aaaa', 0x9747b28c, 0x5a97808a],
  ['aaa', 0x9747b28c, 0x283e0130],
  ['aa', 0x9747b28c, 0x5d211726],
  ['a', 0x9747b28c, 0x7fa09ea6],
  ['abcd', 0x9747b28c, 0xf0478627],
  ['abc', 0x9747b28c, 0xc84a62dd],
  ['ab', 0x9747b28c, 0x74875592],
  ['test', 0, 0xba6bd213],
  ['test', 0x9747b28c, 0x704b81dc],
  ['Hello, world!', 0, 0xc0363e43],
  ['Hello, world!', 0x9747b28c, 0x24884cba],
  ['ππππππππ', 0x9747b28c, 0xd58063c1],
  ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
  ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ['a'.repeat(256), 0x9747b28c, 0x37405bdc],
];

for (const [key, seed, hash] of VECTORS) {
  const shown = typeof key === 'string' ? JSON.stringify(key.slice(0, 20)) : `bytes ${key}`;
  test(`published: ${shown}, seed 0x${seed.toString(16)}`, () => {
    const bytes = typeof key === 'string' ? Buffer.from(key) : Uint8Array.from(key);
    assert.equal(hashOf(bytes, seed).toString(16), hash.toString(16));
  });
}

test('SMHasher’s own check of every length from 0 to 255 gives its published value', () => {
  // KeysetTest.cpp, VerificationTest: keys {}, {0}, {0,1} … with seed 256 − length, their hashes
  // hashed again.
  const key = Uint8Array.from({ length: 256 }, (_, i) => i);
  const hashes = new DataView(new ArrayBuffer(256 * 4));
  for (let length = 0; length < 256; length += 1) {
    hashes.setUint32(length * 4, hashBytes(key, 0, length, 256 - length), true);
  }
  assert.equal(hashOf(new Uint8Array(hashes.buffer), 0), 0xb0f57ee3);
});

test('only the bytes of the range count, wherever it lies', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.uint8Array({ maxLength: 9 }),
      fc.uint8Array({ maxLength: 9 }),
      fc.nat(0xffffffff),
      (id, before, behind, seed) => {
        const memory = Uint8Array.from([...before, ...id, ...behind]);
        const hash = hashBytes(memory, before.length, before.length + id.length, seed);
        assert.equal(hash, hashOf(id, seed));
        assert.ok(Number.isInteger(hash) && hash >= 0 && hash < 2 ** 32, `${hash} is unsigned, of 32 bits`);
      },
    ),
  );
});
