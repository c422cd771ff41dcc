/**
 * A lock word per segment. Who holds it may take the segment's run and write its part of the
 * table; nobody waits for it: a worker that finds it held does something else.
 */
import { assert } from '../domain/assert.ts';

const FREE = 0;

export function tryLock(locks: Int32Array, segment: number, worker: number): boolean {
  return Atomics.compareExchange(locks, segment, FREE, worker + 1) === FREE;
}

export function unlock(locks: Int32Array, segment: number, worker: number): void {
  const held = Atomics.compareExchange(locks, segment, worker + 1, FREE);
  assert(held === worker + 1, `segment ${segment} was locked by ${held - 1}, not by ${worker}`);
}

export function isLocked(locks: Int32Array, segment: number): boolean {
  return Atomics.load(locks, segment) !== FREE;
}

/** The segments whose lock the worker holds: at most one, unless the worker is dead. */
export function lockedBy(locks: Int32Array, worker: number): number[] {
  const held: number[] = [];
  for (let segment = 0; segment < locks.length; segment += 1) {
    if (Atomics.load(locks, segment) === worker + 1) held.push(segment);
  }
  return held;
}
