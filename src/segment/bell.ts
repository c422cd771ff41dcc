/**
 * Waking an event-loop thread from another thread: one word of shared memory. Ringing an already
 * rung bell costs one atomic operation and wakes nobody, so that wake-ups coalesce.
 */
const SILENT = 0;
const RUNG = 1;

export function ring(bells: Int32Array, bell: number): void {
  if (Atomics.exchange(bells, bell, RUNG) === SILENT) Atomics.notify(bells, bell);
}

/** Calls `onRing` on this thread's event loop after the bell was rung, until stopped. */
export class BellListener {
  readonly #bells: Int32Array;
  readonly #bell: number;
  readonly #onRing: () => void;
  #stopped = false;

  constructor(bells: Int32Array, bell: number, onRing: () => void) {
    this.#bells = bells;
    this.#bell = bell;
    this.#onRing = onRing;
  }

  /** Resolves once stopped; rejects with what onRing throws. */
  async listen(): Promise<void> {
    while (!this.#stopped) {
      const wait = Atomics.waitAsync(this.#bells, this.#bell, SILENT);
      if (wait.async) await wait.value;
      // Silenced before the queues are taken: what is pushed after that rings again.
      Atomics.store(this.#bells, this.#bell, SILENT);
      if (!this.#stopped) this.#onRing();
    }
  }

  stop(): void {
    this.#stopped = true;
    ring(this.#bells, this.#bell);
  }
}
