/**
 * The exit codes of claimctl, and the errors that end it: each carries its code and a message of
 * one line. What they mean is printed by --help and listed in docs/claimctl.md; a test holds the
 * page equal to this table.
 */
import { status } from '@grpc/grpc-js';
import { Outcome } from '../domain/claim.ts';

export const ExitCode = {
  DONE: 0,
  REFUSED: 1,
  USAGE: 2,
  UNCONFIRMED: 3,
  FAULT: 70,
  INTERRUPTED: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export const EXIT_CODE_MEANINGS: Readonly<Record<ExitCode, string>> = {
  [ExitCode.DONE]: 'done as asked; also a watch ended by SIGINT',
  [ExitCode.REFUSED]:
    'the server said no: TAKEN, EXPIRED, NOT_FOUND, INVALID (of a batch: to any item), or a status such as OUT_OF_RANGE; of an import: a field can not be imported, or the registry has other settings',
  [ExitCode.USAGE]: 'wrong usage, or input that cannot be read (file and line are named)',
  [ExitCode.UNCONFIRMED]:
    'the server could not be reached or did not confirm in time; the same command again is safe',
  [ExitCode.FAULT]: 'a fault of claimctl itself',
  [ExitCode.INTERRUPTED]: 'ended by SIGINT before it was done',
};

/** What a shell is to learn from an outcome, also from one that this version does not know. */
export function exitCodeOfOutcome(outcome: number): ExitCode {
  switch (outcome) {
    case Outcome.ACCEPTED:
    case Outcome.REPLAYED:
    case Outcome.FOUND:
      return ExitCode.DONE;
    case Outcome.TAKEN:
    case Outcome.EXPIRED:
    case Outcome.NOT_FOUND:
    case Outcome.INVALID:
      return ExitCode.REFUSED;
    default:
      return ExitCode.UNCONFIRMED;
  }
}

/** Statuses by which a server that was reached turns the request down: the same again won't help. */
const REFUSALS: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.PERMISSION_DENIED,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
  status.UNAUTHENTICATED,
]);

export function exitCodeOfStatus(code: status): ExitCode {
  return REFUSALS.has(code) ? ExitCode.REFUSED : ExitCode.UNCONFIRMED;
}

/** Ends the program with `exitCode`, after one line on standard error. */
export abstract class ClaimctlError extends Error {
  abstract readonly exitCode: ExitCode;
}

export class UsageError extends ClaimctlError {
  override readonly name = 'UsageError';
  readonly exitCode = ExitCode.USAGE;
}

/** Input that can't be read, at a line (from 1) where one can be told. */
export class InputError extends ClaimctlError {
  override readonly name = 'InputError';
  readonly exitCode = ExitCode.USAGE;
  constructor(source: string, line: number | null, problem: string) {
    super(`${line === null ? source : `${source}:${line}`}: ${problem}`);
  }
}

/** A call that ended with a status instead of a reply. */
export class CallFailed extends ClaimctlError {
  override readonly name = 'CallFailed';
  readonly exitCode: ExitCode;
  readonly code: status;
  /** How long the server asks to wait before the next try; null where it did not say. */
  readonly retryAfterMs: number | null;
  constructor(address: string, code: status, details: string, retryAfterMs: number | null = null) {
    super(`${address}: ${status[code]}: ${details}`);
    this.exitCode = exitCodeOfStatus(code);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** Nothing but time need pass before the same call can succeed. */
  get retriable(): boolean {
    return this.code === status.UNAVAILABLE || this.code === status.RESOURCE_EXHAUSTED;
  }
}

/** What the server, though perhaps reached, did not confirm after every retry. */
export class Unconfirmed extends ClaimctlError {
  override readonly name = 'Unconfirmed';
  readonly exitCode = ExitCode.UNCONFIRMED;
}

/** A server that was reached turns the whole command down: the same again won't help. */
export class Refused extends ClaimctlError {
  override readonly name = 'Refused';
  readonly exitCode = ExitCode.REFUSED;
}

/** A batch or an import that did not come to its end: why, and how far it came. */
export class BatchStopped extends ClaimctlError {
  override readonly name = 'BatchStopped';
  readonly exitCode: ExitCode;
  constructor(reason: ClaimctlError, howFar: string) {
    super(`${reason.message}; ${howFar}`, { cause: reason });
    this.exitCode = reason.exitCode;
  }
}

export class Interrupted extends ClaimctlError {
  override readonly name = 'Interrupted';
  readonly exitCode = ExitCode.INTERRUPTED;
  constructor() {
    super('interrupted');
  }
}
