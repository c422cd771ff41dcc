/**
 * How often the log tells the same event: a few times in a window of time; what is beyond is counted,
 * and told once when the window is over. So a fault that every call meets fills no disk, holds up no
 * thread with writing, and hides nothing else.
 */
import type { Clock } from '../clock/clock.ts';

export interface LogLimits {
  /** Lines of one event in one window. */
  readonly lines: number;
  readonly windowMs: number;
  /** Events that are told apart; the lines of any further ones are limited together. */
  readonly events: number;
}

export interface LogLimiterEvents {
  /** A line is left out. */
  leftOut(): void;
  /** The window is over in which so many lines of the event were left out. */
  windowOver(event: string, lines: number): void;
}

interface Window {
  lines: number;
  leftOut: number;
}

const US_PER_MS = 1_000;
/** Stands for all events beyond those that are told apart. */
const FURTHER_EVENTS = 'further events';

export class LogLimiter {
  readonly #limits: LogLimits;
  readonly #clock: Clock;
  readonly #events: LogLimiterEvents;
  readonly #windows = new Map<string, Window>();
  /** All events share one window, so that there is one timer at most. */
  #endUs = 0;
  #timing = false;

  constructor(limits: LogLimits, clock: Clock, events: LogLimiterEvents) {
    this.#limits = limits;
    this.#clock = clock;
    this.#events = events;
  }

  /** Whether a line of the event is to be written. */
  admits(event: string): boolean {
    if (this.#clock.monotonicUs() >= this.#endUs) this.#begin();
    const window = this.#windowOf(event);
    if (window.lines < this.#limits.lines) {
      window.lines += 1;
      return true;
    }
    window.leftOut += 1;
    this.#events.leftOut();
    if (!this.#timing) this.#tellLater();
    return false;
  }

  /** Tells what was left out so far: to be called before the end. */
  flush(): void {
    const windows = [...this.#windows];
    this.#windows.clear();
    for (const [event, { leftOut }] of windows) {
      if (leftOut > 0) this.#events.windowOver(event, leftOut);
    }
  }

  #begin(): void {
    this.flush();
    this.#endUs = this.#clock.monotonicUs() + this.#limits.windowMs * US_PER_MS;
  }

  #tellLater(): void {
    this.#timing = true;
    const leftMs = Math.ceil((this.#endUs - this.#clock.monotonicUs()) / US_PER_MS);
    this.#clock.after(leftMs, () => {
      this.#timing = false;
      // Where the timer is late, a line may have begun the next window, and told of the one before.
      if (this.#clock.monotonicUs() >= this.#endUs) this.flush();
      else this.#tellLater();
    });
  }

  #windowOf(event: string): Window {
    const known = this.#windows.get(event);
    if (known !== undefined) return known;
    if (this.#windows.size >= this.#limits.events && event !== FURTHER_EVENTS)
      return this.#windowOf(FURTHER_EVENTS);
    const window = { lines: 0, leftOut: 0 };
    this.#windows.set(event, window);
    return window;
  }
}

/** How lines are told of that were left out. */
export const LEFT_OUT = 'lines were left out of the log';

export interface LimiterOptions {
  readonly limits: LogLimits;
  readonly clock: Clock;
  /** Called for each line that the limits leave out. */
  readonly leftOut: () => void;
}

/** A limiter that tells a log what it has left out. @param warn writes a line past the limiter. */
export function limiterOf(
  warn: (fields: object, text: string) => void,
  { limits, clock, leftOut }: LimiterOptions,
): LogLimiter {
  const windowOver = (event: string, lines: number): void => warn({ event, lines }, LEFT_OUT);
  return new LogLimiter(limits, clock, { leftOut, windowOver });
}
