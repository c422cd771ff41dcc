/**
 * The gRPC server of one thread: serves the connections it is given, tells its health, drains. It
 * serves from the first connection; what it can't serve yet is refused by the handlers.
 */
import type { Socket } from 'node:net';
import { setDefaultHighWaterMark } from 'node:stream';
import {
  type ConnectionInjector,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  setLogger,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { Clock } from '../clock/clock.ts';
import {
  CONNECTION_MAX_STREAMS,
  RECEIVE_MAX_BYTES,
  SEND_MAX_BYTES,
  STREAM_MESSAGES_AHEAD,
} from '../limits.ts';
import type { Logger } from '../telemetry/log.ts';
import { SERVICE_NAME } from './definitions.ts';
import { HealthWatches } from './health-watches.ts';
import { Reflection } from './reflection.ts';
import { logUnexpected } from './status.ts';

/** Both names that are asked for: the server as a whole, and its service. */
const HEALTH_NAMES = ['', SERVICE_NAME];

/**
 * How long the peer has to close its side once all that it was owed is sent: a round trip, and time
 * to read. Cut off sooner, what it has not read yet might be lost.
 */
const LINGER_MS = 1_000;

/** How long connections may live, milliseconds; 0: for ever. */
export interface ConnectionAge {
  readonly maxAgeMs: number;
  /** For calls in flight, once the client was told to go elsewhere. */
  readonly graceMs: number;
}

export class GrpcServer {
  readonly #server: Server;
  readonly #connections: ConnectionInjector;
  readonly #health: HealthImplementation;
  readonly #watches = new HealthWatches();
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #open = new Set<Socket>();
  #onAllClosed: (() => void) | undefined;

  constructor(clock: Clock, log: Logger, age: ConnectionAge) {
    this.#clock = clock;
    this.#log = log;
    logThrough(log);
    // Of every object stream of this thread that is made from now on: those of calls are.
    setDefaultHighWaterMark(true, STREAM_MESSAGES_AHEAD);
    this.#server = new Server({
      'grpc.max_receive_message_length': RECEIVE_MAX_BYTES,
      'grpc.max_send_message_length': SEND_MAX_BYTES,
      'grpc.max_concurrent_streams': CONNECTION_MAX_STREAMS,
      // Its counters cost each call some closures and two looks at the clock; ours are on /metrics.
      'grpc.enable_channelz': 0,
      interceptors: [this.#watches.interceptor],
      ...ageOptions(age),
    });
    this.#connections = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    this.#health = new HealthImplementation(Object.fromEntries(HEALTH_NAMES.map((n) => [n, 'NOT_SERVING'])));
    this.#health.addToServer(this.#server);
  }

  addService(service: ServiceDefinition, handlers: UntypedServiceImplementation): void {
    this.#server.addService(service, handlers);
  }

  addReflection(): void {
    new Reflection(logUnexpected(this.#log)).addToServer(this.#server);
  }

  /** Serves a connection of which nothing has been read. */
  accept(connection: Socket): void {
    this.#open.add(connection);
    connection.once('close', () => {
      this.#open.delete(connection);
      if (this.#open.size === 0) this.#onAllClosed?.();
    });
    this.#connections.injectConnection(connection);
    // It came paused; from here on what is read goes to its HTTP/2 session.
    connection.resume();
  }

  setServing(serving: boolean): void {
    for (const name of HEALTH_NAMES) this.#health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }

  /** Lets calls in flight finish, down to the last byte that a slow reader takes, however long that is. */
  async drain(): Promise<void> {
    // Tells every client to go elsewhere. It calls back too early: it counts no connection of ours.
    this.#server.tryShutdown(() => undefined);
    // They would go on for ever.
    this.#watches.end();
    for (const connection of this.#open) this.#endSilent(connection);
    await this.#allClosed();
    this.#server.forceShutdown();
  }

  /** Ends every connection at once. */
  close(): void {
    // Without channelz forceShutdown knows no connections, but those who made them do.
    this.#connections.drain(0);
    this.#server.forceShutdown();
  }

  /** A connection whose own side has ended waits for a peer that may be gone, but not for ever. */
  #endSilent(connection: Socket): void {
    const end = (): void => void this.#clock.after(LINGER_MS, () => connection.destroy());
    if (connection.writableFinished) end();
    else connection.once('finish', end);
  }

  #allClosed(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onAllClosed = resolve;
    });
  }
}

function ageOptions({ maxAgeMs, graceMs }: ConnectionAge): Record<string, number> {
  if (maxAgeMs === 0) return {};
  return { 'grpc.max_connection_age_ms': maxAgeMs, 'grpc.max_connection_age_grace_ms': graceMs };
}

/** grpc-js would write to standard error by itself. What matters of it comes to us as an error too. */
function logThrough(log: Logger): void {
  const debug = (...words: unknown[]) => log.debug({ words: words.join(' ') }, 'grpc-js says');
  setLogger({ error: debug, info: debug, debug });
}
