/**
 * The watch command: a line per epoch as it completes. A server that goes away, as in a rolling
 * update, does not end the watch: it goes on with the epoch after the last one printed, so none is
 * missed and none is printed twice.
 */
import { status } from '@grpc/grpc-js';
import type { Session } from './commands.ts';
import { CallFailed, ExitCode } from './exit-codes.ts';
import { epochReport } from './output.ts';
import { retryDelayMs } from './retry.ts';

export interface WatchOptions {
  /** The next epoch to complete where undefined. */
  readonly from?: number;
  /** For ever where undefined. */
  readonly count?: number;
}

/** Tries in a row without one epoch received, before the server is given up. */
const FRUITLESS_TRIES_MAX = 10;

/** Ends with DONE after `count` epochs, at SIGINT, or when nobody reads on. @throws CallFailed */
export async function watch(session: Session, options: WatchOptions): Promise<ExitCode> {
  const { io } = session;
  const watcher = new Watcher(session, options);
  for (;;) {
    const failure = await watcher.follow();
    if (watcher.done || io.interrupted.aborted) return ExitCode.DONE;
    if (failure !== null && !failure.retriable) throw failure;
    if (!watcher.mayReconnect) throw failure ?? endedByServer(session.client.address);
    const delayMs = retryDelayMs(watcher.fruitlessTries, failure?.retryAfterMs ?? null, io.random);
    await pause(session, delayMs);
    if (io.interrupted.aborted) return ExitCode.DONE;
  }
}

class Watcher {
  readonly #session: Session;
  #from: string | undefined;
  #left: number;
  #received = false;
  fruitlessTries = 0;
  done = false;

  constructor(session: Session, { from, count }: WatchOptions) {
    this.#session = session;
    this.#from = from?.toString();
    this.#left = count ?? Number.POSITIVE_INFINITY;
  }

  /** A server that never sent an epoch may be the wrong one; one that did is worth waiting for. */
  get mayReconnect(): boolean {
    return this.#received && this.fruitlessTries < FRUITLESS_TRIES_MAX;
  }

  /** Prints what one stream brings; returns the failure it ended with, null where the server ended it. */
  async follow(): Promise<CallFailed | null> {
    const { client, io, output } = this.#session;
    this.fruitlessTries += 1;
    try {
      for await (const summary of client.watchEpochs(this.#from, io.interrupted)) {
        this.#received = true;
        this.fruitlessTries = 0;
        this.#from = (BigInt(summary.epoch) + 1n).toString();
        this.#left -= 1;
        const read = await output.print(epochReport(summary));
        this.done = !read || this.#left <= 0;
        if (this.done) break;
      }
      return null;
    } catch (error) {
      if (error instanceof CallFailed) return error;
      throw error;
    }
  }
}

async function pause({ io }: Session, delayMs: number): Promise<void> {
  try {
    await io.sleep(delayMs, io.interrupted);
  } catch (error) {
    if (!io.interrupted.aborted) throw error;
  }
}

function endedByServer(address: string): CallFailed {
  return new CallFailed(address, status.UNAVAILABLE, 'the server ended the stream');
}
