/**
 * Keeps the epoch: at each boundary it shows the store the epoch, moves the segments on, tells
 * watchers what is complete, sends for overdue claims and has old ones reclaimed. The epoch in
 * force is the highest of the clock's, the store's and its own: it never goes back.
 */
import type { Clock, Timer } from '../clock/clock.ts';
import { type Epoch, type EpochRules, epochOf, epochStartMs, timestampMs } from '../domain/epochs.ts';
import { ClaimsError, ClockAhead } from '../domain/errors.ts';
import { RECLAIM_PAGE_RECORDS } from '../limits.ts';
import type { ClaimStore } from '../store/store.ts';
import type { Activities } from '../telemetry/activities.ts';
import type { EpochFeed } from './epoch-feed.ts';
import type { SegmentControl } from './segment-control.ts';

/** The clock is looked at so often at least, so that a step of it is noticed. */
const CLOCK_CHECK_MS = 1_000;

export interface CoordinatorEvents {
  /** The clock stepped back: the epoch is held. Told once per step. */
  clockBehind(clockEpoch: number, heldEpoch: number): void;
  /** The store did not take the epoch; told once until it does, and it is shown it again. */
  storeFailed(error: ClaimsError): void;
  storeRecovered(): void;
  /** The segments moved on; latenessMs after the boundary, undefined for the first epoch of the program. */
  advanced(durationUs: number, latenessMs: number | undefined): void;
}

/** How the segments moved on to an epoch. */
interface Advance {
  readonly durationUs: number;
  /** From the boundary by the clock; undefined for the first epoch of the program. */
  readonly latenessMs: number | undefined;
}

export class EpochCoordinator {
  readonly #clock: Clock;
  readonly #rules: EpochRules;
  readonly #store: ClaimStore;
  readonly #segments: SegmentControl;
  readonly #feed: EpochFeed;
  readonly #events: CoordinatorEvents;
  readonly #aheadEpochs: number;
  readonly #activities: Activities;
  #epoch = 0;
  /** The highest epoch that the store has confirmed. */
  #shown = 0;
  /** The epoch that the segments were last told. */
  #segmentsEpoch = 0;
  /** What the store refused, since its clock does not bear it out; 0 for none. It is not in force. */
  #refused = 0;
  #highestClockEpoch = 0;
  #behind = false;
  #failure: ClaimsError | undefined;
  #timer: Timer | undefined;
  #stepping: Promise<void> | undefined;
  #stepAgain = false;
  #reclaiming: Promise<void> | undefined;
  #stopped = false;

  /** @param aheadEpochs how many epochs replicas whose clocks are right may be apart. */
  constructor(
    clock: Clock,
    rules: EpochRules,
    store: ClaimStore,
    segments: SegmentControl,
    feed: EpochFeed,
    aheadEpochs: number,
    events: CoordinatorEvents,
    activities: Activities,
  ) {
    this.#clock = clock;
    this.#rules = rules;
    this.#store = store;
    this.#segments = segments;
    this.#feed = feed;
    this.#aheadEpochs = aheadEpochs;
    this.#events = events;
    this.#activities = activities;
  }

