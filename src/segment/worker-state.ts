/** Whether a worker is awake, asleep or dead: a word per worker, which its thread sleeps on. */
import type { EngineMemory } from './engine-memory.ts';

export const WorkerState = { AWAKE: 0, PARKED: 1, DEAD: 2 } as const;

/** Wakes a parked worker; false where it is not asleep. */
export function wakeWorker(memory: EngineMemory, worker: number): boolean {
  const { parked } = memory;
  if (Atomics.load(parked, worker) !== WorkerState.PARKED) return false;
  const seen = Atomics.compareExchange(parked, worker, WorkerState.PARKED, WorkerState.AWAKE);
  if (seen !== WorkerState.PARKED) return false;
  Atomics.notify(parked, worker);
  return true;
}

/** Until its task runs again, there is nobody to wake. */
export function markDead(memory: EngineMemory, worker: number): void {
  Atomics.store(memory.parked, worker, WorkerState.DEAD);
}
