/**
 * Taking a segment's whole pending run, so that nothing is lost if the worker dies at any point.
 * Every entry of a run that a server has in hand bears the server's number; `taking` covers the
 * moment between the atomic take and the last mark:
 *
 *   1  taking[w] = newest     2  take, if newest still is     3  mark every entry
 *   4  taking[w] = none       5  turn the run round, serve it
 *
 * Who cleans up after worker w (pool/lost-worker) finds the entries it had: those marked, and, if
 * taking[w] is set and that entry no longer waits in the queue, the chain from there.
 */
import { NO_ENTRY } from '../entries/entry-table.ts';
import { type EngineMemory, WorkerCounter } from './engine-memory.ts';

const NOTHING = 0;

/**
 * Takes the run; the caller holds the segment's lock.
 * @returns its oldest entry, or NO_ENTRY.
 */
export function takeRun(memory: EngineMemory, segment: number, worker: number): number {
  const { queues, taking } = memory;
  for (;;) {
    const newest = queues.peek(segment);
    if (newest === NO_ENTRY) break;
    Atomics.store(taking, worker, newest + 1);
    if (!queues.takeIf(segment, newest)) continue;
    markRun(memory, newest, worker);
    Atomics.store(taking, worker, NOTHING);
    return queues.reverse(newest);
  }
  Atomics.store(taking, worker, NOTHING);
  return NO_ENTRY;
}

/** Marks a chain as in the worker's hands, and counts it as taken by it. */
export function markRun(memory: EngineMemory, newest: number, worker: number): void {
  const { holder, next } = memory.entries;
  let count = 0;
  for (let entry = newest; entry !== NO_ENTRY; entry = next[entry]) {
    holder[entry] = worker + 1;
    count += 1;
  }
  memory.count(worker, WorkerCounter.ENTRIES, count);
}

/** The run that a dead worker was about to mark, newest first, or NO_ENTRY; ends its taking. */
export function abandonedRun(memory: EngineMemory, segment: number, worker: number): number {
  const newest = Atomics.exchange(memory.taking, worker, NOTHING) - 1;
  if (newest === NO_ENTRY || memory.queues.contains(segment, newest)) return NO_ENTRY;
  return newest;
}
