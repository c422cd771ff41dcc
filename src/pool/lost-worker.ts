/**
 * Cleaning up after a worker that died: finds the entries it had in hand, empties the segment it
 * was writing to, and lets others serve it again. Runs on the coordinator's thread.
 */

import type { EngineMemory } from '../segment/engine-memory.ts';
import { abandonedRun, markRun } from '../segment/run-taker.ts';
import { lockedBy, unlock } from '../segment/segment-lock.ts';
import type { WorkerLoss } from './segment-pool.ts';

/**
 * @param drainAll has everything taken from the commit, coordinator and ingress queues, and unmarked:
 *   what the worker had passed on is not lost.
 */
export async function cleanUpAfter(
  memory: EngineMemory,
  worker: number,
  reason: string,
  drainAll: () => Promise<void>,
): Promise<WorkerLoss> {
  const segments = lockedBy(memory.locks, worker);
  for (const segment of segments) markRun(memory, abandonedRun(memory, segment, worker), worker);
  await drainAll();
  const entries = entriesHeldBy(memory, worker);
  for (const segment of segments) {
    const table = memory.tables[segment];
    table.reset(table.epoch, reservedIn(memory, segment));
    unlock(memory.locks, segment, worker);
  }
  return { worker, reason, entries, segments };
}

/** The entries in the dead worker's hands, taken from them and stripped of reserved records. */
function entriesHeldBy(memory: EngineMemory, worker: number): number[] {
  const { entries } = memory;
  const held: number[] = [];
  for (let entry = 0; entry < entries.capacity; entry += 1) {
    if (entries.holder[entry] !== worker + 1) continue;
    entries.holder[entry] = 0;
    entries.reserved[entry] = 0;
    held.push(entry);
  }
  return held;
}

/** Records that claims on their way to the store still count on. */
function reservedIn(memory: EngineMemory, segment: number): number {
  const { entries } = memory;
  let reserved = 0;
  for (let entry = 0; entry < entries.capacity; entry += 1) {
    if (entries.reserved[entry] === 1 && entries.segment[entry] === segment) reserved += 1;
  }
  return reserved;
}
