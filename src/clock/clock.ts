/** Time as the program sees it, injected everywhere, so that a test or a simulation can step it. */
export interface Clock {
  /** Wall clock: milliseconds since the Unix epoch, a whole number; may step back. */
  nowMs(): number;
  /** Microseconds from an arbitrary start, the same one for every thread of the program; never goes back. */
  monotonicUs(): number;
  /** Calls once after delayMs (≥ 0). */
  after(delayMs: number, call: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

/** A thread may be held up between the two readings of a look, which makes it too small: the largest is right. */
const LOOKS = 8;

/** What this thread's timer, which began with the thread, is behind the one that all threads share. */
const THREAD_START_US = Math.max(
  ...Array.from({ length: LOOKS }, () => Number(process.hrtime.bigint()) / 1_000 - performance.now() * 1_000),
);

/** The machine's clock. A pending timer does not keep the process alive. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicUs: () => Math.floor(THREAD_START_US + performance.now() * 1_000),
  after: (delayMs, call) => {
    const timer = setTimeout(call, delayMs).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
