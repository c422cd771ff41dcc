/** What a soak does, worked out from its options: settings of the server, loads, and when it samples. */
import { CONNECTION_MAX_STREAMS } from '../../src/limits.ts';
import type { LoadSpec } from '../measure/measure.ts';

export interface SoakOptions {
  /** Length of the load, warm-up included. */
  readonly minutes: number;
  /** Claims submitted per second; half of them are validated as well. */
  readonly claimsPerS: number;
  /** Of these, submitted by unary calls; the others in frames of ExchangeClaims. */
  readonly unaryPerS: number;
  /** Where traces and metrics go: nowhere (by default), or to an endpoint at which nobody listens. */
  readonly otlp?: (typeof OTLP_ENDPOINTS)[number];
}

export const OTLP_ENDPOINTS = ['off', 'unreachable'] as const;

/** One load generator. */
export interface SoakLoad {
  readonly name: 'unary calls' | 'frames';
  readonly spec: LoadSpec;
}

export interface SoakPlan extends SoakOptions {
  readonly loads: readonly SoakLoad[];
  readonly serverEnv: Readonly<Record<string, string>>;
  readonly epochMs: number;
  /** At the beginning, without influence on any figure. */
  readonly warmupMs: number;
  /** Heaps are sampled whenever the wall clock is at a multiple of this, plus the offset. */
  readonly sampleEveryMs: number;
  readonly sampleOffsetMs: number;
  /** How long from a sample on calls are set aside, for the sample's collections stop the threads. */
  readonly setAsideMs: number;
  /** How often RSS and Redis are looked at. */
  readonly lookEveryMs: number;
}

const EPOCH_MS = 10_000;
/** The port of the discard service, which nobody runs any more: connections to it are refused. */
const UNREACHABLE = 'http://127.0.0.1:9';
/**
 * Kept so that Redis holds its full number of records within three minutes; with the default of 60
 * epochs that takes twelve, which the heap of claimd would see nothing of.
 */
const RETENTION_EPOCHS = 6;
/** Of the claims half are validated, so long after their submit: 100,000 are live on average (see live). */
const LAG_S = 5;
/** Live without a validate, on average: until the end of the epoch in which the window is over. */
const UNTIL_EXPIRY_S = 15;
const CALLS_PER_CLAIM = 1.5;
const FRAME_ITEMS = 100;
const STREAMS = 4;
/** Calls and frames under way at most: what a second of a stalled store leaves waiting. */
const OUTSTANDING_S = 1;

/** A quarter of a short run, five minutes of a long one: compiling, filling of tables, first retention. */
const WARMUP_SHARE = 1 / 4;
const WARMUP_MAX_MS = 300_000;
const SAMPLES = 120;
/** Each at the middle of an epoch, far from its boundaries. */
const SAMPLE_OFFSET_MS = 5_000;
const SET_ASIDE_MS = 1_000;
/** Points of the charts of what is looked at, and of latencies. */
const LOOKS = 600;
const PERIODS = 120;
const SECOND_MS = 1_000;

export function makePlan(options: SoakOptions): SoakPlan {
  const lengthMs = options.minutes * 60 * SECOND_MS;
  const warmupMs = Math.min(lengthMs * WARMUP_SHARE, WARMUP_MAX_MS);
  const sampleEveryMs = wholeMultiple(lengthMs / SAMPLES, EPOCH_MS);
  const shared = {
    workload: 'mixed',
    warmupS: warmupMs / SECOND_MS,
    seconds: (lengthMs - warmupMs) / SECOND_MS,
    periodMs: periodMs(lengthMs),
    setAsideEveryMs: sampleEveryMs,
    setAsideOffsetMs: SAMPLE_OFFSET_MS,
    setAsideSpanMs: SET_ASIDE_MS,
  } as const;
  return {
    ...options,
    loads: [...unaryLoad(options, shared), ...frameLoad(options, shared)],
    serverEnv: {
      CLAIMS_EPOCH_LENGTH_MS: String(EPOCH_MS),
      CLAIMS_VALIDATION_WINDOW_MS: String(EPOCH_MS),
      CLAIMS_RETENTION_EPOCHS: String(RETENTION_EPOCHS),
      ...(options.otlp === 'unreachable' && { CLAIMS_OTLP_ENDPOINT: UNREACHABLE }),
    },
    epochMs: EPOCH_MS,
    warmupMs,
    sampleEveryMs,
    sampleOffsetMs: SAMPLE_OFFSET_MS,
    setAsideMs: SET_ASIDE_MS,
    lookEveryMs: wholeMultiple(lengthMs / LOOKS, SECOND_MS),
  };
}

/** Latencies by the minute in a run of half an hour or more. */
function periodMs(lengthMs: number): number {
  return Math.min(wholeMultiple(lengthMs / PERIODS, SECOND_MS), 60 * SECOND_MS);
}

/** Claims live on average: half until they are validated, half until they expire. */
export function liveClaims({ claimsPerS }: SoakOptions): number {
  return (claimsPerS / 2) * (LAG_S + UNTIL_EXPIRY_S);
}

/** In words, for a report. */
export function describe(plan: SoakPlan): string {
  const { minutes, claimsPerS, unaryPerS, warmupMs, sampleEveryMs, setAsideMs } = plan;
  return [
    `${claimsPerS} claims/s for ${minutes} minutes on Redis (append-only file, everysec):`,
    `${unaryPerS} by unary calls, ${claimsPerS - unaryPerS} in frames of ${FRAME_ITEMS};`,
    `half validated ${LAG_S} s later, thus about ${liveClaims(plan)} live.`,
    `Settings of claimd by default, but for a retention of ${RETENTION_EPOCHS} epochs, with which Redis is`,
    'full within three minutes.',
    ...(plan.otlp === 'unreachable' ? ['Traces and metrics go to an endpoint at which nobody listens.'] : []),
    `The first ${warmupMs / SECOND_MS} s are warm-up, shown in charts and in no figure.`,
    `Every ${sampleEveryMs / SECOND_MS} s a full collection is forced in each thread and its heap read;`,
    `calls under way within ${setAsideMs} ms of that are set aside, the pauses it makes are not counted.`,
  ].join(' ');
}

function unaryLoad({ unaryPerS }: SoakOptions, shared: LoadSpec): SoakLoad[] {
  if (unaryPerS === 0) return [];
  const rate = unaryPerS * CALLS_PER_CLAIM;
  const outstanding = Math.ceil(rate * OUTSTANDING_S);
  const connections = Math.ceil(outstanding / CONNECTION_MAX_STREAMS);
  const spec = { ...shared, rate, lag: unaryPerS * LAG_S, connections, outstanding };
  return [{ name: 'unary calls', spec }];
}

function frameLoad({ claimsPerS, unaryPerS }: SoakOptions, shared: LoadSpec): SoakLoad[] {
  const framedPerS = claimsPerS - unaryPerS;
  if (framedPerS === 0) return [];
  const rate = framedPerS / FRAME_ITEMS;
  const spec = {
    ...shared,
    stream: true,
    items: FRAME_ITEMS,
    rate,
    lag: framedPerS * LAG_S,
    connections: STREAMS,
    outstanding: Math.ceil(rate * OUTSTANDING_S),
  };
  return [{ name: 'frames', spec }];
}

/** The least multiple of `step` that is no less than a value. */
function wholeMultiple(value: number, step: number): number {
  return Math.max(Math.ceil(value / step), 1) * step;
}
