/**
 * What a segment does with the entries in its queue: answers from its table what facts settle,
 * sends the rest to the committer, learns what the store decided, and hands out overdue claims.
 * Runs alike on a worker thread and inline; touches shared memory only.
 */
import type { Clock } from '../clock/clock.ts';
import { AssertionFailure, unreachable } from '../domain/assert.ts';
import { ClaimOperation, ClaimStatus, Outcome, UnavailableReason } from '../domain/claim.ts';
import { epochOf, isPastRetention, type TimestampMs } from '../domain/epochs.ts';
import { ASK_STORE, type Decision, decideFromFacts, outcomeOf, statusOf } from '../domain/rules.ts';
import { EntryMark, EntryStep, NO_ENTRY } from '../entries/entry-table.ts';
import { SegmentMap } from '../partitioner/segment-map.ts';
import { type ClaimTable, NO_RECORD } from '../registry/claim-table.ts';
import { type EngineMemory, WorkerCounter } from './engine-memory.ts';
import { Outbox } from './outbox.ts';
import { takeRun } from './run-taker.ts';
import { tryLock, unlock } from './segment-lock.ts';

/** Final records past retention that one learning step clears away: keeps pace with any load. */
const PURGED_PER_LEARN = 2;

export class SegmentServer {
  readonly #memory: EngineMemory;
  readonly #server: number;
  readonly #clock: Pick<Clock, 'monotonicUs'>;
  readonly #outbox: Outbox;
  /** By segment: 1 where serving it is stealing. What an event loop serves nobody's worker missed. */
  readonly #isStolen: Uint8Array;
  /** How many of the run are in the outbox, on their way home. */
  #forHome = 0;

