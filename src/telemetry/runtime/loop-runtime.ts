/**
 * Watches a thread whose event loop turns: every pause as it is told, how late a timer of its own is
 * called, and once a second the heap. The timers take an idle thread 0.2 % of a core, where each wakes
 * the processor; a busy one less.
 */
import type { Clock, Timer } from '../../clock/clock.ts';
import type { LoopSource } from './runtime-source.ts';
import type { GcPause, RuntimeStats } from './runtime-stats.ts';

/** From one look at the event loop to the next. A shorter delay is seen as often as it is long. */
const LOOK_MS = 100;
/** Looks from one sample of the heap to the next: a second. */
const LOOKS_PER_SAMPLE = 10;
const US_PER_MS = 1_000;

export class LoopRuntime {
  readonly #stats: RuntimeStats;
  readonly #source: LoopSource;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #dueUs = 0;
  #looks = 0;
  #stopHearing: (() => void) | undefined;

  constructor(stats: RuntimeStats, source: LoopSource, clock: Clock) {
    this.#stats = stats;
    this.#source = source;
    this.#clock = clock;
  }

  start(): void {
    this.#stopHearing = this.#source.onPause((pause) => this.#hear(pause));
    this.#sample();
    this.#lookLater();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#stopHearing?.();
  }

  #hear({ kind, pauseMs }: GcPause): void {
    this.#stats.recordPause(kind, pauseMs);
    // Heard in the next turn of the loop: what was allocated since is small beside what is left.
    this.#stats.recordHeapAfter(kind, this.#source.heap().used);
  }

  #lookLater(): void {
    this.#dueUs = this.#clock.monotonicUs() + LOOK_MS * US_PER_MS;
    this.#timer = this.#clock.after(LOOK_MS, () => this.#look());
  }

  #look(): void {
    // Timers count whole milliseconds from the begin of a turn, so one may come a little early.
    const lateUs = Math.max(0, this.#clock.monotonicUs() - this.#dueUs);
    this.#stats.recordLoopDelay(lateUs / US_PER_MS);
    this.#looks += 1;
    if (this.#looks % LOOKS_PER_SAMPLE === 0) this.#sample();
    this.#lookLater();
  }

  #sample(): void {
    const { used, allocated } = this.#source.heap();
    this.#stats.recordHeap(used, allocated);
  }
}
