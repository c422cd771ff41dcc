/** A ClaimService on loopback that gives the answers a test cans, and keeps what it was asked. */
import { fileURLToPath } from 'node:url';
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  type status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const PROTO_ROOT = fileURLToPath(new URL('../../proto', import.meta.url));

/** Ends a call with a status. */
export interface Refusal {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

export interface Item {
  readonly claim_id: string;
  readonly player_id: string;
  readonly timestamp_ms?: string;
}

/** A request or reply in proto names; int64 as decimal strings, enums as numbers. */
export interface Message extends Partial<Item> {
  readonly items?: readonly Item[];
  readonly epoch?: string | number;
  readonly from_epoch?: string;
  readonly [field: string]: unknown;
}
export type Unary = (request: Message) => Message | Refusal | Promise<Message | Refusal>;
export type Stream = (request: Message, call: ServerWritableStream<Message, Message>) => void;

export interface Answers {
  readonly unary?: Readonly<Record<string, Unary>>;
  readonly watch?: Stream;
}

export interface Asked {
  readonly method: string;
  readonly request: Message;
  readonly metadata: Metadata;
}

export class CannedServer {
  readonly #server = new Server();
  readonly asked: Asked[] = [];
  address = '';

  static async start(answers: Answers, address = '127.0.0.1:0'): Promise<CannedServer> {
    const canned = new CannedServer();
    canned.#serve(answers);
    const port = await new Promise<number>((resolve, reject) => {
      canned.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    canned.address = `127.0.0.1:${port}`;
    return canned;
  }

  requests(method: string): Message[] {
    return this.asked.filter((call) => call.method === method).map(({ request }) => request);
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #serve({ unary = {}, watch }: Answers): void {
    const definitions = loadSync('claims/v1/claims.proto', {
      includeDirs: [PROTO_ROOT],
      keepCase: true,
      longs: String,
    });
    const service = definitions['claims.v1.ClaimService'] as ServiceDefinition;
    const methods = Object.entries(unary).map(([name, answer]) => [name, this.#unary(name, answer)]);
    this.#server.addService(service, {
      ...Object.fromEntries(methods),
      ...(watch === undefined ? {} : { WatchEpochs: this.#stream(watch) }),
    });
  }

  #unary(method: string, answer: Unary) {
    return async (
      call: ServerUnaryCall<Message, Message>,
      callback: sendUnaryData<Message>,
    ): Promise<void> => {
      this.asked.push({ method, request: call.request, metadata: call.metadata });
      const reply = await answer(call.request);
      if (isRefusal(reply)) callback(reply);
      else callback(null, reply);
    };
  }

  #stream(answer: Stream) {
    return (call: ServerWritableStream<Message, Message>): void => {
      this.asked.push({ method: 'WatchEpochs', request: call.request, metadata: call.metadata });
      answer(call.request, call);
    };
  }
}

function isRefusal(reply: Message | Refusal): reply is Refusal {
  return 'code' in reply;
}
