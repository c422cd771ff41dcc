/**
 * The threads that serve calls, as the engine needs them: a lone one, on the engine's own thread
 * (ingress), or several apart from it (serving/).
 */
export interface IngressThreads {
  /** Takes home what has been answered, or is done with, for a thread that is this one. */
  drain(): void;
  /** Has every thread do that; resolves when all have. */
  drainAll(): Promise<void>;
  /** Settles those of the entries that are a thread's own: they died with a worker. */
  lost(entries: readonly number[]): void;
  /** Resolves when no caller waits any more. */
  idle(): Promise<void>;
}
