/** Waiting for a while by the clock, which whoever stops the waiter can cut short. */
import type { Clock, Timer } from '../clock/clock.ts';

export class Pause {
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #wake: (() => void) | undefined;
  #over = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves after `delayMs`, or when it is cut short. One wait at a time. */
  of(delayMs: number): Promise<void> {
    if (this.#over || delayMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#clock.after(delayMs, resolve);
    });
  }

  /** Cuts this wait short, and every later one. */
  end(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#wake?.();
  }
}
