/**
 * A typed gRPC client of claims.v1.ClaimService for tests: @grpc/grpc-js and proto-loader, over
 * connections of its own, with a deadline on every call, without retries. `raw…` sends bytes as
 * they are, for requests that no proper client would send.
 */
import {
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  credentials,
  type ServiceError,
} from '@grpc/grpc-js';
import { systemClock } from '../../src/clock/clock.ts';
import {
  decoder,
  type EpochSummary,
  type Frame,
  type FrameReply,
  frameReply,
  type Item,
  method,
  methodPath,
  type Result,
  result,
  summary,
  type WireFrame,
  type WireResult,
  type WireSummary,
  wireItem,
} from './messages.ts';

export type { EpochSummary, Frame, FrameReply, Item, Outcome, Result, Status } from './messages.ts';
export { encoded, SERVICE_NAME } from './messages.ts';

/** A guard against a hang, not a measure. */
const DEADLINE_MS = 15_000;
/** grpc-js's channelz and its process-wide connections would tie clients to each other. */
const CHANNEL_OPTIONS: ClientOptions = {
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
};

const identity = (bytes: Buffer): Buffer => bytes;

/** Which of so many replicas takes the next call, from 0. */
export type ChooseReplica = (replicas: number) => number;

export class ClaimClient {
  readonly #replicas: readonly Client[];
  readonly #choose: ChooseReplica;

