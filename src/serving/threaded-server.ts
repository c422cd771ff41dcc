/**
 * Serves calls on several threads, which leaves the main one to the coordinator and the committer.
 * The main thread accepts each connection and hands it, unread, to the thread with the fewest.
 */
import type { Socket } from 'node:net';
import type { EpochReader } from '../coordinator/epoch-reader.ts';
import type { IngressThreads } from '../ingress/ingress-threads.ts';
import type { EngineMemory } from '../segment/engine-memory.ts';
import type { CallTrace } from '../telemetry/call-trace.ts';
import type { Logger } from '../telemetry/log.ts';
import type { ServerSettings } from '../wire/claims-server.ts';
import type { CallServer } from './call-server.ts';
import { IngressWorker } from './ingress-worker.ts';
import { leastLoaded } from './placement.ts';
import type { Task, ToThread } from './protocol.ts';

export class ThreadedServer implements CallServer {
  readonly ingress: IngressThreads = {
    // No ingress is on this thread: each takes home its own entries when its bell rings.
    drain: () => undefined,
    drainAll: () => this.#askAll({ kind: 'takeHome' }),
    lost: (entries) => this.#tellAll({ kind: 'lost', entries }),
    idle: () => this.#askAll({ kind: 'idle' }),
  };
  readonly #memory: EngineMemory;
  readonly #log: Logger;
  readonly #settings: ServerSettings;
  readonly #onTrace: ((trace: CallTrace) => void) | undefined;
  readonly #ending = new AbortController();
  #workers: readonly IngressWorker[] = [];

  /** @param onTrace told of calls that are worth a trace, on this thread; undefined: none is made. */
  constructor(
    memory: EngineMemory,
    log: Logger,
    settings: ServerSettings,
    onTrace: ((trace: CallTrace) => void) | undefined,
  ) {
    this.#memory = memory;
    this.#log = log;
    this.#settings = settings;
    this.#onTrace = onTrace;
  }

  async start(epochs: EpochReader): Promise<void> {
    const { handle, shape } = this.#memory;
    const settings = this.#settings;
    const traces = this.#onTrace !== undefined;
    this.#workers = Array.from(
      { length: shape.ingressThreads },
      (_, thread) =>
        new IngressWorker({ handle, thread, settings, traces }, epochs, this.#log, this.#onTrace),
    );
    await Promise.all(this.#workers.map((worker) => worker.started));
    void this.#followEpochs(epochs);
  }

  accept(connection: Socket): void {
    const connections = this.#workers.map((worker) => worker.connectionCount);
    this.#workers[leastLoaded(connections, this.#memory.waiting)].accept(connection);
  }

  open(): void {
    this.#tellAll({ kind: 'open' });
  }

  close(): void {
    this.#tellAll({ kind: 'close' });
  }

  setServing(serving: boolean): void {
    this.#tellAll({ kind: 'serving', serving });
  }

  drain(): Promise<void> {
    return this.#askAll({ kind: 'drain' });
  }

  async end(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#workers.map((worker) => worker.end()));
  }

  #tellAll(message: ToThread): void {
    for (const worker of this.#workers) worker.tell(message);
  }

  async #askAll(task: Task): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.ask(task)));
  }

  /** Tells the threads of every epoch that is complete, until the end. */
  async #followEpochs(epochs: EpochReader): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      this.#tellAll({ kind: 'completed', epoch: epochs.lastComplete });
      await epochs.nextCompletion(signal);
    }
  }
}
