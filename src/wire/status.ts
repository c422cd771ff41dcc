/**
 * The only mapping of errors to gRPC statuses. Outcomes speak of claims and travel in replies;
 * a status speaks of the call.
 */
import { Metadata, type ServerErrorResponse, status } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { AssertionFailure } from '../domain/assert.ts';
import {
  ClockAhead,
  EpochOutOfRange,
  InvalidArgument,
  ResourceExhausted,
  StoreUnavailable,
} from '../domain/errors.ts';
import { RETRY_AFTER_MS } from '../limits.ts';
import type { Logger } from '../telemetry/log.ts';
import { readTraceParent, traceFields } from '../telemetry/trace-parent.ts';
import { type GrpcCall, traceHeader } from './timed-call.ts';

/** Where gRPC clients look for google.rpc.Status, serialized. */
const DETAILS_KEY = 'grpc-status-details-bin';
const RETRY_INFO_TYPE = 'type.googleapis.com/google.rpc.RetryInfo';

const WIRE_VARINT = 0;
const WIRE_LENGTH_DELIMITED = 2;

/** What is read of a call only where an error of it is logged. */
type CallWithMetadata = Pick<GrpcCall, 'metadata'>;
/** Is told of an error that no table foresees. */
export type Unexpected = (error: unknown, call?: CallWithMetadata) => void;

/**
 * The status of a call that ended with `error`. One that no table foresees is a fault of ours: it
 * is told to `unexpected`, and the caller gets INTERNAL, which says no more.
 * @param call of which it is told; nothing of it is read before.
 */
export function toStatus(
  error: unknown,
  unexpected: Unexpected,
  call?: CallWithMetadata,
): Partial<ServerErrorResponse> {
  if (error instanceof ResourceExhausted) return resourceExhausted(error.message);
  if (error instanceof InvalidArgument) return { code: status.INVALID_ARGUMENT, details: error.message };
  if (error instanceof EpochOutOfRange) return { code: status.OUT_OF_RANGE, details: error.message };
  if (error instanceof StoreUnavailable || error instanceof ClockAhead) {
    return { code: status.UNAVAILABLE, details: error.message };
  }
  // The program contradicts itself: going on could break a promise.
  if (error instanceof AssertionFailure) throw error;
  unexpected(error, call);
  return { code: status.INTERNAL, details: 'internal error' };
}

/** Tells the log of errors that no table foresees, with the trace that the call's caller told. */
export function logUnexpected(log: Logger): Unexpected {
  return (error, call) => {
    const header = call && traceHeader(call);
    const parent = header === undefined ? undefined : readTraceParent(header);
    log.error({ err: error, ...traceFields(parent) }, 'a call ended with an unexpected error');
  };
}

/** Not admitted: starting, or draining. */
export function notServing(reason: string): { code: status; details: string } {
  return { code: status.UNAVAILABLE, details: reason };
}

/** Refused before any work was done; RetryInfo says when to come again. */
export function resourceExhausted(message: string): Partial<ServerErrorResponse> {
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, retryDetails(status.RESOURCE_EXHAUSTED, message, RETRY_AFTER_MS));
  return { code: status.RESOURCE_EXHAUSTED, details: message, metadata };
}

/** google.rpc.Status {code, message, details: [Any(RetryInfo {retry_delay})]}. */
export function retryDetails(code: number, message: string, retryAfterMs: number): Buffer {
  const duration = protobuf.Writer.create()
    .uint32(tag(1, WIRE_VARINT))
    .int64(Math.floor(retryAfterMs / 1000))
    .uint32(tag(2, WIRE_VARINT))
    .int32((retryAfterMs % 1000) * 1_000_000)
    .finish();
  const retryInfo = protobuf.Writer.create().uint32(tag(1, WIRE_LENGTH_DELIMITED)).bytes(duration).finish();
  const any = protobuf.Writer.create()
    .uint32(tag(1, WIRE_LENGTH_DELIMITED))
    .string(RETRY_INFO_TYPE)
    .uint32(tag(2, WIRE_LENGTH_DELIMITED))
    .bytes(retryInfo)
    .finish();
  const bytes = protobuf.Writer.create()
    .uint32(tag(1, WIRE_VARINT))
    .int32(code)
    .uint32(tag(2, WIRE_LENGTH_DELIMITED))
    .string(message)
    .uint32(tag(3, WIRE_LENGTH_DELIMITED))
    .bytes(any)
    .finish();
  return Buffer.from(bytes);
}

function tag(field: number, wireType: number): number {
  return (field << 3) | wireType;
}
