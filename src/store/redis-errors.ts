/** What a failed call of Redis means: try again, on a new connection, or not at all. */

/**
 * - `again`: the server can't serve this now but may soon.
 * - `reconnect`: the connection is lost, or leads to a server that is no longer the one to ask.
 * - `refused`: trying again would be answered the same.
 */
export type FailureKind = 'again' | 'reconnect' | 'refused';

const AGAIN = ['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'BUSY', 'ASK'];
/** MOVED comes only where a client of a cluster was not asked to find the server (redis-scan-page). */
const RECONNECT = ['READONLY', 'UNBLOCKED', 'MOVED'];
/** An error answer's first word, as Redis has them; '' for an error of the client's own. */
function replyCode(error: unknown): string {
  const isReply = error instanceof Error && error.name === 'ReplyError';
  return isReply ? (/^[A-Z]+/.exec(error.message)?.[0] ?? '') : '';
}

export function failureKind(error: unknown): FailureKind {
  const isReply = error instanceof Error && error.name === 'ReplyError';
  if (!isReply) return 'reconnect';
  const code = replyCode(error);
  if (AGAIN.includes(code)) return 'again';
  return RECONNECT.includes(code) ? 'reconnect' : 'refused';
}

/** An error in its own words, never empty. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message === '' ? error.name : error.message;
}
