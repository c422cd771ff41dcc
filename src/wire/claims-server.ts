/** All that one thread serves of claims.v1: the methods over its ingress, health, reflection. */
import type { Socket } from 'node:net';
import type { Clock } from '../clock/clock.ts';
import type { EpochReader } from '../coordinator/epoch-reader.ts';
import type { Ingress } from '../ingress/ingress.ts';
import type { CallTrace } from '../telemetry/call-trace.ts';
import type { Logger } from '../telemetry/log.ts';
import { CallTimer } from './call-timer.ts';
import { ClaimHandlers } from './claim-handlers.ts';
import { claimServiceDefinition, loadDefinitions, requestReader } from './definitions.ts';
import { EpochHandlers, type GetEpochRequest, type WatchEpochsRequest } from './epoch-handlers.ts';
import { type ConnectionAge, GrpcServer } from './server.ts';

/** Plain values, so that they can be handed to another thread. */
export interface ServerSettings {
  readonly maxClockSkewMs: number;
  readonly reflection: boolean;
  /** Whether traces of calls tell the ids of claims and players. */
  readonly traceIds: boolean;
  readonly connectionAge: ConnectionAge;
}

export interface ServerParts {
  readonly ingress: Ingress;
  readonly epochs: EpochReader;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: ServerSettings;
  /** Told of calls that are worth a trace: a bounded number of them. Undefined where nobody is. */
  readonly onTrace: ((trace: CallTrace) => void) | undefined;
}

export class ClaimsServer {
  readonly #claims: ClaimHandlers;
  readonly #epochs: EpochHandlers;
  readonly #server: GrpcServer;

  constructor({ ingress, epochs, clock, log, settings, onTrace }: ServerParts) {
    const definitions = loadDefinitions();
    const readers = {
      getEpoch: requestReader<GetEpochRequest>(definitions, 'GetEpoch'),
      watchEpochs: requestReader<WatchEpochsRequest>(definitions, 'WatchEpochs'),
    };
    const timer = new CallTimer({ ingress, clock, traceIds: settings.traceIds, onTrace });
    this.#claims = new ClaimHandlers(ingress, clock, settings.maxClockSkewMs, timer, log);
    this.#epochs = new EpochHandlers(epochs, ingress.watchers, readers, timer, log);
    this.#server = new GrpcServer(clock, log, settings.connectionAge);
    this.#server.addService(claimServiceDefinition(definitions), {
      ...this.#claims.methods,
      ...this.#epochs.methods,
    });
    if (settings.reflection) this.#server.addReflection();
  }

  /** Serves a connection of which nothing has been read. */
  accept(connection: Socket): void {
    this.#server.accept(connection);
  }

  /** Calls are served from now on. */
  open(): void {
    this.#claims.open();
    this.#epochs.open();
  }

  /** Calls are refused from now on; those in flight are answered, streams end. */
  close(): void {
    this.#claims.close();
    this.#epochs.close();
  }

  setServing(serving: boolean): void {
    this.#server.setServing(serving);
  }

  /** Lets calls in flight finish. */
  drain(): Promise<void> {
    return this.#server.drain();
  }
}
