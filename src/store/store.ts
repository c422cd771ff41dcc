/**
 * The store: where a claim's facts are decided and kept. Its promises, which the contract suite
 * (test/store/store-contract.ts) holds every store to:
 *
 * - **Durable when confirmed.** `commit` resolves once everything it decided is as durable as the
 *   store is configured to be. Where it rejects, what was done is unknown.
 * - **One winner.** Any number of concurrent commits, from any number of replicas, decide as if
 *   their items had been decided one after another; within a batch, in the batch's order.
 * - **Idempotent.** The same batch again gives outcomes that agree with the first: what was
 *   ACCEPTED is REPLAYED, and nothing else changes. So everything may be sent again.
 * - **A failure is never a miss.** An item is NOT_FOUND only where the store looked and the claim
 *   was not there. A store that can't look rejects with StoreUnavailable.
 * - **Epochs never go back.** The store keeps the highest epoch it has been shown and decides by
 *   it. It refuses, with ClockAhead, a later one that its own clock does not bear out (max clock
 *   skew); an epoch that the registry has reached is fine, whatever the clock says.
 * - **Counts are facts too.** They change in the same transaction as the claims they count, and a
 *   complete epoch's summary never changes again.
 * - **Past retention is absent**, at once and by the rule, wherever the bytes still are.
 */
import type { ClaimStatus, PartitionMode } from '../domain/claim.ts';
import type { EpochRules } from '../domain/epochs.ts';

/** What a registry is made with; a store keeps it, and opens only for replicas that agree. */
export interface RegistrySettings extends EpochRules {
  readonly partition: PartitionMode;
}

/**
 * Claims to decide, as numbers of entries in shared memory (entries/entry-table).
 *
 * In, per entry: operation, claim and player ids, hash, timestampMs and endEpoch (of a submit: its
 * expiry epoch). Out, per entry: outcome, status, epoch, fromStore = 1, and timestampMs and endEpoch
 * as the registry has them, unless the outcome is NOT_FOUND or TAKEN; for a GET or an
 * EXPIRE also the player id, which may be another by now. After an EXPIRE: outcome EXPIRED with the status the claim ended in, or NOT_FOUND.
 *
 * The batch and its entries are the store's until the commit settles.
 */
export interface CommitBatch {
  readonly entries: Int32Array;
  /** How many of `entries`, from 0, are of this batch; at most maxBatchItems. */
  readonly count: number;
  /** The epoch on the caller's clock. */
  readonly epoch: number;
}

/** One claim as it is stored: PENDING also where its endEpoch, by the rule, has expired it. */
export interface StoredClaim {
  readonly claimId: string;
  readonly playerId: string;
  readonly timestampMs: number;
  readonly status: ClaimStatus;
  readonly endEpoch: number;
}

export interface ScanPage {
  /** May be empty, and may repeat a claim of an earlier page; it is the end only where `next` is null. */
  readonly claims: readonly StoredClaim[];
  /** Pass it to the next call; null after the last page. */
  readonly next: ScanCursor | null;
}
/** Opaque: what it holds is the store's own affair. */
export type ScanCursor = string;

/** Counts of one complete epoch, of the whole registry. */
export interface EpochCounts {
  readonly epoch: number;
  readonly submitted: number;
  readonly validated: number;
  readonly expired: number;
  /** Claims pending at its end. */
  readonly pending: number;
}

export interface ClaimStore {
  /** The most items of one commit: a bound on how long one call can hold up the next. */
  readonly maxBatchItems: number;
  /** Commits that it works on at once: whoever gives it more lets them wait there. */
  readonly maxCommitsInFlight: number;
  /**
   * Whether other replicas may write to the same registry, so that a table has to be told of claims
   * that this replica never saw.
   */
  readonly isShared: boolean;

  /**
   * Connects, makes the registry where there is none, and checks its settings.
   * @returns the highest epoch the registry has been shown, 0 for a new one.
   * @throws RegistryMismatch, StoreNotUsable, StoreUnavailable
   */
  open(): Promise<number>;

  /**
   * Decides every item of the batch. Calls may overlap; items of one claim are decided in the
   * order of the calls.
   * @returns the registry's highest epoch, the one the batch was decided in. (Where the registry lies
   * on several servers, one that has not been shown it yet decides in its own: each entry says which.)
   * @throws StoreUnavailable, ClockAhead; then no entry was written to.
   */
  commit(batch: CommitBatch): Promise<number>;

  /**
   * Shows the store an epoch; earlier ones are complete from then on.
   * @returns the registry's highest epoch, which may be later.
   * @throws StoreUnavailable, ClockAhead
   */
  advanceEpoch(epoch: number): Promise<number>;

  /**
   * The counts of complete epochs `from` to `to`, both included, in order, without gaps: zeros for
   * epochs without activity. SUMMARY_HISTORY_EPOCHS are kept.
   * @throws EpochOutOfRange where one is not complete or no longer kept; StoreUnavailable
   */
  epochCounts(from: number, to: number): Promise<EpochCounts[]>;

  /** Pages through every claim that is not past retention; `null` begins. @throws StoreUnavailable */
  scan(cursor: ScanCursor | null, limit: number): Promise<ScanPage>;

  /**
   * Frees at most `limit` claims past retention, and what is kept of epochs that are no longer told.
   * @returns how many claims: `limit` where there may be more to free at once; fewer, also none,
   * where the rest, if any, is for later calls.
   * @throws StoreUnavailable
   */
  reclaim(limit: number): Promise<number>;

  /** Ends what was begun and closes. Later calls reject with StoreUnavailable. */
  close(): Promise<void>;
}
