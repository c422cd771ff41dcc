/** What a store is measured by: how long its calls take, which fail, how large commits are. Plain memory of one thread. */
import { ClaimsError, EpochOutOfRange } from '../domain/errors.ts';
import { Histogram, LATENCY_BOUNDS_S } from '../telemetry/histogram.ts';

/** Calls of a store, as metrics name them. */
export const STORE_OPERATIONS = [
  'open',
  'commit',
  'advance_epoch',
  'epoch_counts',
  'scan',
  'reclaim',
] as const;
export type StoreOperation = (typeof STORE_OPERATIONS)[number];

/** Codes of the errors that a store may reject with (docs/errors.md); UNEXPECTED is any other. */
export const STORE_ERROR_CODES = [
  'STORE_UNAVAILABLE',
  'CLOCK_AHEAD',
  'REGISTRY_MISMATCH',
  'STORE_NOT_USABLE',
  'UNEXPECTED',
] as const;
export type StoreErrorCode = (typeof STORE_ERROR_CODES)[number];

/** Upper bounds of a commit's size, items: from a caller alone to the most of a batch. */
export const COMMIT_SIZE_BOUNDS: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

export class StoreMeter {
  /** Seconds. */
  readonly #durations: Readonly<Record<StoreOperation, Histogram>>;
  readonly #errors = new Map<string, number>();
  /** Items. */
  readonly commitSizes = new Histogram(COMMIT_SIZE_BOUNDS);
  #commitsInFlight = 0;

  constructor() {
    this.#durations = {
      open: new Histogram(LATENCY_BOUNDS_S),
      commit: new Histogram(LATENCY_BOUNDS_S),
      advance_epoch: new Histogram(LATENCY_BOUNDS_S),
      epoch_counts: new Histogram(LATENCY_BOUNDS_S),
      scan: new Histogram(LATENCY_BOUNDS_S),
      reclaim: new Histogram(LATENCY_BOUNDS_S),
    };
  }

  get commitsInFlight(): number {
    return this.#commitsInFlight;
  }

  /** How long calls took that have ended, well or not. */
  duration(operation: StoreOperation): Histogram {
    return this.#durations[operation];
  }

  errors(operation: StoreOperation, code: StoreErrorCode): number {
    return this.#errors.get(keyOf(operation, code)) ?? 0;
  }

  /** A commit of so many items was begun. */
  commitBegun(items: number): void {
    this.commitSizes.record(items);
    this.#commitsInFlight += 1;
  }

  commitEnded(): void {
    this.#commitsInFlight -= 1;
  }

  ended(operation: StoreOperation, durationUs: number): void {
    this.#durations[operation].record(durationUs / 1_000_000);
  }

  failed(operation: StoreOperation, error: unknown): void {
    // Who asks for an epoch that is not there is told so: the store did not fail.
    if (error instanceof EpochOutOfRange) return;
    const key = keyOf(operation, codeOf(error));
    this.#errors.set(key, (this.#errors.get(key) ?? 0) + 1);
  }
}

function keyOf(operation: StoreOperation, code: StoreErrorCode): string {
  return `${operation} ${code}`;
}

function codeOf(error: unknown): StoreErrorCode {
  const code = error instanceof ClaimsError ? error.code : undefined;
  return STORE_ERROR_CODES.find((known) => known === code) ?? 'UNEXPECTED';
}
