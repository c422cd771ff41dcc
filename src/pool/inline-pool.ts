/** Serves every segment on the calling thread, within `flush`: no threads, so a seed replays a run. */
import type { Clock } from '../clock/clock.ts';
import { assert } from '../domain/assert.ts';
import { type EngineMemory, MAIN_LOOP, serverOfLoop, WorkerCounter } from '../segment/engine-memory.ts';
import { SegmentServer } from '../segment/segment-server.ts';
import type { PoolEvents, SegmentPool } from './segment-pool.ts';

export class InlinePool implements SegmentPool {
  readonly memory: EngineMemory;
  readonly #server: SegmentServer;
  #events: PoolEvents | undefined;
  #flushing = false;

  constructor(memory: EngineMemory, clock: Clock) {
    this.memory = memory;
    this.#server = new SegmentServer(memory, 0, clock);
  }

  async start(events: PoolEvents): Promise<void> {
    this.#events = events;
  }

  push(entry: number): void {
    this.memory.queues.push(this.memory.entries.segment[entry], entry);
    this.memory.count(serverOfLoop(this.memory.shape, MAIN_LOOP), WorkerCounter.QUEUED, 1);
  }

  pushPatient(entry: number): void {
    this.push(entry);
  }

  flushAll(): void {
    this.flush();
  }

  /** Serves until nothing is left; what a drain pushes is served in the same flush. */
  flush(): void {
    assert(this.#events !== undefined, 'the pool was not started');
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      // No bells: what is served is drained right here.
      while (this.#serveAll()) this.#events.drain();
    } finally {
      this.#flushing = false;
    }
  }

  async stop(): Promise<void> {
    this.#events = undefined;
  }

  #serveAll(): boolean {
    let served = 0;
    for (let segment = 0; segment < this.memory.segments; segment += 1) {
      served += this.#server.visit(segment);
    }
    return served > 0;
  }
}
