/** When a call is to end, whatever its server does. */
import type { Clock } from '../../clock/clock.ts';

export class Deadline {
  readonly #clock: Clock;
  readonly #atUs: number;

  constructor(clock: Clock, inMs: number) {
    this.#clock = clock;
    this.#atUs = clock.monotonicUs() + inMs * 1_000;
  }

  /** Milliseconds left, 0 at least. */
  get leftMs(): number {
    return Math.max(0, (this.#atUs - this.#clock.monotonicUs()) / 1_000);
  }

  get isOver(): boolean {
    return this.leftMs === 0;
  }

  /** Waits `ms`, or until the deadline where that is sooner. */
  async pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#clock.after(Math.min(ms, this.leftMs), resolve);
    await promise;
  }

  /**
   * What `work` comes to, or `late` where it takes longer than `ms` or the deadline; what then
   * becomes of the work is ignored.
   */
  async within<T, L>(ms: number, work: Promise<T>, late: L): Promise<T | L> {
    const { promise, resolve } = Promise.withResolvers<L>();
    const timer = this.#clock.after(Math.min(ms, this.leftMs), () => resolve(late));
    try {
      return await Promise.race([work, promise]);
    } finally {
      timer.cancel();
    }
  }
}
