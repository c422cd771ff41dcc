/**
 * A store that is measured: every call goes to the store within as it is, and what comes of it comes
 * back as it is. The contract suite holds it to that.
 */
import type { Clock } from '../clock/clock.ts';
import type { ClaimStore, CommitBatch, EpochCounts, ScanCursor, ScanPage } from './store.ts';
import type { StoreMeter, StoreOperation } from './store-meter.ts';

export class MeteredStore implements ClaimStore {
  readonly #store: ClaimStore;
  readonly #meter: StoreMeter;
  readonly #clock: Clock;

  constructor(store: ClaimStore, meter: StoreMeter, clock: Clock) {
    this.#store = store;
    this.#meter = meter;
    this.#clock = clock;
  }

  get maxBatchItems(): number {
    return this.#store.maxBatchItems;
  }
  get maxCommitsInFlight(): number {
    return this.#store.maxCommitsInFlight;
  }
  get isShared(): boolean {
    return this.#store.isShared;
  }

  open(): Promise<number> {
    return this.#timed('open', () => this.#store.open());
  }

  async commit(batch: CommitBatch): Promise<number> {
    this.#meter.commitBegun(batch.count);
    try {
      return await this.#timed('commit', () => this.#store.commit(batch));
    } finally {
      this.#meter.commitEnded();
    }
  }

  advanceEpoch(epoch: number): Promise<number> {
    return this.#timed('advance_epoch', () => this.#store.advanceEpoch(epoch));
  }

  epochCounts(from: number, to: number): Promise<EpochCounts[]> {
    return this.#timed('epoch_counts', () => this.#store.epochCounts(from, to));
  }

  scan(cursor: ScanCursor | null, limit: number): Promise<ScanPage> {
    return this.#timed('scan', () => this.#store.scan(cursor, limit));
  }

  reclaim(limit: number): Promise<number> {
    return this.#timed('reclaim', () => this.#store.reclaim(limit));
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #timed<Answer>(operation: StoreOperation, call: () => Promise<Answer>): Promise<Answer> {
    const beganUs = this.#clock.monotonicUs();
    try {
      return await call();
    } catch (error) {
      this.#meter.failed(operation, error);
      throw error;
    } finally {
      this.#meter.ended(operation, this.#clock.monotonicUs() - beganUs);
    }
  }
}
