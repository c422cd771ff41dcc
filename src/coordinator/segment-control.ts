/**
 * The coordinator's hold on the segments, through the same queues as every claim: a control entry
 * per segment tells it the epoch, expiry entries carry overdue claims to the store, and pages of
 * stored claims are learned. Each kind has entries of its own, in this order:
 *
 *   control (one per segment) │ expiry │ learning (one page of a scan)
 */
import type { Clock } from '../clock/clock.ts';
import { assert } from '../domain/assert.ts';
import { ClaimOperation, Outcome } from '../domain/claim.ts';
import { EntryStep, NO_ENTRY } from '../entries/entry-table.ts';
import { expiryEntries, SCAN_PAGE_RECORDS } from '../limits.ts';
import type { StatePartitioner } from '../partitioner/partitioner.ts';
import type { SegmentFeeder } from '../pool/segment-pool.ts';
import { type EngineMemory, MAIN_LOOP, serverOfLoop, WorkerCounter } from '../segment/engine-memory.ts';
import type { StoredClaim } from '../store/store.ts';

/** Resolves when a number of entries have come back. */
class Countdown {
  #left = 0;
  #done: (() => void) | undefined;

  start(count: number): Promise<void> {
    assert(this.#left === 0, 'the coordinator does one thing of a kind at a time');
    this.#left = count;
    return new Promise((resolve) => {
      if (count === 0) resolve();
      else this.#done = resolve;
    });
  }

  tick(): void {
    this.#left -= 1;
    if (this.#left === 0) this.#done?.();
  }
}

export class SegmentControl {
  readonly #memory: EngineMemory;
  readonly #feeder: SegmentFeeder;
  readonly #partitioner: StatePartitioner;
  readonly #clock: Clock;
  readonly #firstExpiry: number;
  readonly #firstLearning: number;
  readonly #idleExpiries: number[] = [];
  readonly #advancing = new Countdown();
  readonly #learning = new Countdown();
  #lastPage: Promise<void> = Promise.resolve();

  constructor(memory: EngineMemory, feeder: SegmentFeeder, partitioner: StatePartitioner, clock: Clock) {
    this.#memory = memory;
    this.#feeder = feeder;
    this.#partitioner = partitioner;
    this.#clock = clock;
    this.#firstExpiry = memory.firstCoordinatorEntry + memory.segments;
    this.#firstLearning = this.#firstExpiry + expiryEntries(memory.segments);
    for (let entry = this.#firstLearning - 1; entry >= this.#firstExpiry; entry -= 1) {
      this.#idleExpiries.push(entry);
    }
  }

  /** Moves every segment on to the epoch. @returns how long that took, microseconds. */
  async advance(epoch: number): Promise<number> {
    const startUs = this.#clock.monotonicUs();
    const { entries, segments, firstCoordinatorEntry } = this.#memory;
    const done = this.#advancing.start(segments);
    for (let segment = 0; segment < segments; segment += 1) {
      const entry = firstCoordinatorEntry + segment;
      entries.epoch[entry] = epoch;
      entries.step[entry] = EntryStep.ADVANCE;
      this.#send(entry, segment);
    }
    this.#feeder.flush();
    await done;
    return this.#clock.monotonicUs() - startUs;
  }

  /** Sends idle expiry entries round the segments, to fetch what is overdue. */
  expireOverdue(): void {
    const { segments } = this.#memory;
    for (let segment = 0; this.#idleExpiries.length > 0; segment = (segment + 1) % segments) {
      const entry = this.#idleExpiries.pop() ?? NO_ENTRY;
      this.#memory.entries.step[entry] = EntryStep.EXPIRE_NEXT;
      this.#send(entry, segment);
    }
    this.#feeder.flush();
  }

  /**
   * Has the segments learn a page of stored claims; resolves when they have. One page after the
   * other, whoever brings it: there are entries for one.
   */
  learn(claims: readonly StoredClaim[], only: (segment: number) => boolean): Promise<void> {
    this.#lastPage = this.#lastPage.then(() => this.#learnPage(claims, only));
    return this.#lastPage;
  }

  async #learnPage(claims: readonly StoredClaim[], only: (segment: number) => boolean): Promise<void> {
    assert(claims.length <= SCAN_PAGE_RECORDS, `a page of ${claims.length} claims`);
    const filled: number[] = [];
    for (const claim of claims) {
      const entry = this.#firstLearning + filled.length;
      this.#fill(entry, claim);
      if (only(this.#memory.entries.segment[entry])) filled.push(entry);
    }
    const done = this.#learning.start(filled.length);
    for (const entry of filled) this.#feeder.push(entry);
    this.#feeder.flush();
    await done;
  }

  /** Takes the coordinator's entries that have come back. */
  drain(): void {
    const { queues, entries, coordinatorQueue } = this.#memory;
    let entry = queues.takeAll(coordinatorQueue);
    let count = 0;
    while (entry !== NO_ENTRY) {
      const next = entries.next[entry];
      entries.holder[entry] = 0;
      this.#returned(entry);
      entry = next;
      count += 1;
    }
    this.#memory.count(serverOfLoop(this.#memory.shape, MAIN_LOOP), WorkerCounter.CAME_HOME, count);
  }

  /** Entries that died with a worker: an epoch must arrive, the rest comes round again. */
  lost(entriesLost: readonly number[]): void {
    for (const entry of entriesLost) {
      if (entry < this.#memory.firstCoordinatorEntry) continue;
      if (entry < this.#firstExpiry) this.#feeder.push(entry);
      else this.#returned(entry);
    }
    this.#feeder.flush();
  }

  #send(entry: number, segment: number): void {
    this.#memory.entries.segment[entry] = segment;
    this.#feeder.push(entry);
  }

  #returned(entry: number): void {
    if (entry < this.#firstExpiry) this.#advancing.tick();
    else if (entry < this.#firstLearning) this.#idleExpiries.push(entry);
    else this.#learning.tick();
  }

  #fill(entry: number, claim: StoredClaim): void {
    const { entries } = this.#memory;
    entries.setClaimId(entry, claim.claimId);
    entries.setPlayerId(entry, claim.playerId);
    entries.timestampMs[entry] = claim.timestampMs;
    entries.endEpoch[entry] = claim.endEpoch;
    entries.status[entry] = claim.status;
    entries.outcome[entry] = Outcome.FOUND;
    entries.operation[entry] = ClaimOperation.GET;
    entries.step[entry] = EntryStep.LEARN;
    this.#partitioner.assign(entries, entry);
  }
}
