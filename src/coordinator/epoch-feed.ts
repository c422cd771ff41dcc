/** Complete epochs as the store counts them, with how long this replica took over each. */
import { type EpochRules, epochStartMs } from '../domain/epochs.ts';
import { DURATION_HISTORY_EPOCHS } from '../limits.ts';
import type { ClaimStore, EpochCounts } from '../store/store.ts';
import { EpochReader, type EpochSummary } from './epoch-reader.ts';

export class EpochFeed extends EpochReader {
  readonly #store: ClaimStore;
  readonly #durationsUs = new Map<number, number>();
  /** What the store was asked last: every watcher asks for the same epoch when it is complete. */
  #asked: { readonly from: number; readonly to: number; readonly counts: Promise<EpochCounts[]> } | undefined;

  constructor(store: ClaimStore, rules: EpochRules) {
    super(rules);
    this.#store = store;
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

  protected override async fetch(from: number, to: number): Promise<EpochSummary[]> {
    const counts = await this.#counts(from, to);
    return counts.map((c) => ({
      ...c,
      startMs: epochStartMs(c.epoch, this.rules),
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
}
