/** A committer by itself: a store that answers when told, a feeder that notes what it is given. */
import assert from 'node:assert/strict';
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import { Committer } from '../../src/committer/committer.ts';
import type { ClaimOperation } from '../../src/domain/claim.ts';
import { NO_ENTRY } from '../../src/entries/entry-table.ts';
import type { ClaimStore, CommitBatch } from '../../src/store/store.ts';
import { testMemory } from '../support/memory.ts';

export const EPOCH = 170_000_000;

/** One commit that the store was asked for. */
export interface Asked {
  readonly entries: readonly number[];
  readonly epoch: number;
  confirm(epoch?: number): Promise<void>;
  refuse(error: Error): Promise<void>;
}

function unused(): never {
  assert.fail('the committer only commits');
}

export class CommitterBench {
  readonly memory = testMemory({ segments: 1, tableCapacity: 4, ingressEntries: 512 });
  readonly asked: Asked[] = [];
  readonly fed: number[] = [];
  readonly events: string[] = [];
  readonly clock = new SteppedClock(0);
  flushes = 0;
  readonly committer: Committer;

  constructor(maxBatchItems: number, intervalMs = 0, maxCommitsInFlight = 1) {
    const store: ClaimStore = {
      isShared: false,
      maxBatchItems,
      maxCommitsInFlight,
      commit: (batch) => this.#commit(batch),
      open: unused,
      advanceEpoch: unused,
      epochCounts: unused,
      scan: unused,
      reclaim: unused,
      close: unused,
    };
    const feeder = {
      push: (entry: number) => void this.fed.push(entry),
      pushPatient: unused,
      flush: () => {
        this.flushes += 1;
      },
      flushAll: unused,
    };
    const events = {
      committed: (epoch: number) => void this.events.push(`committed in ${epoch}`),
      failed: (error: unknown) =>
        void this.events.push(`failed: ${error instanceof Error ? error.message : error}`),
    };
    this.committer = new Committer(this.memory, store, feeder, () => EPOCH, events, {
      clock: this.clock,
      intervalMs,
    });
  }

  /** Puts claims on the commit queue, as a segment does. */
  queue(operation: ClaimOperation, ...entries: number[]): void {
    for (const entry of entries) {
      this.memory.entries.operation[entry] = operation;
      this.memory.entries.holder[entry] = 1;
      this.memory.queues.push(this.memory.commitQueue, entry);
      this.memory.commitWaiting[0] += 1;
    }
  }

  /** Overdue claims are carried by the coordinator's entries. */
  expiryEntry(number: number): number {
    return this.memory.firstCoordinatorEntry + this.memory.segments + number;
  }

  home(): number[] {
    const { queues, entries } = this.memory;
    const taken: number[] = [];
    for (let e = queues.takeAll(this.memory.ingressQueue(0)); e !== NO_ENTRY; e = entries.next[e])
      taken.push(e);
    return taken;
  }

  async #commit(batch: CommitBatch): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const settled = async () => {
      await Promise.allSettled([promise]);
      // The committer goes on in the turns after the store's promise settles.
      await new Promise((next) => {
        setImmediate(next);
      });
    };
    this.asked.push({
      entries: [...batch.entries.slice(0, batch.count)],
      epoch: batch.epoch,
      confirm: (epoch = EPOCH) => {
        resolve(epoch);
        return settled();
      },
      refuse: (error) => {
        reject(error);
        return settled();
      },
    });
    return promise;
  }
}

export const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);
