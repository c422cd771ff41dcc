/** What claimctl sees of the process it runs in, so that a test can stand in for it. */
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../clock/clock.ts';

export interface Io {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** isTTY: whether a person watches, who may be shown progress. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly clock: Clock;
  /** Waits; rejects with an AbortError once the signal is aborted. Keeps the process alive. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** From 0 up to but not 1. */
  readonly random: () => number;
  /** Aborted by SIGINT. */
  readonly interrupted: AbortSignal;
}
