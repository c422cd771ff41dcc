/** An ordinary gRPC client for the questions a load test asks beside the load. */

import { join } from 'node:path';
import { Client, credentials, type MethodDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { SERVICE_NAME } from '../../src/wire/definitions.ts';
import { REPOSITORY } from '../../test/support/program.ts';

/** How long an answer may take. */
const DEADLINE_MS = 10_000;

export interface ClaimAnswer {
  readonly outcome: string;
  readonly status: string;
}

/** Counts of one complete epoch. */
export interface EpochAnswer {
  readonly epoch: number;
  readonly submitted: number;
  readonly validated: number;
  readonly expired: number;
  readonly durationUs: number;
  readonly pending: number;
}

export class ClaimsClient {
  readonly #client: Client;
  readonly #service: ServiceDefinition;
  readonly #deadlineAt: () => number;

  /** @param nowMs the wall clock, for deadlines. */
  constructor(address: string, nowMs: () => number) {
    const definitions = loadSync('claims/v1/claims.proto', {
      includeDirs: [join(REPOSITORY, 'proto')],
      longs: Number,
      enums: String,
      defaults: true,
    });
    this.#service = definitions[SERVICE_NAME] as ServiceDefinition;
    this.#client = new Client(address, credentials.createInsecure());
    this.#deadlineAt = () => nowMs() + DEADLINE_MS;
  }

  async getClaim(claimId: string, playerId: string): Promise<ClaimAnswer> {
    const reply: { result: ClaimAnswer } = await this.#ask('GetClaim', { claimId, playerId });
    return reply.result;
  }

  /** A given complete epoch, or the last one. */
  async getEpoch(epoch?: number): Promise<EpochAnswer> {
    const reply: { summary: EpochAnswer } = await this.#ask('GetEpoch', epoch === undefined ? {} : { epoch });
    return reply.summary;
  }

  close(): void {
    this.#client.close();
  }

  #ask<Reply>(name: string, request: object): Promise<Reply> {
    const method = this.#service[name] as MethodDefinition<object, Reply>;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    this.#client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      { deadline: this.#deadlineAt() },
      (error, reply) => {
        if (error !== null) reject(error);
        else if (reply !== undefined) resolve(reply);
      },
    );
    return promise;
  }
}
