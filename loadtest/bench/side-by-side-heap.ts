/** What the heap of each kind of subject holds after a full collection, and how long it was stopped. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RunningProgram } from '../../test/support/program.ts';
import { until } from '../../test/support/waiting.ts';
import type { InterpreterUsage } from '../baseline/interpreter.ts';
import { type HeapSample, parseSamples } from '../measure/heap-sampler.ts';
import type { RateLimitServer } from '../ratelimit/ratelimit-server.ts';

/** Pauses longer than this are counted, milliseconds: the alarm of the service level. */
const LONG_PAUSE_MS = 100;

export interface HeapReading {
  /** After a full collection, all threads together. */
  readonly heapMb: number;
  /** Pauses for collections since the reading before: how many were long, and the longest of all. */
  readonly longPauses: number;
  readonly longestPauseMs: number;
}

/** Reads a heap; the collection that it forces stops the server for a moment. */
export interface HeapProbe {
  read(): Promise<HeapReading>;
}

/** A Node process with measure/heap-sampler in it, which samples at SIGUSR2. */
export class NodeHeap implements HeapProbe {
  readonly #pid: number;
  readonly #file: string;
  #seenMs = 0;

  /** @param file that its sampler writes. */
  constructor(pid: number, file: string) {
    this.#pid = pid;
    this.#file = file;
  }

  async read(): Promise<HeapReading> {
    process.kill(this.#pid, 'SIGUSR2');
    let threads: HeapSample[] = [];
    await until('a sample of the heap', async () => {
      const samples = existsSync(this.#file) ? parseSamples(await readFile(this.#file, 'utf8')) : [];
      threads = samples.filter(({ wallMs }) => wallMs > this.#seenMs);
      return threads.length > 0;
    });
    this.#seenMs = Math.max(...threads.map(({ wallMs }) => wallMs));
    const pauses = threads.flatMap((thread) => Object.values(thread.pauses));
    return {
      heapMb: threads.reduce((sum, { heapUsedBytes }) => sum + heapUsedBytes, 0) / 1e6,
      longPauses: pauses.reduce((sum, { over100Ms }) => sum + over100Ms, 0),
      longestPauseMs: Math.max(0, ...pauses.map(({ longestMs }) => longestMs)),
    };
  }
}

/** Node's heap and that of the interpreter in it, whose own collector makes no long pauses but steps. */
export class InterpreterHeap implements HeapProbe {
  readonly #node: NodeHeap;
  readonly #program: RunningProgram;

  constructor(node: NodeHeap, program: RunningProgram) {
    this.#node = node;
    this.#program = program;
  }

  async read(): Promise<HeapReading> {
    const before = this.#told().length;
    const node = await this.#node.read();
    await until("the interpreter's heap", () => this.#told().length > before);
    const { heapBytes } = this.#told()[before];
    return { ...node, heapMb: node.heapMb + heapBytes / 1e6 };
  }

  #told(): InterpreterUsage[] {
    const lines = this.#program.log().split('\n').slice(0, -1);
    return lines.filter((line) => line.includes('"msg":"heap"')).map((line) => JSON.parse(line));
  }
}

/** Go tells of its last 256 pauses, which are enough: it makes none that is long. */
export class GoHeap implements HeapProbe {
  readonly #server: RateLimitServer;

  constructor(server: RateLimitServer) {
    this.#server = server;
  }

  async read(): Promise<HeapReading> {
    const { heapBytes, pausesMs } = await this.#server.memory();
    return {
      heapMb: heapBytes / 1e6,
      longPauses: pausesMs.filter((ms) => ms > LONG_PAUSE_MS).length,
      longestPauseMs: Math.max(0, ...pausesMs),
    };
  }
}
