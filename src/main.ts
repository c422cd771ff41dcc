#!/usr/bin/env node
/**
 * claimd: reads its settings, puts the program together, serves until told to stop. The only
 * place that constructs (but for what an ingress thread has of its own: serving/ingress-thread), and
 * the only one that knows the process: arguments, signals, exit codes.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { AdminServer } from './admin/admin-server.ts';
import { systemClock } from './clock/clock.ts';
import { COMMIT_INTERVAL_MS } from './committer/committer.ts';
import { type Config, loadConfig, packageVersion, publicConfig } from './config.ts';
import { ClaimsError } from './domain/errors.ts';
import { Engine, engineShape, type Readiness } from './engine.ts';
import { Ingress } from './ingress/ingress.ts';
import { checkLimits, LOG_LIMITS } from './limits.ts';
import { type MadeStore, makeStore } from './make-store.ts';
import { makeTelemetry, type Telemetry } from './make-telemetry.ts';
import { ThreadedPool } from './pool/threaded-pool.ts';
import { EngineMemory, MAIN_LOOP } from './segment/engine-memory.ts';
import type { CallServer } from './serving/call-server.ts';
import { LoneServer } from './serving/lone-server.ts';
import { ThreadedServer } from './serving/threaded-server.ts';
import { MeteredStore } from './store/metered-store.ts';
import type { CallTrace } from './telemetry/call-trace.ts';
import { createLog, type Logger, logStream } from './telemetry/log.ts';
import { threadCounts } from './thread-counts.ts';
import type { ServerSettings } from './wire/claims-server.ts';
import { hostAndPort, Listener } from './wire/listener.ts';
import { GrpcServer } from './wire/server.ts';

/** Bad settings, a port in use, a store that can't serve: told in one line on standard error. */
const EXIT_CANNOT_START = 1;
/** By convention 128 + the signal's number (SIGTERM: 15): stopped at once, callers cut off. */
const EXIT_STOPPED_AT_ONCE = 143;
/** How often health follows the engine's readiness. */
const READINESS_CHECK_MS = 500;

class Claimd {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #engine: Engine;
  readonly #server: CallServer;
  readonly #listener: Listener;
  /** Tells its health on a port of its own, from this thread. */
  readonly #health: GrpcServer;
  readonly #healthListener: Listener;
  readonly #telemetry: Telemetry;
  readonly #corruptFields: () => number;
  readonly #admin: AdminServer;
  #serving = false;
  #hasBeenReady = false;
  #stopping = false;

