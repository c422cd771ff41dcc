/** Serves calls on the main thread, beside the coordinator and the committer: for one or two cores. */
import type { Socket } from 'node:net';
import type { Clock } from '../clock/clock.ts';
import type { EpochReader } from '../coordinator/epoch-reader.ts';
import { assert } from '../domain/assert.ts';
import type { Ingress } from '../ingress/ingress.ts';
import type { CallTrace } from '../telemetry/call-trace.ts';
import type { Logger } from '../telemetry/log.ts';
import { ClaimsServer, type ServerSettings } from '../wire/claims-server.ts';
import type { CallServer } from './call-server.ts';

export class LoneServer implements CallServer {
  readonly ingress: Ingress;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #settings: ServerSettings;
  readonly #onTrace: ((trace: CallTrace) => void) | undefined;
  #server: ClaimsServer | undefined;

  /** @param onTrace told of calls that are worth a trace; undefined: none is made. */
  constructor(
    ingress: Ingress,
    clock: Clock,
    log: Logger,
    settings: ServerSettings,
    onTrace: ((trace: CallTrace) => void) | undefined,
  ) {
    this.ingress = ingress;
    this.#clock = clock;
    this.#log = log;
    this.#settings = settings;
    this.#onTrace = onTrace;
  }

  async start(epochs: EpochReader): Promise<void> {
    this.#server = new ClaimsServer({
      ingress: this.ingress,
      epochs,
      clock: this.#clock,
      log: this.#log,
      settings: this.#settings,
      onTrace: this.#onTrace,
    });
  }

  accept(connection: Socket): void {
    this.#started().accept(connection);
  }

  open(): void {
    this.#started().open();
  }

  close(): void {
    this.#started().close();
  }

  setServing(serving: boolean): void {
    this.#started().setServing(serving);
  }

  drain(): Promise<void> {
    return this.#started().drain();
  }

  async end(): Promise<void> {
    // Its thread is the program's own.
  }

  #started(): ClaimsServer {
    assert(this.#server !== undefined, 'calls are served once the server was started');
    return this.#server;
  }
}
