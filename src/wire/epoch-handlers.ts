/** GetEpoch and WatchEpochs: summaries of complete epochs. */
import { once } from 'node:events';
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServerErrorResponse,
  type ServerWritableStream,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { EpochReader, EpochSummary } from '../coordinator/epoch-reader.ts';
import { ResourceExhausted } from '../domain/errors.ts';
import { WATCH_PAGE_EPOCHS, WATCHERS_MAX } from '../limits.ts';
import type { SharedCount } from '../segment/shared-count.ts';
import type { Logger } from '../telemetry/log.ts';
import type { CallTimer } from './call-timer.ts';
import { logUnexpected, notServing, toStatus, type Unexpected } from './status.ts';
import { methodNumber, type TimedCall } from './timed-call.ts';

const GET_EPOCH = methodNumber('GetEpoch');
const WATCH_EPOCHS = methodNumber('WatchEpochs');

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
  readonly #timer: CallTimer;
  readonly #unexpected: Unexpected;
  readonly #watches = new Set<AbortController>();
  /** By method name, for the server. */
  readonly methods: UntypedServiceImplementation;
  /** Why calls are refused, while they are. */
  #refusal: string | undefined = 'starting';

  constructor(
    epochs: EpochReader,
    watchers: SharedCount,
    readers: EpochRequestReaders,
    timer: CallTimer,
    log: Logger,
  ) {
    this.#unexpected = logUnexpected(log);
    this.#timer = timer;
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
    const timed = { method: GET_EPOCH, call, beganUs: this.#timer.nowUs(), items: 0 };
    const refuse = (refusal: Partial<ServerErrorResponse>): void => {
      callback(refusal);
      this.#timer.ended(timed, refusal.code ?? status.UNKNOWN);
    };
    if (this.#refusal !== undefined) {
      refuse(notServing(this.#refusal));
      return;
    }
    this.#summary(call.request).then(
      (summary) => {
        callback(null, { summary });
        this.#timer.ended(timed, status.OK);
      },
      (error: unknown) => refuse(toStatus(error, this.#unexpected, call)),
    );
  };

  async #summary(request: Buffer): Promise<EpochSummary> {
    const epoch = this.#readers.getEpoch(request).epoch ?? this.#epochs.lastComplete;
    const [summary] = await this.#epochs.summaries(epoch, epoch);
    return summary;
  }

  readonly #watchEpochs: handleServerStreamingCall<Buffer, EpochReply> = (call) => {
    const timed = { method: WATCH_EPOCHS, call, beganUs: this.#timer.nowUs(), items: 0 };
    if (this.#refusal !== undefined) {
      this.#fail(timed, call, notServing(this.#refusal));
      return;
    }
    if (!this.#watchers.take()) {
      const full = new ResourceExhausted(`${WATCHERS_MAX} watchers are open already`);
      this.#timer.shed('watchers');
      this.#fail(timed, call, toStatus(full, this.#unexpected, call));
      return;
    }
    const closing = new AbortController();
    this.#watches.add(closing);
    call.on('cancelled', () => closing.abort());
    this.#watch(call, closing.signal)
      .then(
        () => this.#endWatch(timed, call),
        (error: unknown) => this.#fail(timed, call, toStatus(error, this.#unexpected, call)),
      )
      .finally(() => {
        this.#watches.delete(closing);
        this.#watchers.release();
      });
  };

  /** Its client has gone, or the server is shutting down. */
  #endWatch(timed: TimedCall, call: WatchCall): void {
    if (this.#refusal !== undefined) {
      this.#fail(timed, call, notServing(this.#refusal));
      return;
    }
    call.end();
    this.#timer.streamEnded(timed, status.CANCELLED);
  }

  #fail(timed: TimedCall, call: WatchCall, refusal: Partial<ServerErrorResponse>): void {
    call.emit('error', refusal);
    this.#timer.streamEnded(timed, refusal.code ?? status.UNKNOWN);
  }

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