  /** @param memory that the store and the telemetry were made for. */
  constructor(
    config: Config,
    log: Logger,
    memory: EngineMemory,
    { store, corruptFields }: MadeStore,
    telemetry: Telemetry,
  ) {
    const clock = systemClock;
    const settings = serverSettings(config);
    const pool = new ThreadedPool(memory, clock);
    const { traces, heapMonitor, storeMeter } = telemetry;
    const onTrace = traces && ((trace: CallTrace): void => traces.call(trace));
    this.#config = config;
    this.#log = log;
    this.#telemetry = telemetry;
    this.#corruptFields = corruptFields;
    this.#server =
      memory.shape.ingressThreads === 1
        ? new LoneServer(new Ingress(memory, 0, pool, setImmediate), clock, log, settings, onTrace)
        : new ThreadedServer(memory, log, settings, onTrace);
    this.#listener = new Listener((connection) => this.#server.accept(connection));
    this.#health = new GrpcServer(clock, log, settings.connectionAge);
    this.#healthListener = new Listener((connection) => this.#health.accept(connection));
    this.#engine = new Engine({
      memory,
      pool,
      ingress: this.#server.ingress,
      store: new MeteredStore(store, storeMeter, clock),
      clock,
      log: this.#log,
      commitIntervalMs: COMMIT_INTERVAL_MS,
      reconcileClaimsPerS: config.reconcileClaimsPerS,
      epochAdvanced: (durationUs) => heapMonitor.epochAdvanced(durationUs),
      ...(traces !== undefined && { activities: traces }),
    });
    this.#admin = new AdminServer({
      readiness: () => this.#readiness(),
      config: () => publicConfig(config),
      metrics: (response) => telemetry.metrics.serve(response),
    });
  }

  /** Binds first, so that a port in use is found before the store is touched. */
  async start(): Promise<void> {
    await this.#server.start(this.#engine.epochs);
    if (this.#stopping) return;
    await this.#telemetry.start(this.#engine, this.#corruptFields);
    if (this.#stopping) return;
    const address = await listen(this.#listener, this.#config.listen);
    const healthAddress = await listen(this.#healthListener, this.#config.healthListen);
    const adminAddress = await this.#startAdmin();
    if (this.#stopping) return;
    await this.#engine.start();
    if (this.#stopping) return;
    this.#server.open();
    this.#followReadiness();
    const { workers, ingressThreads } = this.#engine.memory.shape;
    this.#log.info(
      {
        address,
        healthAddress,
        adminAddress,
        store: this.#config.store.text,
        ingressThreads,
        workers,
        pid: process.pid,
      },
      'serving',
    );
  }

  /** Refuses what is new, lets calls in flight finish, ends everything; cuts off what takes too long. */
  async stop(signal: string): Promise<void> {
    const { drainDelayMs, drainTimeoutMs } = this.#config;
    this.#stopping = true;
    this.#log.info({ signal }, 'draining');
    const hardStop = systemClock.after(drainTimeoutMs, () => {
      this.#log.error({ drainTimeoutMs }, 'calls in flight were cut off: the drain took too long');
      process.exit(0);
    });
    this.#tellHealth(false);
    await new Promise<void>((resolve) => {
      setTimeout(resolve, drainDelayMs);
    });
    this.#listener.close();
    this.#server.close();
    await this.#server.drain();
    await this.#engine.stop();
    await this.#server.end();
    // No call is left to cut off: what telemetry has still to send has a bound of its own.
    hardStop.cancel();
    this.#healthListener.close();
    this.#health.close();
    await this.#admin.close();
    await this.#telemetry.close();
    this.#log.info('stopped');
  }

  /** The service does without its admin port, if it must: claims matter more. */
  async #startAdmin(): Promise<string | null> {
    const where = this.#config.adminListen;
    if (where === 'off') return null;
    try {
      const bound = await this.#admin.listen(where.host, where.port);
      return hostAndPort(where.host, bound.port);
    } catch (error) {
      this.#log.error({ adminListen: where.text, error: String(error) }, 'the admin port is not served');
      return null;
    }
  }

  #readiness(): Readiness {
    return this.#stopping ? { ready: false, reason: 'draining' } : this.#engine.readiness();
  }

  #tellHealth(serving: boolean): void {
    this.#server.setServing(serving);
    this.#health.setServing(serving);
  }

  #followReadiness(): void {
    if (this.#stopping) return;
    const { ready, reason } = this.#readiness();
    if (ready !== this.#serving) {
      this.#serving = ready;
      this.#tellHealth(ready);
      if (!ready) this.#log.warn({ reason }, 'not ready');
      else if (this.#hasBeenReady) this.#log.info('ready again');
      this.#hasBeenReady ||= ready;
    }
    systemClock.after(READINESS_CHECK_MS, () => this.#followReadiness());
  }
}

function serverSettings(config: Config): ServerSettings {
  const { maxClockSkewMs, reflection, traceIds, maxConnectionAgeMs, drainTimeoutMs } = config;
  const connectionAge = { maxAgeMs: maxConnectionAgeMs, graceMs: drainTimeoutMs };
  return { maxClockSkewMs, reflection, traceIds, connectionAge };
}

/** @returns where it listens, or null where it is off. @throws AddressNotAvailable */
async function listen(listener: Listener, where: Config['healthListen']): Promise<string | null> {
  if (where === 'off') return null;
  return hostAndPort(where.host, await listener.listen(where.host, where.port));
}

function handleSignals(claimd: Claimd): void {
  let stopping = false;
  const onSignal = (signal: string) => {
    if (stopping) process.exit(EXIT_STOPPED_AT_ONCE);
    stopping = true;
    claimd.stop(signal).then(
      () => process.exit(0),
      (error: unknown) => refuse(error),
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/** What the operator can mend is one line; what only we can mend is a stack trace. */
function refuse(error: unknown): never {
  const expected = error instanceof ClaimsError || (error instanceof Error && 'syscall' in error);
  const text = expected ? (error as Error).message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`claimd: ${text}\n`);
  process.exit(EXIT_CANNOT_START);
}

function readText(path: string): string {
  return readFileSync(path, 'utf8');
}

function readSettings(): Config {
  const settings = loadConfig(process.argv.slice(2), process.env, readText);
  if ('notice' in settings) {
    process.stdout.write(settings.notice);
    process.exit(0);
  }
  return settings;
}

/** @param memory where lines that it leaves out are counted. */
async function openLog({ logLevel, logFormat }: Config, memory: EngineMemory): Promise<Logger> {
  const runtime = memory.runtimeOfLoop(MAIN_LOOP);
  const log = createLog({
    level: logLevel,
    stream: await logStream(logFormat, process.stdout.isTTY === true),
    limits: LOG_LIMITS,
    clock: systemClock,
    leftOut: () => runtime.recordLogLineLeftOut(),
  });
  process.once('exit', () => log.flush());
  return log.logger;
}

function allocateMemory(config: Config): EngineMemory {
  const { epochLengthMs, validationWindowMs, retentionEpochs } = config;
  const rules = { epochLengthMs, validationWindowMs, retentionEpochs };
  const threads = threadCounts(config, availableParallelism());
  return EngineMemory.allocate(engineShape({ ...config, rules, ...threads }));
}

async function main(): Promise<void> {
  checkLimits();
  const config = readSettings();
  const memory = allocateMemory(config);
  const log = await openLog(config, memory);
  const replicaId = randomUUID().replaceAll('-', '');
  const store = await makeStore({
    config,
    entries: memory.entries,
    clock: systemClock,
    log,
    replicaId,
    runtime: memory.storeRuntime,
  });
  const version = packageVersion(readText);
  const telemetry = await makeTelemetry({ config, memory, clock: systemClock, log, replicaId, version });
  const claimd = new Claimd(config, log, memory, store, telemetry);
  handleSignals(claimd);
  await claimd.start();
}

main().catch(refuse);
