/**
 * An ingress thread: its own event loop, gRPC server, entries and share of the connections. It
 * feeds the segments as the main thread does; its claims are committed there.
 */
import { writeSync } from 'node:fs';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock/clock.ts';
import type { EpochSummary } from '../coordinator/epoch-reader.ts';
import { assert, unreachable } from '../domain/assert.ts';
import { errorFrom } from '../domain/error-message.ts';
import { Replies } from '../entries/replies.ts';
import { Ingress } from '../ingress/ingress.ts';
import { ThreadFeeder } from '../pool/thread-feeder.ts';
import { BellListener } from '../segment/bell.ts';
import { EngineMemory, loopOf } from '../segment/engine-memory.ts';
import { LoopRuntime } from '../telemetry/runtime/loop-runtime.ts';
import { loopSource } from '../telemetry/runtime/runtime-source.ts';
import { ClaimsServer } from '../wire/claims-server.ts';
import type { FromThread, IngressThreadData, Task, ToThread } from './protocol.ts';
import { RemoteEpochs } from './remote-epochs.ts';
import { remoteLog } from './thread-log.ts';

/** The process's own, since a thread's is written by the main one. */
const STDERR = 2;

class IngressThread {
  readonly #port: MessagePort;
  readonly #ingress: Ingress;
  readonly #epochs: RemoteEpochs;
  readonly #summaries = new Replies<EpochSummary[]>();
  readonly #server: ClaimsServer;
  readonly #bell: BellListener;
  readonly #runtime: LoopRuntime;

  constructor(port: MessagePort, { handle, thread, settings, traces }: IngressThreadData) {
    const memory = new EngineMemory(handle);
    const loop = loopOf(handle.shape, thread);
    const takeHome = (): void => this.#ingress.drain();
    this.#port = port;
    const feeder = new ThreadFeeder(memory, loop, systemClock, takeHome);
    this.#ingress = new Ingress(memory, thread, feeder, setImmediate);
    this.#epochs = new RemoteEpochs(handle.shape.rules, (from, to) => this.#askSummaries(from, to));
    this.#server = new ClaimsServer({
      ingress: this.#ingress,
      epochs: this.#epochs,
      clock: systemClock,
      log: remoteLog((message) => this.#say(message), systemClock, memory.runtimeOfLoop(loop)),
      settings,
      onTrace: traces ? (trace) => this.#say({ kind: 'trace', trace }) : undefined,
    });
    this.#bell = new BellListener(memory.bells, loop, takeHome);
    this.#runtime = new LoopRuntime(memory.runtimeOfLoop(loop), loopSource, systemClock);
  }

  run(): void {
    this.#port.on('message', (message: ToThread) => this.#hear(message));
    // What it rejects with is a fault of the program, and ends it.
    void this.#bell.listen();
    this.#runtime.start();
    this.#say({ kind: 'started' });
  }

  #say(message: FromThread): void {
    this.#port.postMessage(message);
  }

  #askSummaries(from: number, to: number): Promise<EpochSummary[]> {
    const { id, reply } = this.#summaries.expect();
    this.#say({ kind: 'askSummaries', id, from, to });
    return reply;
  }

  #hear(message: ToThread): void {
    switch (message.kind) {
      case 'connection':
        message.connection.once('close', () => this.#say({ kind: 'disconnected' }));
        this.#server.accept(message.connection);
        break;
      case 'open':
        this.#server.open();
        break;
      case 'close':
        this.#server.close();
        break;
      case 'serving':
        this.#server.setServing(message.serving);
        break;
      case 'completed':
        this.#epochs.completed(message.epoch);
        break;
      case 'lost':
        this.#ingress.lost(message.entries);
        break;
      case 'task':
        void this.#do(message.task).then(() => this.#done(message.id, message.task));
        break;
      case 'summaries':
        this.#summaries.resolve(message.id, [...message.summaries]);
        break;
      case 'noSummaries':
        this.#summaries.reject(message.id, errorFrom(message.error));
        break;
      default:
        unreachable(message);
    }
  }

  #do(task: Task): Promise<void> {
    switch (task.kind) {
      case 'drain':
        return this.#server.drain();
      case 'takeHome':
        return this.#ingress.drainAll();
      case 'idle':
        return this.#ingress.idle();
      case 'end':
        this.#bell.stop();
        this.#runtime.stop();
        return Promise.resolve();
      default:
        return unreachable(task);
    }
  }

  /** With its port closed the thread has nothing left to wait for. */
  #done(id: number, task: Task): void {
    this.#say({ kind: 'done', id });
    if (task.kind === 'end') this.#port.close();
  }
}

// The main thread may see that this one ended before it hears why: so that is told here.
process.on('uncaughtExceptionMonitor', (error) => writeSync(STDERR, `${error.stack}\n`));
assert(parentPort !== null, 'an ingress thread is started by the main one');
new IngressThread(parentPort, workerData).run();
