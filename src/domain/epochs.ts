/**
 * Epoch arithmetic: pure, checked, exact up to 2^53−1. Epochs are counted from the Unix epoch,
 * so that every replica agrees on their numbers without talking.
 */
import { InvalidArgument } from './errors.ts';

/** Milliseconds since the Unix epoch. */
export type TimestampMs = number & { readonly __unit: 'timestamp-ms' };
/** Whole epochs since the Unix epoch. */
export type Epoch = number & { readonly __unit: 'epoch' };

/** The times of a registry, the same for all its replicas. */
export interface EpochRules {
  /** Length of an epoch, milliseconds. */
  readonly epochLengthMs: number;
  /** How long after its timestamp a claim can be validated, milliseconds; rounded up to epochs. */
  readonly validationWindowMs: number;
  /** Epochs for which a final claim is kept after the one in which it ended. */
  readonly retentionEpochs: number;
}

/** The largest timestamp for which no sum of epoch arithmetic passes 2^53−1. */
export function maxTimestampMs(rules: EpochRules): number {
  return Number.MAX_SAFE_INTEGER - rules.validationWindowMs - rules.epochLengthMs;
}

/** @throws InvalidArgument where the value is not an integer from 0 to maxTimestampMs. */
export function timestampMs(value: number, rules: EpochRules): TimestampMs {
  const max = maxTimestampMs(rules);
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new InvalidArgument('timestamp_ms', String(value), `an integer from 0 to ${max}`);
  }
  return value as TimestampMs;
}

/** floor(t / length). */
export function epochOf(t: TimestampMs, rules: EpochRules): Epoch {
  return floorDivide(t, rules.epochLengthMs) as Epoch;
}

/** ceil((t + window) / length): the first epoch in which a claim of time t can't be validated. */
export function expiryEpoch(t: TimestampMs, rules: EpochRules): Epoch {
  const end = t + rules.validationWindowMs;
  return floorDivide(end + rules.epochLengthMs - 1, rules.epochLengthMs) as Epoch;
}

/**
 * When the epoch begins, milliseconds since the Unix epoch.
 * @throws InvalidArgument where the epoch's end would lie past 2^53−1.
 */
export function epochStartMs(epoch: number, rules: EpochRules): TimestampMs {
  const max = maxEpoch(rules);
  if (!Number.isInteger(epoch) || epoch < 0 || epoch > max) {
    throw new InvalidArgument('epoch', String(epoch), `an integer from 0 to ${max}`);
  }
  return (epoch * rules.epochLengthMs) as TimestampMs;
}

/** The last epoch that ends at or before 2^53−1. */
export function maxEpoch(rules: EpochRules): number {
  return floorDivide(Number.MAX_SAFE_INTEGER, rules.epochLengthMs) - 1;
}

/** Whether a claim that ended (or will end) in endEpoch counts as absent in `epoch`. */
export function isPastRetention(endEpoch: number, epoch: number, rules: EpochRules): boolean {
  return epoch - endEpoch > rules.retentionEpochs;
}

/**
 * Exact for whole numbers 0 ≤ a ≤ 2^53−1 and 1 ≤ b ≤ 2^53, at a fifth of what the remainder (fmod)
 * costs: a quotient that is not whole lies 1/b or more below the next whole number q, and rounding
 * moves it by q × 2^−54 at most, which is less since q × b < a + b < 2^54.
 */
function floorDivide(a: number, b: number): number {
  return Math.floor(a / b);
}

/**
 * The expiry epochs of claims whose times lie close together, as those of a batch do: the last one is
 * kept with the times that it is for. From column to column, since a number over 2^31 that passes
 * between functions may be an object on the heap.
 */
export class ExpiryEpochs {
  readonly #rules: EpochRules;
  /** The last epoch, and its times: after the second, up to the third. */
  readonly #last = new Float64Array([0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);

  constructor(rules: EpochRules) {
    this.#rules = rules;
  }

  /** Stores in `ends` at `to` the expiry epoch of the claim whose time stands in `times` at `from`. */
  store(times: Float64Array, from: number, ends: Float64Array, to: number): void {
    const last = this.#last;
    const t = times[from];
    if (!(t > last[1] && t <= last[2])) this.#find(t as TimestampMs);
    ends[to] = last[0];
  }

  #find(t: TimestampMs): void {
    const { epochLengthMs, validationWindowMs } = this.#rules;
    const epoch = expiryEpoch(t, this.#rules);
    this.#last[0] = epoch;
    this.#last[1] = (epoch - 1) * epochLengthMs - validationWindowMs;
    this.#last[2] = epoch * epochLengthMs - validationWindowMs;
  }
}
