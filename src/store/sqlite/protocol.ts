/**
 * What the store's client and its thread say to each other. A request is answered exactly once, by
 * its number. Commits, the hot ones, come through shared memory (sqlite-commit-ring) and are
 * answered like the rest; entries never travel, both sides have the same table.
 */
import type { ClaimsError } from '../../domain/errors.ts';
import {
  ClockAhead,
  EpochOutOfRange,
  RegistryMismatch,
  StoreNotUsable,
  StoreUnavailable,
} from '../../domain/errors.ts';
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
  | { readonly id: number; readonly error: StoreErrorMessage };

/** Errors cross as their code and message: structured clone would lose their class. */
const ERRORS = {
  STORE_UNAVAILABLE: StoreUnavailable,
  CLOCK_AHEAD: ClockAhead,
  REGISTRY_MISMATCH: RegistryMismatch,
  STORE_NOT_USABLE: StoreNotUsable,
  EPOCH_OUT_OF_RANGE: EpochOutOfRange,
} as const;
type StoreErrorCode = keyof typeof ERRORS;

export interface StoreErrorMessage {
  readonly code: StoreErrorCode;
  readonly message: string;
}

/** @throws the error itself where it is none of a store's: a fault of the program, which ends the thread. */
export function errorMessage(error: unknown): StoreErrorMessage {
  for (const [code, ErrorClass] of Object.entries(ERRORS)) {
    if (error instanceof ErrorClass) return { code: code as StoreErrorCode, message: error.message };
  }
  throw error;
}

export function errorFrom({ code, message }: StoreErrorMessage): ClaimsError {
  return new ERRORS[code](message);
}
