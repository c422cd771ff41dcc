/** A segment by itself: a test puts entries on its queue, serves it, and sees where each went. */
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import { ClaimOperation, type ClaimStatus, type Outcome } from '../../src/domain/claim.ts';
import { expiryEpoch, type TimestampMs } from '../../src/domain/epochs.ts';
import type { EngineSettings } from '../../src/engine.ts';
import { EntryStep, NO_ENTRY } from '../../src/entries/entry-table.ts';
import { StatePartitioner } from '../../src/partitioner/partitioner.ts';
import type { ClaimTable } from '../../src/registry/claim-table.ts';
import type { EngineMemory } from '../../src/segment/engine-memory.ts';
import { SegmentServer } from '../../src/segment/segment-server.ts';
import { testMemory } from '../support/memory.ts';

export const SEGMENT = 0;
export const WORKER = 0;
/** The segment's epoch at first, and the time at which it begins (epochs of 1 s, a window of 2). */
export const EPOCH = 1_700_000_000;
export const START_MS = EPOCH * 1_000;

/** Entries that a queue gave, oldest first. */
export interface Sent {
  readonly toStore: number[];
  readonly toIngress: number[];
  readonly toCoordinator: number[];
}

/** What a store says of one item (CommitBatch), as far as it says it. */
export interface Reply {
  readonly outcome: Outcome;
  readonly status: ClaimStatus;
  readonly timestampMs?: number;
  readonly endEpoch?: number;
  readonly playerId?: string;
}

export class SegmentBench {
  readonly clock = new SteppedClock(START_MS);
  readonly memory: EngineMemory;
  readonly table: ClaimTable;
  readonly server: SegmentServer;
  readonly #partitioner: StatePartitioner;

  constructor(settings: Partial<EngineSettings> = {}) {
    this.memory = testMemory({ segments: 1, tableCapacity: 64, ingressEntries: 64, workers: 2, ...settings });
    this.table = this.memory.tables[SEGMENT];
    this.table.reset(EPOCH, 0);
    this.server = new SegmentServer(this.memory, WORKER, this.clock);
    this.#partitioner = new StatePartitioner(this.memory.segments, this.memory.shape.partition);
  }

  /** Puts a call's claim on the queue, as an ingress does. */
  request(
    entry: number,
    operation: ClaimOperation,
    claimId: string,
    playerId: string,
    timestampMs = START_MS,
  ): void {
    const { entries, shape } = this.memory;
    entries.setClaimId(entry, claimId);
    entries.setPlayerId(entry, playerId);
    entries.operation[entry] = operation;
    entries.step[entry] = EntryStep.REQUEST;
    entries.reason[entry] = 0;
    entries.fromStore[entry] = 0;
    entries.reserved[entry] = 0;
    entries.timestampMs[entry] = timestampMs;
    if (operation === ClaimOperation.SUBMIT) {
      entries.endEpoch[entry] = expiryEpoch(timestampMs as TimestampMs, shape.rules);
    }
    this.#partitioner.assign(entries, entry);
    this.push(entry);
  }

  push(entry: number): void {
    this.memory.queues.push(SEGMENT, entry);
  }

  serve(): Sent {
    this.server.serve(SEGMENT);
    const { memory } = this;
    return {
      toStore: this.#take(memory.commitQueue),
      toIngress: this.#take(memory.ingressQueue(0)),
      toCoordinator: this.#take(memory.coordinatorQueue),
    };
  }

  /** Writes what the store decided into an entry, and puts it on the queue for the segment to learn. */
  learn(entry: number, reply: Reply): void {
    const { entries } = this.memory;
    entries.outcome[entry] = reply.outcome;
    entries.status[entry] = reply.status;
    entries.fromStore[entry] = 1;
    if (reply.timestampMs !== undefined) entries.timestampMs[entry] = reply.timestampMs;
    if (reply.endEpoch !== undefined) entries.endEpoch[entry] = reply.endEpoch;
    if (reply.playerId !== undefined) entries.setPlayerId(entry, reply.playerId);
    entries.step[entry] = EntryStep.LEARN;
    this.push(entry);
  }

  /** Has the segment enter an epoch, by the coordinator's entry for it. */
  advance(epoch: number): Sent {
    const entry = this.memory.firstCoordinatorEntry;
    this.memory.entries.step[entry] = EntryStep.ADVANCE;
    this.memory.entries.epoch[entry] = epoch;
    this.push(entry);
    return this.serve();
  }

  /** Sends an expiry entry round, as the coordinator does each epoch. @returns the entry. */
  sendExpiry(number = 0): number {
    const entry = this.memory.firstCoordinatorEntry + this.memory.segments + number;
    this.memory.entries.step[entry] = EntryStep.EXPIRE_NEXT;
    this.memory.entries.segment[entry] = SEGMENT;
    this.push(entry);
    return entry;
  }

  /** What an entry says: as much as tests compare. */
  answer(entry: number): { outcome: number; status: number; fromStore: number } {
    const { entries } = this.memory;
    return {
      outcome: entries.outcome[entry],
      status: entries.status[entry],
      fromStore: entries.fromStore[entry],
    };
  }

  #take(queue: number): number[] {
    const taken: number[] = [];
    const { queues, entries } = this.memory;
    for (let entry = queues.takeAll(queue); entry !== NO_ENTRY; entry = entries.next[entry]) {
      entries.holder[entry] = 0;
      taken.push(entry);
    }
    return taken;
  }
}
