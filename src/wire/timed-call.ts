/** A call whose time is taken, and what is asked of it when it ends. */
import { type ServerUnaryCall, status } from '@grpc/grpc-js';
import { EntryMark } from '../entries/entry-table.ts';
import { TIMED_METHODS, type TimedMethod } from '../telemetry/call-trace.ts';
import { TRACE_PARENT_HEADER } from '../telemetry/trace-parent.ts';

/** A call, a stream, or a frame of one. */
export interface TimedCall {
  /** By TIMED_METHODS. */
  readonly method: number;
  readonly call: GrpcCall;
  /** When its handler began, or the frame arrived: microseconds of Clock.monotonicUs. */
  readonly beganUs: number;
  /** Claims that it has; 0 where it was refused before they were counted. */
  readonly items: number;
}

/** What is asked of a call of grpc-js, of whatever kind. */
export type GrpcCall = Pick<ServerUnaryCall<Buffer, Buffer>, 'metadata' | 'cancelled' | 'getDeadline'>;

/** By phase, what ends it; the last one, `reply`, ends with the call. */
export const PHASE_ENDS: readonly EntryMark[] = [
  EntryMark.DISPATCHED,
  EntryMark.TAKEN,
  EntryMark.DECIDED,
  EntryMark.COMMIT_BEGUN,
  EntryMark.COMMIT_ENDED,
];

/**
 * Statuses that say that the server did not do what it is there for, as OpenTelemetry has them for
 * servers, and RESOURCE_EXHAUSTED: who sheds calls is asked why. Others are the client's affair.
 */
const FAILURES =
  (1 << status.UNKNOWN) |
  (1 << status.DEADLINE_EXCEEDED) |
  (1 << status.RESOURCE_EXHAUSTED) |
  (1 << status.UNIMPLEMENTED) |
  (1 << status.INTERNAL) |
  (1 << status.UNAVAILABLE) |
  (1 << status.DATA_LOSS);

export function isFailure(code: number): boolean {
  return ((1 << code) & FAILURES) !== 0;
}

export function methodNumber(method: TimedMethod): number {
  return TIMED_METHODS.indexOf(method);
}

/** How a call ended: as it was answered, unless its client had gone by then, or its time was over. */
export function endOf(call: GrpcCall, code: number, nowMs: number): number {
  if (!call.cancelled) return code;
  return Number(call.getDeadline()) <= nowMs ? status.DEADLINE_EXCEEDED : status.CANCELLED;
}

/** What the caller says of its trace; undefined where it says nothing. Said twice it is malformed. */
export function traceHeader({ metadata }: Pick<GrpcCall, 'metadata'>): string | undefined {
  const values = metadata.get(TRACE_PARENT_HEADER);
  if (values.length === 0) return undefined;
  return values.length === 1 ? String(values[0]) : '';
}
