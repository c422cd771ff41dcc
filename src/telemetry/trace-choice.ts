/**
 * Which calls are told as traces: those slower than the rolling P99 of their method, those that
 * failed, those whose caller records its trace. Each reason has a share of its own, bounded by time,
 * so that none takes another's: a flood of failures leaves room for the slow.
 */
import type { CallStats } from './call-stats.ts';
import { TIMED_METHODS, TRACE_REASONS, type TraceReason } from './call-trace.ts';
import { RollingP99 } from './rolling-p99.ts';
import { TokenBucket } from './token-bucket.ts';

/** A call as fast as this is not slow, however fast the others are: nobody need ask why. */
export const SLOW_FLOOR_US = 1_000;

const US_PER_S = 1_000_000;
const [SLOW, FAILED, SAMPLED] = TRACE_REASONS.keys();

export interface TraceBounds {
  /** Of each reason. */
  readonly perS: number;
  readonly atOnce: number;
}

export class TraceChoice {
  readonly #stats: CallStats;
  readonly #p99: readonly RollingP99[] = TIMED_METHODS.map(() => new RollingP99());
  readonly #shares: readonly TokenBucket[];

  constructor(stats: CallStats, { perS, atOnce }: TraceBounds) {
    this.#stats = stats;
    this.#shares = TRACE_REASONS.map(() => new TokenBucket(perS, atOnce));
  }

  /** Whether a call of the method that took so long is slow; to be asked before it is recorded. */
  isSlow(method: number, durationUs: number): boolean {
    return durationUs > SLOW_FLOOR_US && durationUs > this.#p99[method].us;
  }

  /** Adds a call that was served to what its method's P99 is made of. Refusals are not: they take no time. */
  record(method: number, durationUs: number, nowUs: number): void {
    const p99 = this.#p99[method];
    if (!p99.record(durationUs, nowUs)) return;
    const seconds = p99.us / US_PER_S;
    this.#stats.setP99S(method, Number.isFinite(seconds) ? seconds : Number.NaN);
  }

  /**
   * Why a call is told: the first of its reasons that has room left.
   * @returns undefined where it has none, or none with room, which is counted as dropped.
   */
  choose(failed: boolean, slow: boolean, sampled: boolean, nowUs: number): TraceReason | undefined {
    if (!failed && !slow && !sampled) return undefined;
    if (failed && this.#take(FAILED, nowUs)) return TRACE_REASONS[FAILED];
    if (slow && this.#take(SLOW, nowUs)) return TRACE_REASONS[SLOW];
    if (sampled && this.#take(SAMPLED, nowUs)) return TRACE_REASONS[SAMPLED];
    this.#stats.countTrace(failed ? FAILED : slow ? SLOW : SAMPLED, false);
    return undefined;
  }

  #take(reason: number, nowUs: number): boolean {
    if (!this.#shares[reason].take(nowUs)) return false;
    this.#stats.countTrace(reason, true);
    return true;
  }
}
