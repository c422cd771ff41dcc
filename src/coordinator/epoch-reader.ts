/**
 * What can be told of complete epochs, to whoever asks once or watches. On the main thread that is
 * the epoch feed; an ingress thread apart from it has a reader of its own, which asks the feed.
 */
import { type EpochRules, epochStartMs } from '../domain/epochs.ts';
import { EpochOutOfRange } from '../domain/errors.ts';
import type { EpochCounts } from '../store/store.ts';

export interface EpochSummary extends EpochCounts {
  /** Milliseconds since the Unix epoch. */
  readonly startMs: number;
  /** How long this replica took to move its segments into the epoch; 0 where it did not or forgot. */
  readonly durationUs: number;
}

export abstract class EpochReader {
  protected readonly rules: EpochRules;
  readonly #waiting = new Set<() => void>();
  #lastComplete = 0;

  constructor(rules: EpochRules) {
    this.rules = rules;
  }

  /** The last complete epoch; its counts never change again. */
  get lastComplete(): number {
    return this.#lastComplete;
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
    epochStartMs(from, this.rules);
    if (to > this.#lastComplete) {
      throw new EpochOutOfRange(
        `epoch ${to} is not complete; the last complete one is ${this.#lastComplete}`,
      );
    }
    return this.fetch(from, to);
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

  /** The summaries of complete epochs. @throws EpochOutOfRange, StoreUnavailable */
  protected abstract fetch(from: number, to: number): Promise<EpochSummary[]>;
}
