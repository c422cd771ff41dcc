/**
 * Preloaded (`NODE_OPTIONS=--import`) into a server that is measured: samples every thread
 * (measure/thread-probe), with a full garbage collection, whenever the wall clock is at a multiple
 * of HEAP_SAMPLE_MS plus HEAP_SAMPLE_OFFSET_MS, where that is not 0, and at SIGUSR2; into the file
 * HEAP_SAMPLE_FILE as JSON lines (HeapSample). The collections stop the threads: latencies of those
 * moments are to be set aside.
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
  /** Inspector sessions of the workers there are. */
  readonly #workers = new Set<string>();
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor() {
    this.#session.connect();
    this.#session.on('NodeWorker.attachedToWorker', ({ params }) => {
      this.#workers.add(params.sessionId);
    });
    this.#session.on('NodeWorker.detachedFromWorker', ({ params }) => this.#detached(params.sessionId));
    this.#session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => this.#receive(params));
    this.#session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  }

  async drain(): Promise<void> {
    await this.#evaluateInAll(`${WORKER_PROBE}.drain()`);
  }

  /** Without threads that are still starting, or have ended meanwhile. */
  async sample(): Promise<ThreadSample[]> {
    const replies = await this.#evaluateInAll(`${WORKER_PROBE}.sample()`);
    return replies.flatMap((reply) => (reply === undefined ? [] : [reply.result.result.value]));
  }

  #evaluateInAll(expression: string): Promise<(EvaluateReply | undefined)[]> {
    return Promise.all([...this.#workers].map((session) => this.#evaluate(session, expression)));
  }

  /** Undefined where the thread can't yet evaluate it, or has ended. */
  async #evaluate(sessionId: string, expression: string): Promise<EvaluateReply | undefined> {
    this.#lastId++;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#waiting.set(this.#lastId, { session: sessionId, resolve });
    const params = { expression, returnByValue: true };
    const message = JSON.stringify({ id: this.#lastId, method: 'Runtime.evaluate', params });
    const id = this.#lastId;
    // Fails where the thread has just ended.
    this.#session.post('NodeWorker.sendMessageToWorker', { sessionId, message }, (error) => {
      if (error !== null) this.#settle(id, undefined);
    });
    const text = await promise;
    if (text === undefined) return undefined;
    const reply: EvaluateReply = JSON.parse(text);
    return reply.result.exceptionDetails === undefined ? reply : undefined;
  }

  #receive({ message }: NodeWorker.ReceivedMessageFromWorkerEventDataType): void {
    const { id }: { id?: number } = JSON.parse(message);
    if (id === undefined) return;
    this.#settle(id, message);
  }

  #detached(session: string): void {
    this.#workers.delete(session);
    for (const [id, waiting] of this.#waiting) {
      if (waiting.session === session) this.#settle(id, undefined);
    }
  }

  #settle(id: number, reply: string | undefined): void {
    this.#waiting.get(id)?.resolve(reply);
    this.#waiting.delete(id);
  }
}

/** @param everyMs 0: only at SIGUSR2. */
function startSampling(file: string, everyMs: number, offsetMs: number): void {
  setFlagsFromString('--expose-gc');
  const own: ThreadProbe = makeThreadProbe();
  const workers = new WorkerProbes();
  const drainAll = async (): Promise<void> => {
    own.drain();
    await workers.drain();
  };
  const sampleAll = async (): Promise<void> => {
    const wallMs = Math.round(systemClock.nowMs());
    const rssBytes = process.memoryUsage.rss();
    const samples = [own.sample(), ...(await workers.sample())];
    const lines = samples.map((sample): HeapSample => ({ wallMs, rssBytes, ...sample }));
    appendFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  };
  // One thing after another, and nothing once the server is told to end: a thread that is asked
  // something while it is being ended may never end.
  let told = false;
  let last = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    last = last.then(() => (told ? undefined : work()));
    return last;
  };
  process.once('SIGTERM', () => {
    told = true;
  });
  process.on('SIGUSR2', () => inTurn(sampleAll));
  repeatedly(DRAIN_MS, 0, () => inTurn(drainAll));
  if (everyMs > 0) repeatedly(everyMs, offsetMs, () => inTurn(sampleAll));
}

/** Does something whenever the wall clock is at a multiple of everyMs plus offsetMs. */
function repeatedly(everyMs: number, offsetMs: number, work: () => Promise<void>): void {
  const waitMs = everyMs - ((systemClock.nowMs() - offsetMs) % everyMs);
  setTimeout(async () => {
    await work();
    repeatedly(everyMs, offsetMs, work);
  }, waitMs).unref();
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