  /** The epoch in force on this replica. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * The epoch for commits to ask for: the clock's too where that runs ahead, so that the store
   * refuses what is dated by it.
   */
  get epochAsked(): number {
    return Math.max(this.#epoch, this.#refused);
  }

  /** Whether the clock is behind the epoch in force, which is then held. */
  get clockBehind(): boolean {
    return this.#behind;
  }

  /** Why the store does not take our epochs, if it does not. */
  get failure(): ClaimsError | undefined {
    return this.#failure;
  }

  /**
   * Enters the epoch and keeps it from then on. Where it throws it may be called again.
   * @param storeEpoch the registry's highest epoch, as the store's `open` returned it.
   * @throws StoreUnavailable, ClockAhead
   */
  async start(storeEpoch: number): Promise<void> {
    this.#epoch = Math.max(this.#epoch, storeEpoch);
    await this.#step();
    if (this.#failure !== undefined) throw this.#failure;
    this.#plan();
  }

  /** A commit came back from the registry's epoch, which may be later than ours. */
  observe(epoch: number): void {
    if (epoch <= this.#epoch || this.#stopped) return;
    this.#epoch = epoch;
    this.wake();
  }

  /** Looks at the clock now, and again at the next boundary. */
  wake(): void {
    this.#timer?.cancel();
    if (this.#stepping !== undefined) {
      this.#stepAgain = true;
      return;
    }
    this.#stepping = this.#step().finally(() => {
      this.#stepping = undefined;
      if (this.#stepAgain && !this.#stopped) this.wake();
      else this.#plan();
      this.#stepAgain = false;
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#stepping;
    await this.#reclaiming;
  }

  #clockEpoch(): Epoch {
    return epochOf(timestampMs(this.#clock.nowMs(), this.#rules), this.#rules);
  }

  #plan(): void {
    if (this.#stopped) return;
    const clockEpoch = this.#clockEpoch();
    const boundaryMs = epochStartMs(clockEpoch + 1, this.#rules) - this.#clock.nowMs();
    // A step that took long may have passed a boundary; one that was refused is tried again later.
    const missed = clockEpoch > Math.max(this.#segmentsEpoch, this.#refused);
    const delayMs = missed ? 0 : Math.max(1, Math.min(boundaryMs, CLOCK_CHECK_MS));
    this.#timer = this.#clock.after(delayMs, () => this.wake());
  }

  async #step(): Promise<void> {
    const clockEpoch = this.#clockEpoch();
    this.#noticeStepBack(clockEpoch);
    const epoch = Math.max(this.#epoch, clockEpoch);
    // While the epoch is held only the store can tell that others have gone on.
    const held = clockEpoch < this.#epoch;
    const isNew = epoch > this.#segmentsEpoch || this.#shown < epoch;
    if (held || isNew || this.#refused > 0) await this.#enter(epoch);
    // A clock that ran ahead and is set right later will not have stepped back: nobody followed it.
    if (this.#refused > 0) return;
    this.#highestClockEpoch = Math.max(this.#highestClockEpoch, clockEpoch);
    // The store may have been shown a later one: then our segments are to know it too.
    if (this.#epoch > this.#segmentsEpoch) await this.#enter(this.#epoch);
  }

  /** Behind is: behind where it was, or further behind other replicas than a clock may be. */
  #noticeStepBack(clockEpoch: number): void {
    const behind = clockEpoch < this.#highestClockEpoch || this.#epoch - clockEpoch > this.#aheadEpochs;
    if (behind && !this.#behind) this.#events.clockBehind(clockEpoch, this.#epoch);
    this.#behind = behind;
  }

  /** Enters an epoch, and tells of it where it is a new one: one that is held or refused is tried every second. */
  async #enter(epoch: number): Promise<void> {
    if (epoch <= this.#segmentsEpoch || epoch === this.#refused) {
      await this.#show(epoch);
      return;
    }
    const boundary = this.#activities.begin('epoch');
    const advance = await this.#show(epoch);
    const failure = this.#failure;
    boundary.end(
      {
        'claims.epoch': epoch,
        ...(advance !== undefined && { 'claims.epoch.duration_us': advance.durationUs }),
        ...(advance?.latenessMs !== undefined && { 'claims.epoch.lateness_ms': advance.latenessMs }),
      },
      failure === undefined ? undefined : `${failure.code}: ${failure.message}`,
    );
  }

  /**
   * The store is asked first: what its clock does not bear out is no epoch for the segments either,
   * which can't go back. Where the store can't be asked they follow our own clock.
   * @returns how the segments moved, if they did.
   */
  async #show(epoch: number): Promise<Advance | undefined> {
    try {
      this.#shown = await this.#store.advanceEpoch(epoch);
    } catch (error) {
      this.#noteFailure(error);
      this.#refused = error instanceof ClockAhead ? epoch : 0;
      return this.#refused === 0 ? this.#moveSegments(epoch) : undefined;
    }
    if (this.#failure !== undefined) this.#events.storeRecovered();
    this.#failure = undefined;
    this.#refused = 0;
    const advance = await this.#moveSegments(epoch);
    this.#epoch = Math.max(this.#epoch, this.#shown);
    // Of a later one than ours the store may so far know in part only (store.ts: shards).
    this.#feed.completed(epoch - 1);
    this.#segments.expireOverdue();
    this.#reclaiming ??= this.#reclaim().finally(() => {
      this.#reclaiming = undefined;
    });
    return advance;
  }

  async #moveSegments(epoch: number): Promise<Advance | undefined> {
    this.#epoch = Math.max(this.#epoch, epoch);
    if (epoch <= this.#segmentsEpoch) return undefined;
    const left = this.#segmentsEpoch;
    this.#segmentsEpoch = epoch;
    const durationUs = await this.#segments.advance(epoch);
    this.#feed.advanced(epoch, durationUs);
    const latenessMs = left === 0 ? undefined : this.#msSinceEndOf(left);
    this.#events.advanced(durationUs, latenessMs);
    return { durationUs, latenessMs };
  }

  /** From the boundary that was to be entered, however many have passed since. */
  #msSinceEndOf(epoch: number): number {
    return this.#clock.nowMs() - epochStartMs(epoch + 1, this.#rules);
  }

  /** Page by page, so that commits come between. A store that fails is asked again next epoch. */
  async #reclaim(): Promise<void> {
    try {
      let freed = RECLAIM_PAGE_RECORDS;
      while (freed === RECLAIM_PAGE_RECORDS && !this.#stopped) {
        freed = await this.#store.reclaim(RECLAIM_PAGE_RECORDS);
      }
    } catch (error) {
      this.#noteFailure(error);
    }
  }

  #noteFailure(error: unknown): void {
    if (!(error instanceof ClaimsError)) throw error;
    if (this.#failure === undefined) this.#events.storeFailed(error);
    this.#failure = error;
  }
}
