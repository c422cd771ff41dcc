/** What is kept of one call to be told as a trace: plain values, so that threads can hand it on. */

/** The calls that are timed, by the number that stands for each. A frame of a stream is timed like a call. */
export const TIMED_METHODS = [
  'SubmitClaim',
  'ValidateClaim',
  'GetClaim',
  'BatchSubmitClaims',
  'BatchValidateClaims',
  'ExchangeClaims',
  'GetEpoch',
  'WatchEpochs',
] as const;
export type TimedMethod = (typeof TIMED_METHODS)[number];

/** The phases of a call, in their order. A call that its segment settled has neither commit nor store. */
export const CALL_PHASES = ['decode', 'queue', 'segment', 'commit', 'store', 'reply'] as const;
export type CallPhase = (typeof CALL_PHASES)[number];

/** Why a call is told. */
export const TRACE_REASONS = ['slow', 'failed', 'sampled'] as const;
export type TraceReason = (typeof TRACE_REASONS)[number];

export interface CallTrace {
  readonly method: TimedMethod;
  readonly reason: TraceReason;
  /** When it began, microseconds of Clock.monotonicUs. */
  readonly beganUs: number;
  /** When each phase ended, likewise, by CALL_PHASES; NaN for one that did not take place. */
  readonly phaseEndsUs: readonly number[];
  /** gRPC status code. */
  readonly status: number;
  /** Of the claim that came last, by its name; undefined where the call was refused whole. */
  readonly outcome: string | undefined;
  /** Claims of the call. */
  readonly items: number;
  /** Of the claim that came last: its segment, the epoch it was decided in, whether its run was stolen. */
  readonly segment: number | undefined;
  readonly epoch: number | undefined;
  readonly stolen: boolean;
  /** Items of the commit that decided it; 0 where none did. */
  readonly batchSize: number;
  /** The caller's trace, where it sent one: W3C trace context. */
  readonly parent: TraceParent | undefined;
  /** Told only where the operator has asked for ids (CLAIMS_TRACE_IDS). */
  readonly claimId: string | undefined;
  readonly playerId: string | undefined;
}

export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly sampled: boolean;
}
