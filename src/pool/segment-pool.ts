/**
 * Who serves the segments: worker threads (threaded-pool) or the calling thread itself
 * (inline-pool: tests, simulation). Both are held to test/pool/pool-contract.ts.
 */
import type { EngineMemory } from '../segment/engine-memory.ts';

/** What the pool's user does when the pool has something for it; called on the user's thread. */
export interface PoolEvents {
  /** Entries may lie in the commit, coordinator and ingress queues: take them all. */
  drain(): void;
  /** Likewise every ingress thread its own; resolves when all have. */
  drainAll(): Promise<void>;
  /** A worker died. Called after a drain; the segments are empty and served again. */
  workerLost(loss: WorkerLoss): void;
}

export interface WorkerLoss {
  readonly worker: number;
  readonly reason: string;
  /** The entries that it had in hand, of any owner: their callers are to be answered. */
  readonly entries: readonly number[];
  /** The segments it was writing to: emptied, to be filled again from the store. */
  readonly segments: readonly number[];
}

/** Hands entries to segments. Each event-loop thread has a feeder of its own. */
export interface SegmentFeeder {
  /** Puts the entry on its segment's queue. */
  push(entry: number): void;
  /**
   * The same for an entry that nobody waits for: it is served with the next that is pushed, when
   * enough of its kind have gathered, or with the next epoch.
   */
  pushPatient(entry: number): void;
  /** Lets the entries pushed since the last flush be served: once per turn of the event loop. */
  flush(): void;
  /** The same, patient ones included. */
  flushAll(): void;
}

export interface SegmentPool extends SegmentFeeder {
  readonly memory: EngineMemory;
  /** Resolves once entries can be pushed; threads may still be starting. */
  start(events: PoolEvents): Promise<void>;
  /** Ends the workers after the run they have in hand. What lies in queues stays there. */
  stop(): Promise<void>;
}
