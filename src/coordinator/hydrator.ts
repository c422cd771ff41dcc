/**
 * Fills the table from the store, a page at a time: at start, and for segments that lost theirs.
 * Everything is learned, also claims of other replicas that are still pending: which were this
 * replica's own before it was started again, or its worker died, nobody knows. Where other replicas
 * commit into the same store, each page is followed by a pause, so that they have the store four
 * fifths of the time.
 */
import type { Clock } from '../clock/clock.ts';
import type { ClaimStore } from '../store/store.ts';
import { type Activities, during, NO_ACTIVITIES } from '../telemetry/activities.ts';
import { Pause } from './pause.ts';
import { registryPages } from './registry-pages.ts';
import type { SegmentControl } from './segment-control.ts';
import type { StoreAsker } from './store-wait.ts';

/** Progress is told so often. */
const REPORT_EVERY_MS = 5_000;
/** After a page that took so long, so many times as long. */
const PAUSES_A_PAGE = 4;
/** What would be more was not the page's time, but that of a store that was waited for. */
const PAUSE_MAX_MS = 20;

type Learner = Pick<SegmentControl, 'learn'>;

export class Hydrator {
  readonly #store: ClaimStore;
  readonly #segments: Learner;
  readonly #clock: Clock;
  readonly #progress: (claimsRead: number) => void;
  readonly #pause: Pause;
  readonly #activities: Activities;
  #claimsRead = 0;

  /**
   * @param progress told every few seconds how many claims were read.
   */
  constructor(
    store: ClaimStore,
    segments: Learner,
    clock: Clock,
    progress: (claimsRead: number) => void,
    activities: Activities = NO_ACTIVITIES,
  ) {
    this.#store = store;
    this.#segments = segments;
    this.#clock = clock;
    this.#pause = new Pause(clock);
    this.#progress = progress;
    this.#activities = activities;
  }

  /** Claims that it has read so far, repeated ones as often as they came. */
  get claimsRead(): number {
    return this.#claimsRead;
  }

  /**
   * Learning is idempotent and final states win over pending ones, so claims may change meanwhile,
   * and pages may repeat them.
   * @param only the segments to fill.
   * @throws whatever `ask` does not wait out.
   */
  fill(ask: StoreAsker, only: (segment: number) => boolean): Promise<void> {
    const before = this.#claimsRead;
    const attributes = () => ({ 'claims.read': this.#claimsRead - before });
    return during(this.#activities, 'hydration', () => this.#fill(ask, only), attributes);
  }

  async #fill(ask: StoreAsker, only: (segment: number) => boolean): Promise<void> {
    let toldUs = this.#clock.monotonicUs();
    let askedUs = toldUs;
    for await (const claims of registryPages(this.#store, ask)) {
      const readMs = (this.#clock.monotonicUs() - askedUs) / 1_000;
      await this.#segments.learn(claims, only);
      this.#claimsRead += claims.length;
      if (this.#store.isShared)
        await this.#pause.of(Math.min(Math.ceil(PAUSES_A_PAGE * readMs), PAUSE_MAX_MS));
      askedUs = this.#clock.monotonicUs();
      if (askedUs - toldUs < REPORT_EVERY_MS * 1_000) continue;
      toldUs = askedUs;
      this.#progress(this.#claimsRead);
    }
  }
}
