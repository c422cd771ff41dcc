/**
 * The gRPC server: listens, tells its health, drains. It serves from the moment it is bound; what
 * it can't serve yet is refused by the handlers.
 */
import { setDefaultHighWaterMark } from 'node:stream';
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  setLogger,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { Clock } from '../clock/clock.ts';
import { AddressNotAvailable } from '../domain/errors.ts';
import {
  CONNECTION_MAX_STREAMS,
  RECEIVE_MAX_BYTES,
  SEND_MAX_BYTES,
  STREAM_MESSAGES_AHEAD,
} from '../limits.ts';
import type { Logger } from '../telemetry/log.ts';
import { SERVICE_NAME } from './definitions.ts';
import { HealthWatches } from './health-watches.ts';

/** Both names that are asked for: the server as a whole, and its service. */
const HEALTH_NAMES = ['', SERVICE_NAME];

export class GrpcServer {
  readonly #server: Server;
  readonly #health: HealthImplementation;
  readonly #watches = new HealthWatches();
  readonly #clock: Clock;
  #address = '';

  constructor(clock: Clock, log: Logger, service: ServiceDefinition, handlers: UntypedServiceImplementation) {
    this.#clock = clock;
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
    });
    this.#server.addService(service, handlers);
    this.#health = new HealthImplementation(Object.fromEntries(HEALTH_NAMES.map((n) => [n, 'NOT_SERVING'])));
    this.#health.addToServer(this.#server);
  }

  addReflection(definitions: PackageDefinition): void {
    new ReflectionService(definitions).addToServer(this.#server);
  }

  /**
   * @param host a name, an IPv4 address, or an IPv6 address without brackets.
   * @returns the port, chosen by the system where 0 was asked for.
   * @throws AddressNotAvailable
   */
  bind(host: string, port: number): Promise<number> {
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(new AddressNotAvailable(`can't serve on ${address}: ${error.message}`));
        else {
          this.#address = `${address.slice(0, address.lastIndexOf(':'))}:${bound}`;
          resolve(bound);
        }
      });
    });
  }

  setServing(serving: boolean): void {
    for (const name of HEALTH_NAMES) this.#health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }

  /**
   * Stops listening and lets calls in flight finish, down to the last byte that a slow reader takes.
   * @returns whether all finished within the time; if not, they are cut off.
   */
  async drain(timeoutMs: number): Promise<boolean> {
    const closed = new Promise<boolean>((resolve) => this.#server.tryShutdown(() => resolve(true)));
    // They would go on for ever.
    this.#watches.end();
    const finished = await Promise.race([closed, this.#delay(timeoutMs).then(() => false)]);
    // Without channelz forceShutdown knows no connections, but drain does.
    if (!finished) this.#server.drain(this.#address, 0);
    this.#server.forceShutdown();
    return finished;
  }

  #delay(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve);
    });
  }
}

/** grpc-js would write to standard error by itself. What matters of it comes to us as an error too. */
function logThrough(log: Logger): void {
  const debug = (...words: unknown[]) => log.debug({ library: 'grpc-js' }, words.join(' '));
  setLogger({ error: debug, info: debug, debug });
}
