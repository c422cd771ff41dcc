/**
 * MurmurHash3 x86 32-bit (Austin Appleby, public domain: github.com/aappleby/smhasher), over a
 * range of bytes. Its high bits choose the segment, its low bits the place in the segment's table;
 * both ends are well mixed by its final step.
 */
const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

/** @returns an unsigned 32-bit hash of bytes[start … end − 1]. */
export function hashBytes(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  const length = end - start;
  const tail = start + (length & ~3);
  let h = seed;
  for (let i = start; i < tail; i += 4) {
    const k = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    h = Math.imul(rotateLeft(h ^ mixBlock(k), 13), 5) + 0xe6546b64;
  }
  let k = 0;
  for (let i = end - 1; i >= tail; i -= 1) k = (k << 8) | bytes[i];
  return finish(h ^ mixBlock(k) ^ length);
}

function mixBlock(k: number): number {
  return Math.imul(rotateLeft(Math.imul(k, C1), 15), C2);
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

function finish(h: number): number {
  let x = h;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
