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

/** Exact for whole numbers 0 ≤ a ≤ 2^53−1 and b ≥ 1: the remainder is exact, and so is what is left. */
function floorDivide(a: number, b: number): number {
  return (a - (a % b)) / b;
}
