/**
 * The gRPC server: listens, tells its health, drains. It serves from the moment it is bound; what
 * it can't serve yet is refused by the handlers.
 */
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { Clock } from '../clock/clock.ts';
import { RECEIVE_MAX_BYTES, SEND_MAX_BYTES } from '../limits.ts';
import { SERVICE_NAME } from './definitions.ts';

/** Both names that are asked for: the server as a whole, and its service. */
const HEALTH_NAMES = ['', SERVICE_NAME];
/** What still holds a connection after the last call was answered, such as a health watch, is cut. */
const LINGER_MS = 200;

export class GrpcServer {
  readonly #server: Server;
  readonly #health: HealthImplementation;
  readonly #clock: Clock;

  constructor(clock: Clock, service: ServiceDefinition, handlers: UntypedServiceImplementation) {
    this.#clock = clock;
    this.#server = new Server({
      'grpc.max_receive_message_length': RECEIVE_MAX_BYTES,
      'grpc.max_send_message_length': SEND_MAX_BYTES,
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
   * @returns the port, chosen by the system where 0 was asked for; rejects where it is in use.
   */
  bind(host: string, port: number): Promise<number> {
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(error);
        else resolve(bound);
      });
    });
  }

  setServing(serving: boolean): void {
    for (const name of HEALTH_NAMES) this.#health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }

  /**
   * Stops listening and lets calls in flight finish.
   * @param idle resolves when no call waits for an answer any more.
   * @returns whether all finished within the time; if not, they are cut off.
   */
  async drain(idle: Promise<void>, timeoutMs: number): Promise<boolean> {
    const closed = new Promise<boolean>((resolve) => this.#server.tryShutdown(() => resolve(true)));
    const answered = idle.then(() => this.#delay(LINGER_MS)).then(() => true);
    const finished = await Promise.race([closed, answered, this.#delay(timeoutMs).then(() => false)]);
    this.#server.forceShutdown();
    return finished;
  }

  #delay(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve);
    });
  }
}