  /** @param addresses one, or those of several replicas: then `choose` says which takes a call. */
  constructor(
    addresses: string | readonly string[],
    options: ClientOptions = {},
    choose: ChooseReplica = () => 0,
  ) {
    this.#replicas = [addresses].flat().map((address) => {
      return new Client(address, credentials.createInsecure(), { ...CHANNEL_OPTIONS, ...options });
    });
    this.#choose = choose;
  }

  async submit(item: Item, deadlineMs = DEADLINE_MS): Promise<Result> {
    const reply = await this.#unary<{ result: WireResult }>('SubmitClaim', wireItem(item), deadlineMs);
    return result(reply.result);
  }

  async validate(item: Item, deadlineMs = DEADLINE_MS): Promise<Result> {
    const reply = await this.#unary<{ result: WireResult }>('ValidateClaim', wireItem(item), deadlineMs);
    return result(reply.result);
  }

  async get(claimId: string, playerId?: string): Promise<Result> {
    const request = playerId === undefined ? { claimId } : { claimId, playerId };
    return result((await this.#unary<{ result: WireResult }>('GetClaim', request)).result);
  }

  async batchSubmit(items: readonly Item[]): Promise<Result[]> {
    return this.#batch('BatchSubmitClaims', items);
  }

  async batchValidate(items: readonly Item[]): Promise<Result[]> {
    return this.#batch('BatchValidateClaims', items);
  }

  /** The summary of an epoch; of the last complete one where absent. */
  async getEpoch(epoch?: number | bigint): Promise<EpochSummary> {
    const request = epoch === undefined ? {} : { epoch: String(epoch) };
    return summary((await this.#unary<{ summary: WireSummary }>('GetEpoch', request)).summary);
  }

  /** The last complete epoch of each replica. */
  async lastEpochs(): Promise<number[]> {
    const { path, requestSerialize, responseDeserialize } = method('GetEpoch');
    const decode = decoder<{ summary: WireSummary }>(responseDeserialize);
    const replies = this.#replicas.map((replica) =>
      unaryCall(replica, path, requestSerialize, decode, {}, DEADLINE_MS),
    );
    return (await Promise.all(replies)).map((reply) => summary(reply.summary).epoch);
  }

  /**
   * Summaries from an epoch on (absent: the next to complete), until the loop over them is left.
   * @throws ServiceError where the server ends the call.
   */
  async *watch(fromEpoch?: number | bigint): AsyncGenerator<EpochSummary> {
    const call = this.openWatch(fromEpoch);
    try {
      for await (const reply of call) yield summary(reply.summary);
    } finally {
      endQuietly(call);
    }
  }

  /** The call of WatchEpochs itself, read only as its caller reads it. */
  openWatch(fromEpoch?: number | bigint): ClientReadableStream<{ summary: WireSummary }> {
    const { path, requestSerialize, responseDeserialize } = method('WatchEpochs');
    return this.#replica.makeServerStreamRequest(
      path,
      requestSerialize,
      decoder<{ summary: WireSummary }>(responseDeserialize),
      fromEpoch === undefined ? {} : { fromEpoch: String(fromEpoch) },
      { deadline: systemClock.nowMs() + 4 * DEADLINE_MS },
    );
  }

  /** A stream of ExchangeClaims. */
  exchange(): Exchange {
    const { path, requestSerialize, responseDeserialize } = method('ExchangeClaims');
    const call = this.#replica.makeBidiStreamRequest<object, WireFrame>(
      path,
      requestSerialize,
      decoder<WireFrame>(responseDeserialize),
      { deadline: systemClock.nowMs() + 4 * DEADLINE_MS },
    );
    return new Exchange(call);
  }

  /** Sends bytes as the message of a unary call; gives the reply's bytes. */
  raw(name: string, message: Buffer, deadlineMs = DEADLINE_MS): Promise<Buffer> {
    return this.#call(methodPath(name), identity, identity, message, deadlineMs);
  }

  /** As `raw`, the reply of a one-item call decoded. */
  async rawResult(name: string, message: Buffer): Promise<Result> {
    const decode = decoder<{ result: WireResult }>(method(name).responseDeserialize);
    return result((await this.#call(methodPath(name), identity, decode, message, DEADLINE_MS)).result);
  }

  /** As `raw`, the reply of a batch decoded. */
  async rawResults(name: string, message: Buffer): Promise<Result[]> {
    const decode = decoder<{ results: WireResult[] }>(method(name).responseDeserialize);
    return (await this.#call(methodPath(name), identity, decode, message, DEADLINE_MS)).results.map(result);
  }

  /** A stream in both directions (WatchEpochs takes it as well) of bytes as they are. */
  rawStream(name: string): ClientDuplexStream<Buffer, Buffer> {
    const options = { deadline: systemClock.nowMs() + DEADLINE_MS };
    return this.#replica.makeBidiStreamRequest<Buffer, Buffer>(methodPath(name), identity, identity, options);
  }

  close(): void {
    for (const replica of this.#replicas) replica.close();
  }

  get #replica(): Client {
    return this.#replicas[this.#choose(this.#replicas.length)];
  }

  async #batch(name: string, items: readonly Item[]): Promise<Result[]> {
    const request = { items: items.map(wireItem) };
    return (await this.#unary<{ results: WireResult[] }>(name, request)).results.map(result);
  }

  #unary<Reply>(name: string, request: object, deadlineMs = DEADLINE_MS): Promise<Reply> {
    const { path, requestSerialize, responseDeserialize } = method(name);
    return this.#call(path, requestSerialize, decoder<Reply>(responseDeserialize), request, deadlineMs);
  }

  #call<Request, Reply>(
    path: string,
    serialize: (request: Request) => Buffer,
    deserialize: (bytes: Buffer) => Reply,
    request: Request,
    deadlineMs: number,
  ): Promise<Reply> {
    return unaryCall(this.#replica, path, serialize, deserialize, request, deadlineMs);
  }
}

function unaryCall<Request, Reply>(
  replica: Client,
  path: string,
  serialize: (request: Request) => Buffer,
  deserialize: (bytes: Buffer) => Reply,
  request: Request,
  deadlineMs: number,
): Promise<Reply> {
  const options = { deadline: systemClock.nowMs() + deadlineMs };
  return new Promise((resolve, reject) => {
    replica.makeUnaryRequest(path, serialize, deserialize, request, options, (error, reply) => {
      if (error !== null) reject(error);
      else if (reply === undefined) reject(new Error(`${path}: neither reply nor error`));
      else resolve(reply);
    });
  });
}

/** One stream of ExchangeClaims: frames go out by `send` or `ask`, replies come by `replies` or `ask`. */
export class Exchange {
  readonly #call: ClientDuplexStream<object, WireFrame>;
  #asked: Map<bigint, PromiseWithResolvers<FrameReply>> | undefined;
  #failure: ServiceError | Error | undefined;

  constructor(call: ClientDuplexStream<object, WireFrame>) {
    this.#call = call;
    // Without a listener an error that comes while nobody reads would end the test process.
    call.on('error', (error: ServiceError) => {
      this.#failure = error;
    });
  }

  /** Sends a frame; gives false where the stream is full, until `drained`. */
  send(frame: Frame): boolean {
    return this.#call.write({
      frameId: String(frame.frameId),
      submits: (frame.submits ?? []).map(wireItem),
      validates: (frame.validates ?? []).map(wireItem),
    });
  }

  /** Calls once when the stream takes frames again after a `send` that gave false. */
  onceDrained(call: () => void): void {
    this.#call.once('drain', call);
  }

  halfClose(): void {
    this.#call.end();
  }

  cancel(): void {
    endQuietly(this.#call);
  }

  /** Replies as they come, until the server ends the stream. @throws ServiceError unless that was with OK. */
  async *replies(): AsyncGenerator<FrameReply> {
    if (this.#failure !== undefined) throw this.#failure;
    for await (const frame of this.#call) yield frameReply(frame);
  }

  /** Sends frames, half-closes, and gives all replies. @throws ServiceError */
  async all(frames: readonly Frame[]): Promise<FrameReply[]> {
    for (const frame of frames) this.send(frame);
    this.halfClose();
    const replies: FrameReply[] = [];
    for await (const reply of this.replies()) replies.push(reply);
    return replies;
  }

  /** The reply to one frame; several may be under way, each with an id of its own. @throws ServiceError */
  ask(frame: Frame): Promise<FrameReply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const waiting = Promise.withResolvers<FrameReply>();
    this.#asking().set(frame.frameId, waiting);
    this.send(frame);
    return waiting.promise;
  }

  #asking(): Map<bigint, PromiseWithResolvers<FrameReply>> {
    if (this.#asked !== undefined) return this.#asked;
    const asked = new Map<bigint, PromiseWithResolvers<FrameReply>>();
    this.#asked = asked;
    this.#call.on('data', (frame: WireFrame) => {
      const reply = frameReply(frame);
      asked.get(reply.frameId)?.resolve(reply);
      asked.delete(reply.frameId);
    });
    const fail = (): void => {
      for (const { reject } of asked.values()) reject(this.#failure ?? new Error('the stream has ended'));
      asked.clear();
    };
    this.#call.on('error', fail).on('end', fail);
    return asked;
  }
}

/** Cancels a call whose end nobody waits for. */
export function endQuietly(call: ClientReadableStream<unknown> | ClientDuplexStream<never, unknown>): void {
  call.on('error', () => undefined);
  call.cancel();
}
