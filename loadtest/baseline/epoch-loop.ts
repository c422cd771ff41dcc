/** The predecessor's epoch: at each boundary a walk in the interpreter, then one call that walks Redis. */
import type { Clock, Timer } from '../../src/clock/clock.ts';
import { type EpochRules, epochOf, epochStartMs, timestampMs } from '../../src/domain/epochs.ts';
import type { ClaimStore } from './claim-store.ts';
import type { ClaimInterpreter, EpochCounts, InterpreterUsage } from './interpreter.ts';

/** What one epoch took and found. */
export interface EpochReport extends InterpreterUsage {
  readonly epoch: number;
  /** From the boundary's turn until Redis has answered, milliseconds: loopMs and scriptMs. */
  readonly durationMs: number;
  /** In the interpreter, while no call is served. */
  readonly loopMs: number;
  /** In the script, while Redis serves nobody else. */
  readonly scriptMs: number;
  /** What the interpreter counted, and what Redis did. */
  readonly own: EpochCounts;
  readonly stored: EpochCounts;
}

export class EpochLoop {
  readonly #store: ClaimStore;
  readonly #interpreter: ClaimInterpreter;
  readonly #rules: EpochRules;
  readonly #clock: Clock;
  readonly #report: (report: EpochReport) => void;
  #timer: Timer | undefined;
  #passing: Promise<void> = Promise.resolve();
  #last: number;
  #isStopped = false;

  /** @param report hears of each epoch that has been passed. */
  constructor(
    store: ClaimStore,
    interpreter: ClaimInterpreter,
    rules: EpochRules,
    clock: Clock,
    report: (report: EpochReport) => void,
  ) {
    this.#store = store;
    this.#interpreter = interpreter;
    this.#rules = rules;
    this.#clock = clock;
    this.#report = report;
    this.#last = this.#epochNow();
  }

  /** Passes every epoch from the next boundary on; one that took too long is followed by the latest. */
  start(): void {
    const nextMs = epochStartMs(this.#last + 1, this.#rules);
    const delayMs = Math.max(0, nextMs - this.#clock.nowMs());
    this.#timer = this.#clock.after(delayMs, () => {
      this.#passing = this.#pass();
    });
  }

  /** Resolves when an epoch that is being passed has been. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#passing;
  }

  async #pass(): Promise<void> {
    const epoch = this.#epochNow();
    // A timer may be a millisecond early.
    if (epoch !== this.#last) this.#report(await this.#passTo(epoch));
    this.#last = epoch;
    if (!this.#isStopped) this.start();
  }

  async #passTo(epoch: number): Promise<EpochReport> {
    const startUs = this.#clock.monotonicUs();
    const own = this.#interpreter.advance(epoch, this.#rules.retentionEpochs);
    const walkedUs = this.#clock.monotonicUs();
    const stored = await this.#store.passEpoch(epoch);
    const endUs = this.#clock.monotonicUs();
    return {
      epoch,
      durationMs: (endUs - startUs) / 1000,
      loopMs: (walkedUs - startUs) / 1000,
      scriptMs: (endUs - walkedUs) / 1000,
      own,
      stored,
      ...this.#interpreter.usage(),
    };
  }

  #epochNow(): number {
    return epochOf(timestampMs(this.#clock.nowMs(), this.#rules), this.#rules);
  }
}
