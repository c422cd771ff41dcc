/**
 * Numbers of claims of which nine of ten lie in the first half of the hash's range: in the segments of
 * the first of two workers, and in half of the shards of a store.
 */
import { hashBytes } from '../../src/partitioner/hash.ts';

/** Of ten claims, how many lie in the first half. */
const SKEWED_SHARE = 9;
const MIDDLE = 2 ** 31;

/** Claims of a run that can be skewed: five seconds of 400,000/s; found before the load begins. */
export const SKEWED_CLAIMS_MAX = 2_000_000;

/** @param idOf the bytes of the id of a claim by its number, valid until the next. */
export function skewedNumbers(count: number, idOf: (claimNumber: number) => Uint8Array): Uint32Array {
  const numbers = new Uint32Array(count);
  /** Of both halves: the last number that was looked at. */
  const last = [-1, -1];
  for (let n = 0; n < count; n++) {
    const half = n % 10 < SKEWED_SHARE ? 0 : 1;
    do last[half]++;
    while (halfOf(idOf(last[half])) !== half);
    numbers[n] = last[half];
  }
  return numbers;
}

function halfOf(id: Uint8Array): number {
  return hashBytes(id, 0, id.length) < MIDDLE ? 0 : 1;
}
