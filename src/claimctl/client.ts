/** The connection to one server: a deadline for every call, failures as CallFailed. */
import {
  Client,
  type ClientReadableStream,
  credentials,
  type Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { Clock } from '../clock/clock.ts';
import { CallFailed, UsageError } from './exit-codes.ts';
import { retryInfoMs } from './retry.ts';
import {
  type ClaimItem,
  type ClaimResult,
  type EpochSummary,
  loadMethods,
  type MethodName,
  type Methods,
} from './service.ts';

export interface ClientOptions {
  /** HOST:PORT, or any target that gRPC resolves. */
  readonly address: string;
  /** How long a call may take, milliseconds; a watch may take for ever. */
  readonly deadlineMs: number;
  readonly version: string;
  readonly clock: Clock;
}

/** A batch's reply of 8,192 results is at most 3.8 MB (limits.ts: SEND_MAX_BYTES), with room to grow. */
const RECEIVE_MAX_BYTES = 16 * 2 ** 20;
/** Below the delays of retry.ts, so that a retry finds the connection tried again. */
const RECONNECT_MIN_MS = 100;
const RECONNECT_MAX_MS = 1_000;

/** Every method rejects with CallFailed where the call ends with a status other than OK. */
export class ClaimsClient {
  readonly #options: ClientOptions;
  readonly #methods: Methods = loadMethods();
  readonly #client: Client;

  /** Connects with the first call. @throws UsageError where gRPC can't make sense of the address. */
  constructor(options: ClientOptions) {
    this.#options = options;
    this.#client = connect(options);
  }

  submit(item: ClaimItem, signal: AbortSignal): Promise<ClaimResult> {
    return this.#claimCall('SubmitClaim', item, signal);
  }

  validate(item: ClaimItem, signal: AbortSignal): Promise<ClaimResult> {
    return this.#claimCall('ValidateClaim', item, signal);
  }

  get(claimId: string, playerId: string | undefined, signal: AbortSignal): Promise<ClaimResult> {
    const player = playerId === undefined ? {} : { player_id: playerId };
    return this.#claimCall('GetClaim', { claim_id: claimId, ...player }, signal);
  }

  /** @returns one result for each item, in their order. */
  async batch(
    method: 'BatchSubmitClaims' | 'BatchValidateClaims',
    items: readonly ClaimItem[],
  ): Promise<readonly ClaimResult[]> {
    const { results } = await this.#unary<{ results: ClaimResult[] }>(method, { items });
    if (results.length === items.length) return results;
    throw this.#malformed(`${results.length} results came for ${items.length} items`);
  }

  /** @param epoch the last complete one where undefined. */
  async epoch(epoch: number | undefined, signal: AbortSignal): Promise<EpochSummary> {
    const request = epoch === undefined ? {} : { epoch };
    const { summary } = await this.#unary<{ summary: EpochSummary | null }>('GetEpoch', request, signal);
    return summary ?? this.#missing('summary');
  }

  /** Summaries from an epoch on (the next to complete where undefined), until the server ends them. */
  async *watchEpochs(from: string | undefined, signal: AbortSignal): AsyncGenerator<EpochSummary, void> {
    const { path, requestSerialize, responseDeserialize } = this.#methods.WatchEpochs;
    const request = from === undefined ? {} : { from_epoch: from };
    const call = this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const reply of call as ClientReadableStream<{ summary: EpochSummary | null }>) {
        yield reply.summary ?? this.#missing('summary');
      }
    } catch (error) {
      throw this.#failure(error);
    } finally {
      signal.removeEventListener('abort', cancel);
      // A call that is left early reports its own cancellation, which nobody waits for any more.
      call.on('error', () => undefined);
      call.cancel();
    }
  }

  /** For messages. */
  get address(): string {
    return this.#options.address;
  }

  close(): void {
    this.#client.close();
  }

  async #claimCall(method: MethodName, request: object, signal: AbortSignal): Promise<ClaimResult> {
    const { result } = await this.#unary<{ result: ClaimResult | null }>(method, request, signal);
    return result ?? this.#missing('result');
  }

  #unary<Reply>(name: MethodName, request: object, signal?: AbortSignal): Promise<Reply> {
    const { path, requestSerialize, responseDeserialize } = this.#methods[name];
    const deadline = this.#options.clock.nowMs() + this.#options.deadlineMs;
    return new Promise((resolve, reject) => {
      const cancel = () => call.cancel();
      const done = (error: ServiceError | null, reply?: object) => {
        signal?.removeEventListener('abort', cancel);
        if (error === null) resolve(reply as Reply);
        else reject(this.#failure(error));
      };
      const call = this.#client.makeUnaryRequest(
        ...([path, requestSerialize, responseDeserialize, request, { deadline }, done] as const),
      );
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }

  #missing(field: string): never {
    throw this.#malformed(`the reply has no ${field}`);
  }

  #malformed(problem: string): CallFailed {
    return new CallFailed(this.#options.address, status.INTERNAL, problem);
  }

  /** A status as CallFailed; any other error as it is. */
  #failure(error: unknown): unknown {
    if (!isServiceError(error)) return error;
    // grpc-js ends a failed connection's details with a note that is mostly empty.
    const details = error.details.replace(/\.? Resolution note: $/, '');
    return new CallFailed(this.#options.address, error.code, details, retryInfoMs(error.metadata));
  }
}

function connect({ address, version }: ClientOptions): Client {
  try {
    return new Client(address, credentials.createInsecure(), {
      'grpc.primary_user_agent': `claimctl/${version}`,
      'grpc.max_receive_message_length': RECEIVE_MAX_BYTES,
      'grpc.initial_reconnect_backoff_ms': RECONNECT_MIN_MS,
      'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_MS,
    });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--address: "${address}" is not allowed; allowed: HOST:PORT (${problem})`);
  }
}

function isServiceError(error: unknown): error is ServiceError & { metadata: Metadata } {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}