  /**
   * @param server its number (serverCount).
   * @param clock when entries were here.
   * @param ownBell the bell of its own thread, which need not be rung; none for a worker.
   */
  constructor(memory: EngineMemory, server: number, clock: Pick<Clock, 'monotonicUs'>, ownBell?: number) {
    const { workers } = memory.shape;
    const map = new SegmentMap(memory.segments, workers);
    this.#memory = memory;
    this.#server = server;
    this.#clock = clock;
    this.#outbox = new Outbox(memory, ownBell);
    this.#isStolen = Uint8Array.from({ length: memory.segments }, (_, segment) =>
      server < workers && map.homeOf(segment) !== server ? 1 : 0,
    );
  }

  /**
   * Serves the segment's pending run if there is one and nobody else is at it. To be asked again
   * until it returns 0: what was pushed while the lock kept others away must not be left lying. For
   * the same reason it looks again itself where another was quicker to take the run that it saw.
   * The caller rings the bells when it has served what there is.
   * @returns entries served.
   */
  visit(segment: number): number {
    const { queues, locks } = this.#memory;
    while (!queues.isEmpty(segment) && tryLock(locks, segment, this.#server)) {
      const served = this.serve(segment);
      unlock(locks, segment, this.#server);
      if (served === 0) continue;
      this.#memory.count(this.#server, WorkerCounter.RUNS, 1);
      return served;
    }
    return 0;
  }

  /**
   * Serves the segment's whole pending run; the caller holds its lock.
   * @returns entries served.
   */
  serve(segment: number): number {
    const { entries, tables } = this.#memory;
    const table = tables[segment];
    let count = 0;
    let entry = takeRun(this.#memory, segment, this.#server);
    if (entry === NO_ENTRY) return 0;
    const takenUs = this.#clock.monotonicUs();
    const stolen = this.#isStolen[segment];
    while (entry !== NO_ENTRY) {
      const next = entries.next[entry];
      entries.mark(entry, EntryMark.TAKEN, takenUs);
      entries.mark(entry, EntryMark.STOLEN, stolen);
      this.#step(table, entry);
      entry = next;
      count += 1;
    }
    this.#outbox.mark(EntryMark.DECIDED, this.#clock.monotonicUs());
    this.#outbox.send();
    // Only now: of a run that its server died over, what was not sent is not on its way home.
    this.#memory.count(this.#server, WorkerCounter.SENT_HOME, this.#forHome);
    this.#forHome = 0;
    return count;
  }

  /** Wakes whoever is to look at what was served. */
  ringBells(): void {
    this.#outbox.ringBells();
  }

  #step(table: ClaimTable, entry: number): void {
    const step = this.#memory.entries.step[entry] as EntryStep;
    switch (step) {
      case EntryStep.REQUEST:
        this.#request(table, entry);
        break;
      case EntryStep.LEARN:
        this.#learn(table, entry);
        break;
      case EntryStep.EXPIRE_NEXT:
        this.#expireNext(table, entry);
        break;
      case EntryStep.ADVANCE:
        table.advance(this.#memory.entries.epoch[entry]);
        this.#goHome(entry);
        break;
      case EntryStep.RETURNED:
        throw new AssertionFailure('a returned entry came to a segment');
      default:
        unreachable(step);
    }
  }

  /** Answers a call's claim, or passes it to the store with room reserved for what may come back. */
  #request(table: ClaimTable, entry: number): void {
    const { entries, commitQueue } = this.#memory;
    const operation = entries.operation[entry] as ClaimOperation;
    const record = table.find(entries, entry);
    const decision = record === NO_RECORD ? ASK_STORE : this.#decide(table, record, operation, entry);
    if (decision !== ASK_STORE) {
      if (outcomeOf(decision) !== Outcome.TAKEN) table.copyClaim(record, entries, entry);
      this.#answer(table, entry, outcomeOf(decision), statusOf(decision));
      return;
    }
    if (operation === ClaimOperation.SUBMIT && record === NO_RECORD) {
      if (!table.reserve()) {
        entries.reason[entry] = UnavailableReason.SEGMENT_FULL;
        this.#answer(table, entry, Outcome.UNAVAILABLE, ClaimStatus.UNSPECIFIED);
        return;
      }
      entries.reserved[entry] = 1;
    }
    this.#outbox.add(commitQueue, entry, true);
  }

  #decide(table: ClaimTable, record: number, operation: ClaimOperation, entry: number): Decision {
    const { entries, shape } = this.#memory;
    const status = table.status[record] as ClaimStatus;
    const endsNotBefore =
      status === ClaimStatus.PENDING
        ? epochOf(table.timestampMs[record] as TimestampMs, shape.rules) - shape.aheadEpochs
        : table.endEpoch[record];
    const samePlayer = table.isPlayer(record, entries, entry);
    return decideFromFacts(
      operation,
      samePlayer,
      status,
      endsNotBefore,
      table.epoch,
      shape.aheadEpochs,
      shape.rules,
    );
  }

  #answer(table: ClaimTable, entry: number, outcome: Outcome, status: ClaimStatus): void {
    const { entries } = this.#memory;
    entries.outcome[entry] = outcome;
    entries.status[entry] = status;
    entries.epoch[entry] = table.epoch;
    entries.fromStore[entry] = 0;
    this.#forHome += 1;
    this.#outbox.add(this.#memory.homeQueue(entry), entry, true);
  }

  /** Takes in what the store decided, then lets the entry go home, or on to the next overdue claim. */
  #learn(table: ClaimTable, entry: number): void {
    const { entries } = this.#memory;
    if (entries.reserved[entry] === 1) {
      entries.reserved[entry] = 0;
      table.unreserve();
    }
    this.#purge(table);
    const record = table.find(entries, entry);
    if (knowsClaim(entries.outcome[entry] as Outcome)) this.#remember(table, record, entry);
    if (entries.operation[entry] === ClaimOperation.EXPIRE) this.#learnExpiry(table, record, entry);
    else this.#goHome(entry);
  }

  #remember(table: ClaimTable, record: number, entry: number): void {
    const { entries, shape } = this.#memory;
    const status = entries.status[entry] as ClaimStatus;
    if (isPastRetention(entries.endEpoch[entry], table.epoch, shape.rules)) return;
    if (record === NO_RECORD) {
      if (this.#hasRoomFor(table, entry)) table.insert(entries, entry, status);
      return;
    }
    const sameLife =
      table.timestampMs[record] === entries.timestampMs[entry] && table.isPlayer(record, entries, entry);
    if (!sameLife) {
      // The id was used again after retention. The later life is the one that is there now; and the
      // one that the store tells when it is asked to end the earlier.
      const isLater = entries.endEpoch[entry] > table.endEpoch[record];
      const isAnswer = entries.operation[entry] === ClaimOperation.EXPIRE;
      const takesRoom = status === ClaimStatus.PENDING && this.#isOfPage(entry) && !table.hasRoomToSpare();
      if (isAnswer || (isLater && !takesRoom)) table.overwrite(record, entries, entry, status);
      return;
    }
    const becameFinal = table.status[record] === ClaimStatus.PENDING && status !== ClaimStatus.PENDING;
    if (becameFinal) table.setStatus(record, status, entries.endEpoch[entry]);
  }

  /**
   * Whether a claim that is not there may have a record. One that this segment admitted may have any
   * that is not pending; what others admitted takes no room that new claims will need, and what a
   * page brings drops nothing else: there may be more in the registry than in the table.
   */
  #hasRoomFor(table: ClaimTable, entry: number): boolean {
    const { entries } = this.#memory;
    if (entries.operation[entry] === ClaimOperation.SUBMIT) return true;
    if (entries.status[entry] === ClaimStatus.PENDING) return table.hasRoomToSpare();
    return !this.#isOfPage(entry) || table.liveCount < table.capacity;
  }

  /** Whether the entry carries a claim that a scan of the registry brought. */
  #isOfPage(entry: number): boolean {
    const { entries, firstCoordinatorEntry } = this.#memory;
    return entry >= firstCoordinatorEntry && entries.operation[entry] === ClaimOperation.GET;
  }

  /** Makes sure that an overdue claim is not forgotten, then looks for the next. */
  #learnExpiry(table: ClaimTable, record: number, entry: number): void {
    const isPending = record !== NO_RECORD && table.isOverdue(record);
    if (isPending && this.#memory.entries.outcome[entry] !== Outcome.NOT_FOUND) {
      // Not confirmed: it waits for the next epoch, lest the store be asked in a circle.
      table.postpone(record);
      this.#goHome(entry);
      return;
    }
    if (isPending) table.remove(record);
    this.#expireNext(table, entry);
  }

  #expireNext(table: ClaimTable, entry: number): void {
    const { entries } = this.#memory;
    const record = table.takeOverdue();
    if (record === NO_RECORD) {
      this.#goHome(entry);
      return;
    }
    table.copyIdentity(record, entries, entry);
    table.copyClaim(record, entries, entry);
    entries.operation[entry] = ClaimOperation.EXPIRE;
    this.#outbox.add(this.#memory.commitQueue, entry, true);
  }

  #purge(table: ClaimTable): void {
    for (let i = 0; i < PURGED_PER_LEARN; i += 1) {
      const oldest = table.oldestFinal();
      if (oldest === NO_RECORD) return;
      if (!isPastRetention(table.endEpoch[oldest], table.epoch, this.#memory.shape.rules)) return;
      table.remove(oldest);
    }
  }

  /** The entry has done its work. Its owner frees it when it next looks; only the coordinator waits. */
  #goHome(entry: number): void {
    const { entries, coordinatorQueue } = this.#memory;
    entries.step[entry] = EntryStep.RETURNED;
    const queue = this.#memory.homeQueue(entry);
    this.#forHome += 1;
    this.#outbox.add(queue, entry, queue === coordinatorQueue);
  }
}

function knowsClaim(outcome: Outcome): boolean {
  return (
    outcome === Outcome.ACCEPTED ||
    outcome === Outcome.REPLAYED ||
    outcome === Outcome.EXPIRED ||
    outcome === Outcome.FOUND
  );
}
