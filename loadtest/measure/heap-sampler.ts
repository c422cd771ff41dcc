/**
 * Preloaded (`NODE_OPTIONS=--import`) into a server under soak: samples every thread
 * (measure/thread-probe), with a full garbage collection, whenever the wall clock is at a multiple
 * of HEAP_SAMPLE_MS plus HEAP_SAMPLE_OFFSET_MS (or, where HEAP_SAMPLE_MS is 0, at each SIGUSR2), into
 * the file HEAP_SAMPLE_FILE as JSON lines (HeapSample). The collections stop the threads: latencies of those moments are to be set aside.
 *
 * Worker threads may have no event loop that turns, so the main thread asks them through Node's
 * inspector, whose messages interrupt a thread even in Atomics.wait. The inspector's own
 * HeapProfiler.collectGarbage would wait for the event loop; evaluating a function does not.
 */
import { appendFileSync } from 'node:fs';
import { type NodeWorker, Session } from 'node:inspector';
import { setFlagsFromString } from 'node:v8';
import { isMainThread } from 'node:worker_threads';
import { systemClock } from '../../src/clock/clock.ts';
import { makeThreadProbe, type ThreadProbe, type ThreadSample } from './thread-probe.ts';

export interface HeapSample extends ThreadSample {
  /** 0: the main thread; else as Node numbers its workers. */
  readonly threadId: number;
  /** When the sampling began: the same in all threads' samples of one time. */
  readonly wallMs: number;
  /** Of the process, before the collections. */
  readonly rssBytes: number;
}

/** How often collections are summed up: V8 records about 4 kB of each until then. */
const DRAIN_MS = 1_000;
/** The probe of a worker, made when it is first asked. */
const WORKER_PROBE = `(globalThis.heapSamplerProbe ??= (${makeThreadProbe})())`;

/** What comes back of Runtime.evaluate. */
interface EvaluateReply {
  readonly result: { readonly exceptionDetails?: object; readonly result: { readonly value: ThreadSample } };
}

interface Waiting {
  readonly session: string;
  /** With nothing where the thread has ended. */
  resolve(reply: string | undefined): void;
}

/** Asks the worker threads of this process through its inspector. */
class WorkerProbes {
  readonly #session = new Session();
  /** Inspector sessions of the workers there are, with their thread ids. */
  readonly #threadIds = new Map<string, number>();
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor() {
    this.#session.connect();
    this.#session.on('NodeWorker.attachedToWorker', ({ params }) => {
      this.#threadIds.set(params.sessionId, Number(params.workerInfo.workerId));
    });
    this.#session.on('NodeWorker.detachedFromWorker', ({ params }) => this.#detached(params.sessionId));
    this.#session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => this.#receive(params));
    this.#session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  }

  async drain(): Promise<void> {
    const drained = `${WORKER_PROBE}.drain()`;
    await Promise.all([...this.#threadIds.keys()].map((session) => this.#evaluate(session, drained)));
  }

  /** By thread id; without threads that are still starting, or have ended meanwhile. */
  async sample(): Promise<[threadId: number, sample: ThreadSample][]> {
    const samples = await Promise.all(
      [...this.#threadIds].map(async ([session, threadId]): Promise<[number, ThreadSample] | undefined> => {
        const reply = await this.#evaluate(session, `${WORKER_PROBE}.sample()`);
        return reply === undefined ? undefined : [threadId, reply.result.result.value];
      }),
    );
    return samples.filter((sample) => sample !== undefined);
  }

  /** Undefined where the thread can't yet evaluate it, or has ended. */
  async #evaluate(sessionId: string, expression: string): Promise<EvaluateReply | undefined> {
    this.#lastId++;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#waiting.set(this.#lastId, { session: sessionId, resolve });
    const params = { expression, returnByValue: true };
    const message = JSON.stringify({ id: this.#lastId, method: 'Runtime.evaluate', params });
    this.#session.post('NodeWorker.sendMessageToWorker', { sessionId, message });
    const text = await promise;
    if (text === undefined) return undefined;
    const reply: EvaluateReply = JSON.parse(text);
    return reply.result.exceptionDetails === undefined ? reply : undefined;
  }

  #receive({ message }: NodeWorker.ReceivedMessageFromWorkerEventDataType): void {
    const { id }: { id?: number } = JSON.parse(message);
    if (id === undefined) return;
    this.#waiting.get(id)?.resolve(message);
    this.#waiting.delete(id);
  }

  #detached(session: string): void {
    this.#threadIds.delete(session);
    for (const [id, waiting] of this.#waiting) {
      if (waiting.session !== session) continue;
      waiting.resolve(undefined);
      this.#waiting.delete(id);
    }
  }
}

function startSampling(file: string, everyMs: number, offsetMs: number): void {
  setFlagsFromString('--expose-gc');
  const own: ThreadProbe = makeThreadProbe();
  const workers = new WorkerProbes();
  const sampleAll = async (): Promise<void> => {
    const wallMs = Math.round(systemClock.nowMs());
    const rssBytes = process.memoryUsage.rss();
    const samples: [number, ThreadSample][] = [[0, own.sample()], ...(await workers.sample())];
    const lines = samples.map(
      ([threadId, sample]): HeapSample => ({ threadId, wallMs, rssBytes, ...sample }),
    );
    appendFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  };
  const sampleNext = (): void => {
    const untilNextMs = everyMs - ((systemClock.nowMs() - offsetMs) % everyMs);
    setTimeout(async () => {
      await sampleAll();
      sampleNext();
    }, untilNextMs).unref();
  };
  const drainNext = (): void => {
    setTimeout(async () => {
      own.drain();
      await workers.drain();
      drainNext();
    }, DRAIN_MS).unref();
  };
  if (everyMs === 0) process.on('SIGUSR2', sampleAll);
  else sampleNext();
  drainNext();
}

export function parseSamples(text: string): HeapSample[] {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const lines = whole.split('\n').filter((line) => line !== '');
  return lines.map((line): HeapSample => JSON.parse(line));
}

const { HEAP_SAMPLE_FILE, HEAP_SAMPLE_MS, HEAP_SAMPLE_OFFSET_MS } = process.env;
if (isMainThread && HEAP_SAMPLE_FILE !== undefined) {
  startSampling(HEAP_SAMPLE_FILE, Number(HEAP_SAMPLE_MS ?? 10_000), Number(HEAP_SAMPLE_OFFSET_MS ?? 0));
}
