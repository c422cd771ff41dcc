/**
 * Asking a store that may be away: what fails for a reason that passes is asked again, sooner at
 * first and every two seconds in the end, until the store answers or the asker stops.
 */
import type { Clock } from '../clock/clock.ts';
import { ClaimsError, StoreUnavailable } from '../domain/errors.ts';
import { Pause } from './pause.ts';

const RETRY_MIN_MS = 100;
/** A store that is back is found so soon at the latest. */
const RETRY_MAX_MS = 2_000;
/** While the store is away this is told so often, beside the first time. */
const REPORT_EVERY_MS = 60_000;

export interface StoreWaitEvents {
  /** The store does not answer: told at once, and now and then while that lasts. */
  waiting(error: ClaimsError): void;
  /** It answers again. */
  answered(): void;
}

/** Makes a call of the store, as often as its policy says. */
export type StoreAsker = <T>(call: () => Promise<T>) => Promise<T>;

/** Makes a call once: its failure is the asker's. */
export const askOnce: StoreAsker = (call) => call();

export class StoreWait {
  readonly #clock: Clock;
  readonly #mayPass: (error: ClaimsError) => boolean;
  readonly #events: StoreWaitEvents;
  readonly #pause: Pause;
  #failure: ClaimsError | undefined;
  #toldUs = 0;
  #stopped = false;

  /** @param mayPass whether what failed is worth asking again; else it is thrown. */
  constructor(clock: Clock, mayPass: (error: ClaimsError) => boolean, events: StoreWaitEvents) {
    this.#clock = clock;
    this.#mayPass = mayPass;
    this.#events = events;
    this.#pause = new Pause(clock);
  }

  /** Why the store is waited for, while it is. */
  get failure(): ClaimsError | undefined {
    return this.#failure;
  }

  /** @throws StoreUnavailable once stopped, and what `call` throws where that does not pass. */
  readonly ask: StoreAsker = async (call) => {
    for (let delayMs = RETRY_MIN_MS; ; delayMs = Math.min(2 * delayMs, RETRY_MAX_MS)) {
      if (this.#stopped) throw new StoreUnavailable('the store is asked no more: this replica stops');
      try {
        const answer = await call();
        this.#noteAnswer();
        return answer;
      } catch (error) {
        if (this.#stopped || !(error instanceof ClaimsError) || !this.#mayPass(error)) throw error;
        this.#noteFailure(error);
      }
      await this.#pause.of(delayMs);
    }
  };

  /** Ends the waiting: what is asked is not asked again. */
  stop(): void {
    this.#stopped = true;
    this.#failure = undefined;
    this.#pause.end();
  }

  #noteAnswer(): void {
    if (this.#failure !== undefined) this.#events.answered();
    this.#failure = undefined;
  }

  #noteFailure(error: ClaimsError): void {
    const nowUs = this.#clock.monotonicUs();
    const isDue = this.#failure === undefined || nowUs - this.#toldUs >= REPORT_EVERY_MS * 1_000;
    this.#failure = error;
    if (!isDue) return;
    this.#toldUs = nowUs;
    this.#events.waiting(error);
  }
}
