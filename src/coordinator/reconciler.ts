/**
 * Reads a shared registry again and again, at a bounded rate, for what no call brings this replica:
 * claims that other replicas ended are learned, overdue ones whose replica died are expired, and
 * those past retention are reclaimed. It may fall behind or stop without harm: every decision is
 * the store's, by the rules; this only makes lasting what they say already.
 */
import type { Clock } from '../clock/clock.ts';
import { ClaimStatus } from '../domain/claim.ts';
import { StoreUnavailable } from '../domain/errors.ts';
import { RECLAIM_PAGE_RECORDS } from '../limits.ts';
import type { ClaimStore, StoredClaim } from '../store/store.ts';
import { type Activities, during } from '../telemetry/activities.ts';
import { Pause } from './pause.ts';
import { othersClaimsToLearn, registryPages } from './registry-pages.ts';
import type { SegmentControl } from './segment-control.ts';
import { StoreWait, type StoreWaitEvents } from './store-wait.ts';

/** A small registry is read so often and no more: each of its pages costs a call, however empty. */
const PASS_MIN_MS = 1_000;
/**
 * Claims past retention are reclaimed after so many pages: often enough that a store, which remembers
 * only so many that a scan met, forgets none; seldom enough that its looking for more costs little.
 */
const RECLAIM_EVERY_PAGES = 8;

export class Reconciler {
  readonly #store: ClaimStore;
  readonly #segments: SegmentControl;
  readonly #clock: Clock;
  readonly #epoch: () => number;
  readonly #claimsPerS: number;
  readonly #wait: StoreWait;
  readonly #pause: Pause;
  readonly #activities: Activities;
  #running: Promise<void> | undefined;
  #stopped = false;
  #claimsRead = 0;
  #pagesRead = 0;

  /**
   * @param epoch the epoch in force.
   * @param claimsPerS how many claims it reads in a second; 0: it never runs.
   */
  constructor(
    store: ClaimStore,
    segments: SegmentControl,
    clock: Clock,
    epoch: () => number,
    claimsPerS: number,
    events: StoreWaitEvents,
    activities: Activities,
  ) {
    this.#store = store;
    this.#segments = segments;
    this.#clock = clock;
    this.#epoch = epoch;
    this.#claimsPerS = claimsPerS;
    // Calls go on whatever becomes of this, so it goes on as well once it can.
    this.#wait = new StoreWait(clock, () => true, events);
    this.#pause = new Pause(clock);
    this.#activities = activities;
  }

  /** Claims that it has read, each pass anew. */
  get claimsRead(): number {
    return this.#claimsRead;
  }

  start(): void {
    if (this.#claimsPerS > 0 && !this.#stopped) this.#running = this.#run();
  }

  /** Resolves when it has let go of the page in hand. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wait.stop();
    this.#pause.end();
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopped) await this.#tellPass();
    } catch (error) {
      if (!this.#stopped || !(error instanceof StoreUnavailable)) throw error;
    }
  }

  #tellPass(): Promise<void> {
    const before = this.#claimsRead;
    const attributes = () => ({ 'claims.read': this.#claimsRead - before });
    return during(this.#activities, 'reconciliation', () => this.#pass(), attributes);
  }

  /**
   * The rate counts claims that are kept: a page of others, which the store leaves out, is followed
   * by the next at once, so that what is dead goes sooner than new claims come.
   */
  async #pass(): Promise<void> {
    const beginUs = this.#clock.monotonicUs();
    let pageUs = beginUs;
    for await (const claims of registryPages(this.#store, this.#wait.ask)) {
      await this.#reconcile(claims);
      await this.#pauseUntil(pageUs + (claims.length / this.#claimsPerS) * 1_000_000);
      if (this.#stopped) return;
      pageUs = this.#clock.monotonicUs();
    }
    await this.#pauseUntil(beginUs + PASS_MIN_MS * 1_000);
  }

  async #reconcile(claims: readonly StoredClaim[]): Promise<void> {
    const learned = othersClaimsToLearn(claims, this.#epoch());
    await this.#segments.learn(learned, () => true);
    this.#claimsRead += claims.length;
    if (learned.some((claim) => claim.status === ClaimStatus.PENDING)) this.#segments.expireOverdue();
    this.#pagesRead += 1;
    if (this.#pagesRead % RECLAIM_EVERY_PAGES === 0) await this.#reclaim();
  }

  async #reclaim(): Promise<void> {
    let freed = RECLAIM_PAGE_RECORDS;
    while (freed === RECLAIM_PAGE_RECORDS && !this.#stopped) {
      freed = await this.#wait.ask(() => this.#store.reclaim(RECLAIM_PAGE_RECORDS));
    }
  }

  #pauseUntil(atUs: number): Promise<void> {
    return this.#pause.of(Math.ceil((atUs - this.#clock.monotonicUs()) / 1_000));
  }
}
