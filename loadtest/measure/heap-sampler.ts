/**
 * Preloaded (`NODE_OPTIONS=--import`) into a server under soak: samples the heap of every thread
 * after a full garbage collection, every HEAP_SAMPLE_MS, into the file HEAP_SAMPLE_FILE as JSON
 * lines (HeapSample).
 *
 * Worker threads have no event loop that turns, so the main thread asks them through Node's
 * inspector, whose messages interrupt a thread even in Atomics.wait. The inspector's own
 * HeapProfiler.collectGarbage would wait for the event loop; evaluating a function does not.
 */
import { appendFileSync } from 'node:fs';
import { type NodeWorker, Session } from 'node:inspector';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

export interface HeapSample {
  /** 0: the main thread; else as Node numbers its workers. */
  readonly threadId: number;
  /** Since the process began, milliseconds. */
  readonly uptimeMs: number;
  /** Of this thread, after a full collection. */
  readonly heapUsedBytes: number;
  /** Of the process. */
  readonly rssBytes: number;
}

/** Collects the garbage of the thread that evaluates it; needs V8's flag --expose-gc. */
const COLLECT =
  "(globalThis.collectForHeapSampler ??= process.getBuiltinModule('node:vm').runInNewContext('gc'))()";

/** What comes back of Runtime.evaluate and of Runtime.getHeapUsage. */
interface EvaluateReply {
  readonly result: { readonly exceptionDetails?: object };
}
interface HeapUsageReply {
  readonly result: { readonly usedSize: number };
}

/** Asks the worker threads of this process through its inspector. */
class WorkerHeaps {
  readonly #session = new Session();
  /** Inspector sessions of the workers there are, with their thread ids. */
  readonly #threadIds = new Map<string, number>();
  readonly #waiting = new Map<number, (reply: string) => void>();
  #lastId = 0;

  constructor() {
    this.#session.connect();
    this.#session.on('NodeWorker.attachedToWorker', ({ params }) => {
      this.#threadIds.set(params.sessionId, Number(params.workerInfo.workerId));
    });
    this.#session.on('NodeWorker.detachedFromWorker', ({ params }) => {
      this.#threadIds.delete(params.sessionId);
    });
    this.#session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => this.#receive(params));
    this.#session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  }

  /** Bytes used after a full collection, by thread id; without threads that are still starting. */
  async collected(): Promise<Map<number, number>> {
    const heaps = await Promise.all(
      [...this.#threadIds].map(
        async ([session, threadId]): Promise<[number, number | undefined]> => [
          threadId,
          await this.#collectedHeap(session),
        ],
      ),
    );
    return new Map(heaps.filter((heap): heap is [number, number] => heap[1] !== undefined));
  }

  /** Undefined where the thread can't collect yet. */
  async #collectedHeap(session: string): Promise<number | undefined> {
    const reply = await this.#ask(session, 'Runtime.evaluate', { expression: COLLECT });
    const collected: EvaluateReply = JSON.parse(reply);
    if (collected.result.exceptionDetails !== undefined) return undefined;
    const usage: HeapUsageReply = JSON.parse(await this.#ask(session, 'Runtime.getHeapUsage', {}));
    return usage.result.usedSize;
  }

  #ask(sessionId: string, method: string, params: object): Promise<string> {
    this.#lastId++;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#waiting.set(this.#lastId, resolve);
    const message = JSON.stringify({ id: this.#lastId, method, params });
    this.#session.post('NodeWorker.sendMessageToWorker', { sessionId, message });
    return promise;
  }

  #receive({ message }: NodeWorker.ReceivedMessageFromWorkerEventDataType): void {
    const { id }: { id?: number } = JSON.parse(message);
    if (id === undefined) return;
    this.#waiting.get(id)?.(message);
    this.#waiting.delete(id);
  }
}

function startSampling(file: string, everyMs: number): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const workers = new WorkerHeaps();
  const write = (threadId: number, heapUsedBytes: number): void => {
    const uptimeMs = Math.round(process.uptime() * 1000);
    const sample: HeapSample = { threadId, uptimeMs, heapUsedBytes, rssBytes: process.memoryUsage.rss() };
    appendFileSync(file, `${JSON.stringify(sample)}\n`);
  };
  const sampleAll = async (): Promise<void> => {
    collect();
    write(0, process.memoryUsage().heapUsed);
    for (const [threadId, bytes] of await workers.collected()) write(threadId, bytes);
  };
  setInterval(sampleAll, everyMs).unref();
}

const { HEAP_SAMPLE_FILE, HEAP_SAMPLE_MS } = process.env;
if (isMainThread && HEAP_SAMPLE_FILE !== undefined) {
  startSampling(HEAP_SAMPLE_FILE, Number(HEAP_SAMPLE_MS ?? 10_000));
}
