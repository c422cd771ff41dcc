/** Time for tests and simulation. */
import type { Clock, Timer } from './clock.ts';

interface Alarm {
  readonly atUs: number;
  readonly call: () => void;
}

/** A clock that stands still until it is stepped. */
export class SteppedClock implements Clock {
  #wallMs: number;
  #elapsedUs = 0;
  #alarms: Alarm[] = [];

  constructor(startMs: number) {
    this.#wallMs = startMs;
  }

  nowMs(): number {
    return Math.floor(this.#wallMs);
  }

  monotonicUs(): number {
    return this.#elapsedUs;
  }

  after(delayMs: number, call: () => void): Timer {
    const alarm = { atUs: this.#elapsedUs + delayMs * 1000, call };
    this.#alarms.push(alarm);
    return {
      cancel: () => {
        this.#alarms = this.#alarms.filter((other) => other !== alarm);
      },
    };
  }

  /** Lets `ms` pass, calling what falls due at its time, in order. */
  step(ms: number): void {
    const endUs = this.#elapsedUs + ms * 1000;
    for (;;) {
      const due = this.#alarms.filter((a) => a.atUs <= endUs).sort((a, b) => a.atUs - b.atUs)[0];
      if (due === undefined) break;
      this.#alarms = this.#alarms.filter((other) => other !== due);
      this.#advanceTo(Math.max(due.atUs, this.#elapsedUs));
      due.call();
    }
    this.#advanceTo(endUs);
  }

  /** Sets the wall clock, as an operator or NTP would: no time passes, no alarm falls due. */
  setWall(ms: number): void {
    this.#wallMs = ms;
  }

  #advanceTo(elapsedUs: number): void {
    this.#wallMs += (elapsedUs - this.#elapsedUs) / 1000;
    this.#elapsedUs = elapsedUs;
  }
}
