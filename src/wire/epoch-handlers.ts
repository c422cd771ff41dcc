/** GetEpoch and WatchEpochs: summaries of complete epochs. */
import type { handleServerStreamingCall, handleUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { once } from 'node:events';
import type { EpochFeed, EpochSummary } from '../coordinator/epoch-feed.ts';
import { ResourceExhausted } from '../domain/errors.ts';
import { WATCH_PAGE_EPOCHS, WATCHERS_MAX } from '../limits.ts';
import { toStatus } from './status.ts';

/** Messages as proto-loader gives them: int64 as numbers, absent optionals as undefined. */
export interface GetEpochRequest {
  readonly epoch?: number;
}
export interface WatchEpochsRequest {
  readonly fromEpoch?: number;
}
export interface EpochReply {
  readonly summary: EpochSummary;
}

type WatchCall = ServerWritableStream<WatchEpochsRequest, EpochReply>;

export class EpochHandlers {
  readonly #epochs: EpochFeed;
  readonly #open = new Set<AbortController>();

  constructor(epochs: EpochFeed) {
    this.#epochs = epochs;
  }

  readonly getEpoch: handleUnaryCall<GetEpochRequest, EpochReply> = (call, callback) => {
    const epoch = call.request.epoch ?? this.#epochs.lastComplete;
    this.#epochs.summaries(epoch, epoch).then(
      ([summary]) => callback(null, { summary }),
      (error: unknown) => callback(toStatus(error)),
    );
  };

  readonly watchEpochs: handleServerStreamingCall<WatchEpochsRequest, EpochReply> = (call) => {
    const closing = new AbortController();
    this.#open.add(closing);
    call.on('cancelled', () => closing.abort());
    this.#watch(call, closing.signal)
      .then(
        () => call.end(),
        (error: unknown) => call.emit('error', toStatus(error)),
      )
      .finally(() => this.#open.delete(closing));
  };

  /** Ends the open streams; their clients go on from their last epoch with another replica. */
  close(): void {
    for (const closing of this.#open) closing.abort();
  }

  async #watch(call: WatchCall, signal: AbortSignal): Promise<void> {
    if (this.#open.size > WATCHERS_MAX) {
      throw new ResourceExhausted(`${WATCHERS_MAX} watchers are open already`);
    }
    let next = call.request.fromEpoch ?? this.#epochs.lastComplete + 1;
    while (!signal.aborted) {
      const last = Math.min(this.#epochs.lastComplete, next + WATCH_PAGE_EPOCHS - 1);
      if (next > last) {
        await this.#epochs.nextCompletion(signal);
        continue;
      }
      for (const summary of await this.#epochs.summaries(next, last)) await send(call, { summary }, signal);
      next = last + 1;
    }
  }
}

/** Writes, and waits where the reader is slow; so a watcher never holds more than a page. */
async function send(call: WatchCall, reply: EpochReply, signal: AbortSignal): Promise<void> {
  if (signal.aborted || call.write(reply)) return;
  try {
    await once(call, 'drain', { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
