/**
 * A typed gRPC client of claims.v1.ClaimService for tests: @grpc/grpc-js and proto-loader, over a
 * connection of its own, with a deadline on every call, without retries. `raw…` sends bytes as
 * they are, for requests that no proper client would send.
 */
import { join } from 'node:path';
import {
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  credentials,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { systemClock } from '../../src/clock/clock.ts';
import { REPOSITORY } from './program.ts';

export const SERVICE_NAME = 'claims.v1.ClaimService';
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

export type Outcome =
  | 'UNSPECIFIED'
  | 'ACCEPTED'
  | 'REPLAYED'
  | 'TAKEN'
  | 'EXPIRED'
  | 'NOT_FOUND'
  | 'INVALID'
  | 'UNAVAILABLE'
  | 'FOUND';
export type Status = 'UNSPECIFIED' | 'PENDING' | 'VALIDATED' | 'EXPIRED';

/** A claim as a client names it; validate has no use for the timestamp. */
export interface Item {
  readonly claimId: string;
  readonly playerId: string;
  readonly timestampMs?: number | bigint;
}

export interface Result {
  readonly outcome: Outcome;
  readonly status: Status;
  readonly epoch: number;
  readonly expiresAtEpoch: number;
  readonly claim: { claimId: string; playerId: string; timestampMs: number; status: Status } | undefined;
  readonly reason: string;
}

export interface Frame {
  readonly frameId: bigint;
  readonly submits?: readonly Item[];
  readonly validates?: readonly Item[];
}

export interface FrameReply {
  readonly frameId: bigint;
  readonly submits: readonly Result[];
  readonly validates: readonly Result[];
}

export interface EpochSummary {
  readonly epoch: number;
  readonly startMs: number;
  readonly durationUs: number;
  readonly submitted: number;
  readonly validated: number;
  readonly expired: number;
  readonly pending: number;
}

/** Messages as proto-loader gives them: int64 as decimal strings, enums by name. */
interface WireClaim {
  claimId: string;
  playerId: string;
  timestampMs: string;
  status: string;
}
interface WireResult {
  outcome: string;
  status: string;
  epoch: string;
  expiresAtEpoch: string;
  claim: WireClaim | null;
  reason: string;
}
interface WireFrame {
  frameId: string;
  submits: WireResult[];
  validates: WireResult[];
}
type WireSummary = Record<keyof EpochSummary, string>;

const METHODS = methodsOf(join(REPOSITORY, 'proto/claims/v1/claims.proto'));
const identity = (bytes: Buffer): Buffer => bytes;

export class ClaimClient {
  readonly #client: Client;

  constructor(address: string, options: ClientOptions = {}) {
    this.#client = new Client(address, credentials.createInsecure(), { ...CHANNEL_OPTIONS, ...options });
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
    return this.#client.makeServerStreamRequest(
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
    const call = this.#client.makeBidiStreamRequest<object, WireFrame>(
      path,
      requestSerialize,
      decoder<WireFrame>(responseDeserialize),
      { deadline: systemClock.nowMs() + 4 * DEADLINE_MS },
    );
    return new Exchange(call);
  }

  /** Sends bytes as the message of a unary call; gives the reply's bytes. */
  raw(name: string, message: Buffer, deadlineMs = DEADLINE_MS): Promise<Buffer> {
    return this.#call(path(name), identity, identity, message, deadlineMs);
  }

  /** As `raw`, the reply of a one-item call decoded. */
  async rawResult(name: string, message: Buffer): Promise<Result> {
    const decode = decoder<{ result: WireResult }>(method(name).responseDeserialize);
    return result((await this.#call(path(name), identity, decode, message, DEADLINE_MS)).result);
  }

  /** As `raw`, the reply of a batch decoded. */
  async rawResults(name: string, message: Buffer): Promise<Result[]> {
    const decode = decoder<{ results: WireResult[] }>(method(name).responseDeserialize);
    return (await this.#call(path(name), identity, decode, message, DEADLINE_MS)).results.map(result);
  }

  /** A stream in both directions (WatchEpochs takes it as well) of bytes as they are. */
  rawStream(name: string): ClientDuplexStream<Buffer, Buffer> {
    const options = { deadline: systemClock.nowMs() + DEADLINE_MS };
    return this.#client.makeBidiStreamRequest<Buffer, Buffer>(path(name), identity, identity, options);
  }

  close(): void {
    this.#client.close();
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
    const options = { deadline: systemClock.nowMs() + deadlineMs };
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, serialize, deserialize, request, options, (error, reply) => {
        if (error !== null) reject(error);
        else if (reply === undefined) reject(new Error(`${path}: neither reply nor error`));
        else resolve(reply);
      });
    });
  }
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

/** The bytes of a request, for `raw…` calls. */
export function encoded(name: string, request: object): Buffer {
  return method(name).requestSerialize(request);
}

/** Cancels a call whose end nobody waits for. */
export function endQuietly(call: ClientReadableStream<unknown> | ClientDuplexStream<never, unknown>): void {
  call.on('error', () => undefined);
  call.cancel();
}

/** The service's methods by name, with proto-loader's serializers. */
function methodsOf(file: string): ReadonlyMap<string, MethodDefinition<object, object>> {
  const loaded = loadSync(file, { longs: String, enums: String, defaults: true });
  const service = loaded[SERVICE_NAME];
  if (service === undefined || 'format' in service) throw new Error(`${file} has no ${SERVICE_NAME}`);
  return new Map(Object.entries(service));
}

function method(name: string): MethodDefinition<object, object> {
  const found = METHODS.get(name);
  if (found === undefined) throw new Error(`no method ${name}`);
  return found;
}

/** The path of any name, so that a method that does not exist can be called. */
function path(name: string): string {
  return `/${SERVICE_NAME}/${name}`;
}

/** proto-loader knows its replies' shapes at run time only; claims.proto says what they are. */
function decoder<Reply>(deserialize: (bytes: Buffer) => object): (bytes: Buffer) => Reply {
  return deserialize as unknown as (bytes: Buffer) => Reply;
}

function wireItem(item: Item): object {
  const { claimId, playerId, timestampMs } = item;
  return timestampMs === undefined
    ? { claimId, playerId }
    : { claimId, playerId, timestampMs: `${timestampMs}` };
}

function result(wire: WireResult): Result {
  return {
    outcome: wire.outcome.replace('OUTCOME_', '') as Outcome,
    status: status(wire.status),
    epoch: Number(wire.epoch),
    expiresAtEpoch: Number(wire.expiresAtEpoch),
    claim: wire.claim === null ? undefined : claim(wire.claim),
    reason: wire.reason,
  };
}

function claim(wire: WireClaim): NonNullable<Result['claim']> {
  const { claimId, playerId } = wire;
  return { claimId, playerId, timestampMs: Number(wire.timestampMs), status: status(wire.status) };
}

function status(name: string): Status {
  return name.replace('CLAIM_STATUS_', '') as Status;
}

function frameReply(wire: WireFrame): FrameReply {
  return {
    frameId: BigInt(wire.frameId),
    submits: wire.submits.map(result),
    validates: wire.validates.map(result),
  };
}

function summary(wire: WireSummary): EpochSummary {
  const { epoch, startMs, durationUs, submitted, validated, expired, pending } = wire;
  return {
    epoch: Number(epoch),
    startMs: Number(startMs),
    durationUs: Number(durationUs),
    submitted: Number(submitted),
    validated: Number(validated),
    expired: Number(expired),
    pending: Number(pending),
  };
}
