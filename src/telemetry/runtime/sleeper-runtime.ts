/**
 * Watches a thread that serves and sleeps without a turning event loop (segment workers, SQLite's):
 * nobody can call it, so it looks at itself, at most once a second, before it falls asleep and now
 * and then while it serves. While it sleeps its figures stand still, as it does.
 */
import type { Clock } from '../../clock/clock.ts';
import type { SleeperSource } from './runtime-source.ts';
import type { RuntimeStats } from './runtime-stats.ts';

const LOOK_US = 1_000_000;

export class SleeperRuntime {
  readonly #stats: RuntimeStats;
  readonly #source: SleeperSource;
  readonly #clock: Pick<Clock, 'monotonicUs'>;
  #nextLookUs: number;

  constructor(stats: RuntimeStats, source: SleeperSource, clock: Pick<Clock, 'monotonicUs'>) {
    this.#stats = stats;
    this.#source = source;
    this.#clock = clock;
    this.#nextLookUs = clock.monotonicUs();
  }

  /** To be called often: where no second has passed it costs a look at the clock. */
  look(): void {
    const nowUs = this.#clock.monotonicUs();
    if (nowUs < this.#nextLookUs) return;
    this.#nextLookUs = nowUs + LOOK_US;
    for (const { kind, pauseMs, heapAfter } of this.#source.takeCollections()) {
      this.#stats.recordPause(kind, pauseMs);
      this.#stats.recordHeapAfter(kind, heapAfter);
    }
    const { used, allocated } = this.#source.heap();
    this.#stats.recordHeap(used, allocated);
  }
}
