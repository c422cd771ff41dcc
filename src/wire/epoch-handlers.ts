/** GetEpoch and WatchEpochs: summaries of complete epochs. */
import { once } from 'node:events';
import type {
  handleServerStreamingCall,
  handleUnaryCall,
  ServerWritableStream,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { EpochReader, EpochSummary } from '../coordinator/epoch-reader.ts';
import { ResourceExhausted } from '../domain/errors.ts';
import { WATCH_PAGE_EPOCHS, WATCHERS_MAX } from '../limits.ts';
import type { SharedCount } from '../segment/shared-count.ts';
import type { Logger } from '../telemetry/log.ts';
import { logUnexpected, notServing, toStatus } from './status.ts';

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

/** How requests are read from their bytes. @throws InvalidArgument */
export interface EpochRequestReaders {
  readonly getEpoch: (bytes: Buffer) => GetEpochRequest;
  readonly watchEpochs: (bytes: Buffer) => WatchEpochsRequest;
}

type WatchCall = ServerWritableStream<Buffer, EpochReply>;

export class EpochHandlers {
  readonly #epochs: EpochReader;
  readonly #watchers: SharedCount;
  readonly #readers: EpochRequestReaders;
  readonly #unexpected: (error: unknown) => void;
  readonly #watches = new Set<AbortController>();
  /** By method name, for the server. */
  readonly methods: UntypedServiceImplementation;
  /** Why calls are refused, while they are. */
  #refusal: string | undefined = 'starting';

  constructor(epochs: EpochReader, watchers: SharedCount, readers: EpochRequestReaders, log: Logger) {
    this.#unexpected = logUnexpected(log);
    this.#epochs = epochs;
    this.#watchers = watchers;
    this.#readers = readers;
    this.methods = { GetEpoch: this.#getEpoch, WatchEpochs: this.#watchEpochs };
  }

  open(): void {
    this.#refusal = undefined;
  }

  /** Ends the open streams; their clients go on from their last epoch with another replica. */
  close(): void {
    this.#refusal = 'shutting down';
    for (const closing of this.#watches) closing.abort();
  }

  readonly #getEpoch: handleUnaryCall<Buffer, EpochReply> = (call, callback) => {
    if (this.#refusal !== undefined) {
      callback(notServing(this.#refusal));
      return;
    }
    this.#summary(call.request).then(
      (summary) => callback(null, { summary }),
      (error: unknown) => callback(toStatus(error, this.#unexpected)),
    );
  };

  async #summary(request: Buffer): Promise<EpochSummary> {
    const epoch = this.#readers.getEpoch(request).epoch ?? this.#epochs.lastComplete;
    const [summary] = await this.#epochs.summaries(epoch, epoch);
    return summary;
  }

  readonly #watchEpochs: handleServerStreamingCall<Buffer, EpochReply> = (call) => {
    if (this.#refusal !== undefined) {
      call.emit('error', notServing(this.#refusal));
      return;
    }
    if (!this.#watchers.take()) {
      const full = new ResourceExhausted(`${WATCHERS_MAX} watchers are open already`);
      call.emit('error', toStatus(full, this.#unexpected));
      return;
    }
    const closing = new AbortController();
    this.#watches.add(closing);
    call.on('cancelled', () => closing.abort());
    this.#watch(call, closing.signal)
      .then(
        () => (this.#refusal === undefined ? call.end() : call.emit('error', notServing(this.#refusal))),
        (error: unknown) => call.emit('error', toStatus(error, this.#unexpected)),
      )
      .finally(() => {
        this.#watches.delete(closing);
        this.#watchers.release();
      });
  };

  async #watch(call: WatchCall, signal: AbortSignal): Promise<void> {
    const { fromEpoch } = this.#readers.watchEpochs(call.request);
    let next = fromEpoch ?? this.#epochs.lastComplete + 1;
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
