/**
 * The main thread's side of one ingress thread: starts it, asks it, hears it. A thread that ends
 * before it is told to takes its callers' connections with it: that ends the program, as a fault on
 * the main thread would.
 */
import type { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { EpochReader } from '../coordinator/epoch-reader.ts';
import { AssertionFailure, unreachable } from '../domain/assert.ts';
import { errorMessage } from '../domain/error-message.ts';
import { Replies } from '../entries/replies.ts';
import { threadEntry } from '../entries/thread-entry.ts';
import type { CallTrace } from '../telemetry/call-trace.ts';
import type { Logger } from '../telemetry/log.ts';
import type { FromThread, IngressThreadData, Task, ToThread } from './protocol.ts';
import { writeLine } from './thread-log.ts';

/**
 * The young generation, megabytes: a third of it is a semi-space, as large as that of the main
 * thread. Larger ones take fewer but longer pauses (docs/decisions).
 */
const YOUNG_GENERATION_MB = 6;

export class IngressWorker {
  readonly #worker: Worker;
  readonly #thread: number;
  readonly #epochs: EpochReader;
  readonly #log: Logger;
  readonly #onTrace: ((trace: CallTrace) => void) | undefined;
  readonly #tasks = new Replies<void>();
  readonly #started = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  #connectionCount = 0;
  #ending = false;

  /** @param onTrace told of its calls that are worth a trace, where the data asks for traces. */
  constructor(
    data: IngressThreadData,
    epochs: EpochReader,
    log: Logger,
    onTrace: ((trace: CallTrace) => void) | undefined,
  ) {
    this.#thread = data.thread;
    this.#epochs = epochs;
    this.#log = log;
    this.#onTrace = onTrace;
    this.#worker = new Worker(threadEntry(import.meta.url, './ingress-thread'), {
      name: `ingress-${data.thread}`,
      workerData: data,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    this.#worker.on('message', (message: FromThread) => this.#hear(message));
    this.#worker.on('error', (error) => {
      throw error;
    });
    this.#worker.on('exit', () => this.#exit());
  }

  /** Resolves once it can take connections. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** Connections that it has now. */
  get connectionCount(): number {
    return this.#connectionCount;
  }

  /** Hands it a connection of which nothing has been read. */
  accept(connection: Socket): void {
    this.#connectionCount += 1;
    try {
      this.#worker.postMessage({ kind: 'connection', connection } satisfies ToThread, [connection]);
    } catch (error) {
      this.#connectionCount -= 1;
      // The client was gone before its connection could be handed on.
      this.#log.debug({ error: String(error) }, 'a connection was not handed on');
      connection.destroy();
    }
  }

  tell(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  /** Resolves when it is done. */
  ask(task: Task): Promise<void> {
    const { id, reply } = this.#tasks.expect();
    this.tell({ kind: 'task', id, task });
    return reply;
  }

  async end(): Promise<void> {
    this.#ending = true;
    await this.ask({ kind: 'end' });
    await this.#exited.promise;
  }

  #hear(message: FromThread): void {
    switch (message.kind) {
      case 'started':
        this.#started.resolve();
        break;
      case 'disconnected':
        this.#connectionCount -= 1;
        break;
      case 'done':
        this.#tasks.resolve(message.id, undefined);
        break;
      case 'askSummaries':
        void this.#answerSummaries(message.id, message.from, message.to);
        break;
      case 'trace':
        this.#onTrace?.(message.trace);
        break;
      case 'log':
        writeLine(this.#log, message);
        break;
      default:
        unreachable(message);
    }
  }

  async #answerSummaries(id: number, from: number, to: number): Promise<void> {
    try {
      this.tell({ kind: 'summaries', id, summaries: await this.#epochs.summaries(from, to) });
    } catch (error) {
      this.tell({ kind: 'noSummaries', id, error: errorMessage(error) });
    }
  }

  #exit(): void {
    if (!this.#ending) throw new AssertionFailure(`ingress thread ${this.#thread} ended by itself`);
    this.#exited.resolve();
  }
}
