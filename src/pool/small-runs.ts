/**
 * Serves a few entries on the event-loop thread that pushed them, as one more thief: it takes the
 * runs of their segments under the segments' locks. Waking a worker for them and being woken by it
 * would cost some fifty times what they do (docs/decisions). Waits for nobody: a segment that
 * another server is at is left to that one, which looks again when it is done.
 */
import type { Clock } from '../clock/clock.ts';
import { assert } from '../domain/assert.ts';
import { type EngineMemory, serverOfLoop } from '../segment/engine-memory.ts';
import { SegmentServer } from '../segment/segment-server.ts';

export class SmallRuns {
  readonly #server: SegmentServer;
  readonly #onServed: () => void;
  /** Segments of the entries pushed since they were last served; some twice. */
  readonly #segments: Int32Array;
  #count = 0;
  #serving = false;

  /**
   * @param loop the event loop that it works on.
   * @param most entries that count as few.
   * @param onServed takes what was served from the thread's own queues.
   */
  constructor(memory: EngineMemory, loop: number, most: number, clock: Clock, onServed: () => void) {
    this.#server = new SegmentServer(memory, serverOfLoop(memory.shape, loop), clock, loop);
    this.#segments = new Int32Array(most);
    this.#onServed = onServed;
  }

  /** An entry was pushed that somebody waits for. */
  note(segment: number): void {
    if (this.#count < this.#segments.length) this.#segments[this.#count] = segment;
    this.#count += 1;
  }

  /** Entries noted since they were last served, or left to the workers. */
  get count(): number {
    return this.#count;
  }
  get isServing(): boolean {
    return this.#serving;
  }
  /** Whether what was noted is few, and not nothing. */
  get areFew(): boolean {
    return this.#count > 0 && this.#count <= this.#segments.length;
  }

  /** Leaves what was noted to the workers. */
  forget(): void {
    this.#count = 0;
  }

  /**
   * Serves what was noted, and what that leads to while it is few. What is noted by onServed while
   * this runs is served in the same call.
   * @returns entries served.
   */
  serve(): number {
    assert(!this.#serving, 'small runs are served within themselves');
    this.#serving = true;
    let served = 0;
    try {
      while (this.areFew) {
        served += this.#serveNoted();
        this.#onServed();
      }
    } finally {
      this.#serving = false;
    }
    return served;
  }

  #serveNoted(): number {
    let served = 0;
    for (; this.#count > 0; this.#count -= 1) {
      const segment = this.#segments[this.#count - 1];
      for (let run = this.#server.visit(segment); run > 0; run = this.#server.visit(segment)) served += run;
    }
    this.#server.ringBells();
    return served;
  }
}
