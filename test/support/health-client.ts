/** A client of grpc.health.v1 for tests. */
import { Client, credentials, type MethodDefinition } from '@grpc/grpc-js';
import { service } from 'grpc-health-check';
import { systemClock } from '../../src/clock/clock.ts';
import { endQuietly } from './client.ts';

const DEADLINE_MS = 15_000;

interface Reply {
  status: string;
}

export class HealthClient {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  }

  /** @throws ServiceError */
  check(name: string, deadlineMs = DEADLINE_MS): Promise<string> {
    const { path, requestSerialize, responseDeserialize } = method('Check');
    const options = { deadline: systemClock.nowMs() + deadlineMs };
    return new Promise((resolve, reject) => {
      const request = { service: name };
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        decoder(responseDeserialize),
        request,
        options,
        (error, reply) => (error === null ? resolve(reply?.status ?? '') : reject(error)),
      );
    });
  }

  /** Statuses as they change, until the loop over them is left. */
  async *watch(name: string): AsyncGenerator<string> {
    const { path, requestSerialize, responseDeserialize } = method('Watch');
    const request = { service: name };
    const call = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      decoder(responseDeserialize),
      request,
    );
    try {
      for await (const reply of call) yield reply.status;
    } finally {
      endQuietly(call);
    }
  }

  close(): void {
    this.#client.close();
  }
}

function method(name: string): MethodDefinition<object, object> {
  return service[name];
}

function decoder(deserialize: (bytes: Buffer) => object): (bytes: Buffer) => Reply {
  return deserialize as unknown as (bytes: Buffer) => Reply;
}
