/**
 * Feeds segments from one event-loop thread: pushes entries, and once per turn wakes the workers
 * that are home to them, and a thief where a worker has more than it should do alone.
 */
import { SegmentMap } from '../partitioner/segment-map.ts';
import type { EngineMemory } from '../segment/engine-memory.ts';
import { isDead, wakeWorker } from '../segment/worker-state.ts';
import type { SegmentFeeder } from './segment-pool.ts';

/**
 * Entries waiting at one worker that are worth waking another for: at about 0.5 µs each as much
 * work as the wake-up itself costs (25 µs, half the round trip measured in docs/decisions).
 */
const WORTH_A_THIEF = 64;

export class ThreadFeeder implements SegmentFeeder {
  readonly #memory: EngineMemory;
  readonly #home: Uint8Array;
  /** Entries pushed since the last flush, by home worker. */
  readonly #pushed: Int32Array;

  constructor(memory: EngineMemory) {
    this.#memory = memory;
    const map = new SegmentMap(memory.segments, memory.shape.workers);
    this.#home = Uint8Array.from({ length: memory.segments }, (_, segment) => map.homeOf(segment));
    this.#pushed = new Int32Array(memory.shape.workers);
  }

  push(entry: number): void {
    const segment = this.#memory.entries.segment[entry];
    this.#memory.queues.push(segment, entry);
    this.#pushed[this.#home[segment]] += 1;
  }

  flush(): void {
    for (let worker = 0; worker < this.#pushed.length; worker += 1) {
      const pushed = this.#pushed[worker];
      if (pushed === 0) continue;
      this.#pushed[worker] = 0;
      wakeWorker(this.#memory, worker);
      const needsThief = pushed >= WORTH_A_THIEF || isDead(this.#memory, worker);
      if (needsThief && this.#memory.shape.stealing) this.#wakeThief(worker);
    }
  }

  #wakeThief(busy: number): void {
    const { workers } = this.#memory.shape;
    for (let i = 1; i < workers; i += 1) {
      if (wakeWorker(this.#memory, (busy + i) % workers)) return;
    }
  }
}
