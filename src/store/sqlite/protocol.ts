/**
 * What the store's client and its thread say to each other. A request is answered exactly once, by
 * its number. Commits, the hot ones, come through shared memory (sqlite-commit-ring) and are
 * answered like the rest; entries never travel, both sides have the same table.
 */
import type { ErrorMessage } from '../../domain/error-message.ts';
import type { RuntimePlace } from '../../telemetry/runtime/runtime-stats.ts';
import type { EpochCounts, RegistrySettings, ScanCursor, ScanPage } from '../store.ts';

/** What the thread is started with. */
export interface SqliteThreadData {
  readonly path: string;
  readonly settings: RegistrySettings;
  readonly maxClockSkewMs: number;
  readonly maxBytes: number;
  /** Of the EntryTable. */
  readonly entries: SharedArrayBuffer;
  /** Of the CommitRing. */
  readonly ring: SharedArrayBuffer;
  /** Where it tells of its own running. */
  readonly runtime: RuntimePlace;
}

/** `nowMs` is the store's clock, which is this machine's, as the request was sent. */
export type StoreRequest =
  | { readonly kind: 'open' }
  | { readonly kind: 'advanceEpoch'; readonly epoch: number; readonly nowMs: number }
  | { readonly kind: 'epochCounts'; readonly from: number; readonly to: number }
  | { readonly kind: 'scan'; readonly cursor: ScanCursor | null; readonly limit: number }
  | { readonly kind: 'reclaim'; readonly limit: number }
  | { readonly kind: 'close' };

/** The result of each kind of request. */
export interface StoreResults {
  readonly open: number;
  readonly commit: number;
  readonly advanceEpoch: number;
  readonly epochCounts: EpochCounts[];
  readonly scan: ScanPage;
  readonly reclaim: number;
  readonly close: null;
}
export type StoreResult = StoreResults[keyof StoreResults];

export interface NumberedRequest {
  readonly id: number;
  readonly request: StoreRequest;
}

export type StoreReply =
  | { readonly id: number; readonly result: StoreResult }
  | { readonly id: number; readonly error: ErrorMessage };
