/**
 * What one ingress thread counts of the calls that it serves, in shared memory: written by that
 * thread alone, read by the main one. Counts only grow; recording allocates nothing.
 *
 *   cells, float64 each     how many                        of
 *   call durations          methods × statuses × histogram  streams too, from their begin to their end
 *   phases                  phases × histogram              calls and frames that reached a segment
 *   frame durations         histogram                       frames of ExchangeClaims
 *   items                   operations × outcomes           claims, malformed ones too
 *   sheds                   reasons                         calls refused for want of room
 *   told, dropped           2 × reasons                     traces: made, and kept back by their bound
 *   malformed traceparents  1
 *   p99                     methods                         seconds; NaN while too few calls say
 */
import { ClaimOperation, Outcome } from '../domain/claim.ts';
import { CALL_PHASES, TIMED_METHODS, TRACE_REASONS } from './call-trace.ts';
import { Histogram, LATENCY_BOUNDS_S } from './histogram.ts';

/** gRPC statuses by their codes. */
export const GRPC_STATUSES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/**
 * Why calls are answered RESOURCE_EXHAUSTED: no entry free for the claims in flight, segments that
 * hold as many pending claims as they can, replies that the connection does not read, watchers.
 */
export const SHED_REASONS = ['in_flight', 'table', 'unread', 'watchers'] as const;
export type ShedReason = (typeof SHED_REASONS)[number];

/** Rows and columns of `items`, by their numbers; what no call asks for or ends with stays 0. */
const OPERATIONS = 1 + Math.max(...Object.values(ClaimOperation));
const OUTCOMES = 1 + Math.max(...Object.values(Outcome));

const HISTOGRAM_CELLS = Histogram.cells(LATENCY_BOUNDS_S);
const CELLS =
  (TIMED_METHODS.length * GRPC_STATUSES.length + CALL_PHASES.length + 1) * HISTOGRAM_CELLS +
  OPERATIONS * OUTCOMES +
  SHED_REASONS.length +
  2 * TRACE_REASONS.length +
  1 +
  TIMED_METHODS.length;

export class CallStats {
  /** Bytes of shared memory for one thread's. */
  static readonly byteLength = CELLS * Float64Array.BYTES_PER_ELEMENT;

  /** By phase of CALL_PHASES, seconds. */
  readonly phases: readonly Histogram[];
  /** Of frames of ExchangeClaims, from their arrival until their reply was handed to the transport, seconds. */
  readonly frames: Histogram;
  readonly #durationCells: Float64Array;
  /** By method and status, made where there is something to count: most never occur. */
  readonly #durations: (Histogram | undefined)[] = new Array(TIMED_METHODS.length * GRPC_STATUSES.length);
  readonly #items: Float64Array;
  readonly #sheds: Float64Array;
  readonly #told: Float64Array;
  readonly #dropped: Float64Array;
  readonly #malformed: Float64Array;
  readonly #p99S: Float64Array;

  /** @param thread whose part of the buffer it is, which has byteLength bytes for each. */
  constructor(buffer: SharedArrayBuffer, thread: number) {
    let offset = thread * CallStats.byteLength;
    const take = (cells: number): Float64Array => {
      const view = new Float64Array(buffer, offset, cells);
      offset += view.byteLength;
      return view;
    };
    this.#durationCells = take(TIMED_METHODS.length * GRPC_STATUSES.length * HISTOGRAM_CELLS);
    this.phases = CALL_PHASES.map(() => new Histogram(LATENCY_BOUNDS_S, take(HISTOGRAM_CELLS)));
    this.frames = new Histogram(LATENCY_BOUNDS_S, take(HISTOGRAM_CELLS));
    this.#items = take(OPERATIONS * OUTCOMES);
    this.#sheds = take(SHED_REASONS.length);
    this.#told = take(TRACE_REASONS.length);
    this.#dropped = take(TRACE_REASONS.length);
    this.#malformed = take(1);
    this.#p99S = take(TIMED_METHODS.length);
  }

  /** One for each thread; zero all over, but for the P99, which nobody knows yet. */
  static allocate(threads: number): SharedArrayBuffer {
    const buffer = new SharedArrayBuffer(threads * CallStats.byteLength);
    for (let thread = 0; thread < threads; thread += 1) new CallStats(buffer, thread).#p99S.fill(Number.NaN);
    return buffer;
  }

  /**
   * How long calls of a method took that ended with a status, seconds. A stream is one call, from
   * its begin to its end.
   * @param method by TIMED_METHODS. @param status gRPC code.
   */
  duration(method: number, status: number): Histogram {
    const i = method * GRPC_STATUSES.length + status;
    const known = this.#durations[i];
    if (known !== undefined) return known;
    const cells = this.#durationCells.subarray(i * HISTOGRAM_CELLS, (i + 1) * HISTOGRAM_CELLS);
    const made = new Histogram(LATENCY_BOUNDS_S, cells);
    this.#durations[i] = made;
    return made;
  }

  /** Calls of a method that ended with a status. */
  calls(method: number, status: number): number {
    return this.duration(method, status).count;
  }

  countItem(operation: number, outcome: number): void {
    this.#items[operation * OUTCOMES + outcome] += 1;
  }

  /** Items by ClaimOperation and Outcome. */
  items(operation: number, outcome: number): number {
    return this.#items[operation * OUTCOMES + outcome];
  }

  countShed(reason: ShedReason): void {
    this.#sheds[SHED_REASONS.indexOf(reason)] += 1;
  }

  sheds(reason: ShedReason): number {
    return this.#sheds[SHED_REASONS.indexOf(reason)];
  }

  /** @param reason by TRACE_REASONS. @param told false where the bound kept it back. */
  countTrace(reason: number, told: boolean): void {
    if (told) this.#told[reason] += 1;
    else this.#dropped[reason] += 1;
  }

  /** Traces made, by TRACE_REASONS. */
  tracesTold(reason: number): number {
    return this.#told[reason];
  }

  /** Traces that the bound of their reason kept back. */
  tracesDropped(reason: number): number {
    return this.#dropped[reason];
  }

  countMalformedTraceParent(): void {
    this.#malformed[0] += 1;
  }

  get malformedTraceParents(): number {
    return this.#malformed[0];
  }

  setP99S(method: number, seconds: number): void {
    this.#p99S[method] = seconds;
  }

  /**
   * The rolling P99 that decides which calls of a method are slow, as of its last calls, seconds;
   * NaN while there were too few. Of ExchangeClaims that of frames.
   */
  p99S(method: number): number {
    return this.#p99S[method];
  }
}
