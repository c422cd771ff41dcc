/** What a failed call of Redis means: try again, on a new connection, or not at all. */
import { AssertionFailure } from '../../domain/assert.ts';

/**
 * - `again`: the server can't serve this now but may soon.
 * - `reconnect`: the connection is lost, or leads to a server that is no longer the one to ask.
 * - `refused`: trying again would be answered the same.
 */
export type FailureKind = 'again' | 'reconnect' | 'refused';

const AGAIN = ['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'BUSY', 'ASK'];
/** MOVED comes only where a client of a cluster was not asked to find the server (scan-page). */
const RECONNECT = ['READONLY', 'UNBLOCKED', 'MOVED'];
/** Whether an error is an answer of Redis's, not one of the client's own. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Whether it is a fault of this program, which no other connection mends: it is thrown on, as it is. */
export function isFault(error: unknown): boolean {
  return error instanceof AssertionFailure || error instanceof ReferenceError;
}

export function failureKind(error: unknown): FailureKind {
  if (!isReply(error)) return 'reconnect';
  const [code] = /^[A-Z]*/.exec(error.message) ?? [''];
  if (AGAIN.includes(code)) return 'again';
  return RECONNECT.includes(code) ? 'reconnect' : 'refused';
}

/** An error in its own words, never empty. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message === '' ? error.name : error.message;
}
