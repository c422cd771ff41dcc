/**
 * claims.v1 over real connections, served by an engine without threads on a clock that stands still:
 * a test steps the time while a call is under way, and sees what was counted and told of it.
 */
import type { TestContext } from 'node:test';
import type { EngineSettings } from '../../src/engine.ts';
import { INGRESS_ENTRIES } from '../../src/limits.ts';
import type { CallStats } from '../../src/telemetry/call-stats.ts';
import type { CallTrace } from '../../src/telemetry/call-trace.ts';
import { ClaimsServer } from '../../src/wire/claims-server.ts';
import { Listener } from '../../src/wire/listener.ts';
import { CapturedLog } from './captured-log.ts';
import { ClaimClient } from './client.ts';
import { TestEngine } from './engine.ts';
import { tracing } from './traced-client.ts';

const HOST = '127.0.0.1';

export interface TimedServiceOptions extends Partial<EngineSettings> {
  /** Default: false. */
  readonly traceIds?: boolean;
  /** Whether somebody is told of traces. Default: true. */
  readonly traces?: boolean;
}

export class TimedService {
  readonly t: TestEngine;
  /** What was told, in that order. */
  readonly traces: CallTrace[] = [];
  readonly server: ClaimsServer;
  readonly #listener: Listener;
  readonly #clients: ClaimClient[] = [];
  /** Host and port. */
  address = '';

  private constructor({ traceIds = false, traces = true, ...settings }: TimedServiceOptions) {
    this.t = new TestEngine({ tableCapacity: 8_192, ingressEntries: INGRESS_ENTRIES, ...settings });
    this.server = new ClaimsServer({
      ingress: this.t.ingress,
      epochs: this.t.engine.epochs,
      clock: this.t.clock,
      log: new CapturedLog().logger,
      settings: {
        maxClockSkewMs: 1_000,
        reflection: false,
        traceIds,
        connectionAge: { maxAgeMs: 0, graceMs: 0 },
      },
      onTrace: traces ? (trace) => this.traces.push(trace) : undefined,
    });
    this.#listener = new Listener((connection) => this.server.accept(connection));
  }

  /** Serves until the test is over. Calls are refused before `open`. */
  static async start(test: TestContext, options: TimedServiceOptions = {}): Promise<TimedService> {
    const service = new TimedService(options);
    await service.t.start();
    service.address = `${HOST}:${await service.#listener.listen(HOST, 0)}`;
    test.after(() => service.#end());
    return service;
  }

  open(): this {
    this.server.open();
    return this;
  }

  get stats(): CallStats {
    return this.t.memory.callStats[0];
  }

  /** A client with so many `traceparent` headers. */
  client(...headers: string[]): ClaimClient {
    const client = new ClaimClient(this.address, { interceptors: [tracing(headers)] });
    this.#clients.push(client);
    return client;
  }

  async #end(): Promise<void> {
    this.server.close();
    for (const client of this.#clients) client.close();
    this.#listener.close();
    await this.server.drain();
  }
}
