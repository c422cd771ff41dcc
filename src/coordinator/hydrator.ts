/** Fills the table from the store, a page at a time: at start, and for segments that lost theirs. */
import type { Clock } from '../clock/clock.ts';
import type { ClaimStore } from '../store/store.ts';
import { claimsToLearn, registryPages } from './registry-pages.ts';
import type { SegmentControl } from './segment-control.ts';
import type { StoreAsker } from './store-wait.ts';

/** Progress is told so often. */
const REPORT_EVERY_MS = 5_000;

export class Hydrator {
  readonly #store: ClaimStore;
  readonly #segments: SegmentControl;
  readonly #clock: Clock;
  readonly #epoch: () => number;
  readonly #progress: (claimsRead: number) => void;
  #claimsRead = 0;

  /**
   * @param epoch the epoch in force.
   * @param progress told every few seconds how many claims were read.
   */
  constructor(
    store: ClaimStore,
    segments: SegmentControl,
    clock: Clock,
    epoch: () => number,
    progress: (claimsRead: number) => void,
  ) {
    this.#store = store;
    this.#segments = segments;
    this.#clock = clock;
    this.#epoch = epoch;
    this.#progress = progress;
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
  async fill(ask: StoreAsker, only: (segment: number) => boolean): Promise<void> {
    let toldUs = this.#clock.monotonicUs();
    for await (const claims of registryPages(this.#store, ask)) {
      await this.#segments.learn(claimsToLearn(claims, this.#store.isShared, this.#epoch()), only);
      this.#claimsRead += claims.length;
      const nowUs = this.#clock.monotonicUs();
      if (nowUs - toldUs < REPORT_EVERY_MS * 1_000) continue;
      toldUs = nowUs;
      this.#progress(this.#claimsRead);
    }
  }
}
