/** Errors on their way to another thread: structured clone would lose their class. */
import {
  type ClaimsError,
  ClockAhead,
  EpochOutOfRange,
  RegistryMismatch,
  StoreNotUsable,
  StoreUnavailable,
} from './errors.ts';

/** Those that a thread answers with. */
const ERRORS = {
  STORE_UNAVAILABLE: StoreUnavailable,
  CLOCK_AHEAD: ClockAhead,
  REGISTRY_MISMATCH: RegistryMismatch,
  STORE_NOT_USABLE: StoreNotUsable,
  EPOCH_OUT_OF_RANGE: EpochOutOfRange,
} as const;
type ErrorCode = keyof typeof ERRORS;

export interface ErrorMessage {
  readonly code: ErrorCode;
  readonly message: string;
}

/** @throws the error itself where it is none of these: a fault of the program, which ends the thread. */
export function errorMessage(error: unknown): ErrorMessage {
  for (const [code, ErrorClass] of Object.entries(ERRORS)) {
    if (error instanceof ErrorClass) return { code: code as ErrorCode, message: error.message };
  }
  throw error;
}

export function errorFrom({ code, message }: ErrorMessage): ClaimsError {
  return new ERRORS[code](message);
}
