/** What can be told of complete epochs, to whoever asks once or watches. */

import { type EpochRules, epochStartMs } from '../domain/epochs.ts';
import { EpochOutOfRange } from '../domain/errors.ts';
import { DURATION_HISTORY_EPOCHS } from '../limits.ts';
import type { ClaimStore, EpochCounts } from '../store/store.ts';

export interface EpochSummary extends EpochCounts {
  /** Milliseconds since the Unix epoch. */
  readonly startMs: number;
  /** How long this replica took to move its segments into the epoch; 0 where it did not or forgot. */
  readonly durationUs: number;
}

export class EpochFeed {
  readonly #store: ClaimStore;
  readonly #rules: EpochRules;
  readonly #durationsUs = new Map<number, number>();
  readonly #waiting = new Set<() => void>();
  #lastComplete = 0;
  /** What the store was asked last: every watcher asks for the same epoch when it is complete. */
  #asked: { readonly from: number; readonly to: number; readonly counts: Promise<EpochCounts[]> } | undefined;

  constructor(store: ClaimStore, rules: EpochRules) {
    this.#store = store;
    this.#rules = rules;
  }

  /** The last complete epoch; its counts never change again. */
  get lastComplete(): number {
    return this.#lastComplete;
  }

  /** The coordinator moved its segments into the epoch. */
  advanced(epoch: number, durationUs: number): void {
    this.#durationsUs.set(epoch, durationUs);
    if (this.#durationsUs.size <= DURATION_HISTORY_EPOCHS) return;
    for (const oldest of this.#durationsUs.keys()) {
      this.#durationsUs.delete(oldest);
      return;
    }
  }

  /** The store has passed the epoch: it and all before it are complete. */
  completed(epoch: number): void {
    if (epoch <= this.#lastComplete) return;
    this.#lastComplete = epoch;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /**
   * The summaries from `from` to `to`, both included.
   * @throws InvalidArgument, EpochOutOfRange, StoreUnavailable
   */
  async summaries(from: number, to: number): Promise<EpochSummary[]> {
    epochStartMs(from, this.#rules);
    if (to > this.#lastComplete) {
      throw new EpochOutOfRange(
        `epoch ${to} is not complete; the last complete one is ${this.#lastComplete}`,
      );
    }
    const counts = await this.#counts(from, to);
    return counts.map((c) => ({
      ...c,
      startMs: epochStartMs(c.epoch, this.#rules),
      durationUs: this.#durationsUs.get(c.epoch) ?? 0,
    }));
  }

  /** Complete epochs never change again, so what was answered once stands. */
  #counts(from: number, to: number): Promise<EpochCounts[]> {
    if (this.#asked?.from === from && this.#asked.to === to) return this.#asked.counts;
    const asked = { from, to, counts: this.#store.epochCounts(from, to) };
    this.#asked = asked;
    // A failure is told to all who wait for it, and is not kept.
    asked.counts.catch(() => {
      if (this.#asked === asked) this.#asked = undefined;
    });
    return asked.counts;
  }

  /** Resolves when a further epoch is complete, or `signal` aborts. */
  nextCompletion(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      if (signal.aborted) return wake();
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
      return undefined;
    });
  }
}
