/**
 * The `traceparent` header: whose trace a call belongs to, and whether its caller records it (W3C
 * Trace Context, § 3.2). Read strictly: what does not follow the standard is malformed, and counts
 * as not sent.
 *
 *   00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
 *   └ version  └ trace id, not all 0     └ span id, not all 0 └ flags, bit 0: sampled
 *
 * A later version may go on behind the flags, after a further dash; of it only these are read.
 */
import type { TraceParent } from './call-trace.ts';

export const TRACE_PARENT_HEADER = 'traceparent';

/** What `traceFlags` says of a header that is none. */
export const MALFORMED = -1;

const TRACE_ID_AT = 3;
const SPAN_ID_AT = 36;
const FLAGS_AT = 53;
/** Of version 00 exactly, of later ones at least. */
const LENGTH = 55;
const FORBIDDEN_VERSION = 0xff;
const SAMPLED_FLAG = 1;
const NO_DIGIT = -1;

const DASH = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const LOWER_A = 0x61;
const LOWER_F = 0x66;

/**
 * Checks a header, without making anything.
 * @returns its flags, 0 to 255, or MALFORMED.
 */
export function traceFlags(header: string): number {
  if (header.length < LENGTH) return MALFORMED;
  const version = byteAt(header, 0);
  if (version === MALFORMED || version === FORBIDDEN_VERSION) return MALFORMED;
  if (header.length > LENGTH && (version === 0 || header.charCodeAt(LENGTH) !== DASH)) return MALFORMED;
  for (const dash of [TRACE_ID_AT - 1, SPAN_ID_AT - 1, FLAGS_AT - 1]) {
    if (header.charCodeAt(dash) !== DASH) return MALFORMED;
  }
  if (!isId(header, TRACE_ID_AT, SPAN_ID_AT - 1) || !isId(header, SPAN_ID_AT, FLAGS_AT - 1)) return MALFORMED;
  return byteAt(header, FLAGS_AT);
}

export function isSampled(flags: number): boolean {
  return flags !== MALFORMED && (flags & SAMPLED_FLAG) !== 0;
}

/** The trace that a header names, or undefined where it is malformed. */
export function readTraceParent(header: string): TraceParent | undefined {
  const flags = traceFlags(header);
  if (flags === MALFORMED) return undefined;
  return {
    traceId: header.slice(TRACE_ID_AT, SPAN_ID_AT - 1),
    spanId: header.slice(SPAN_ID_AT, FLAGS_AT - 1),
    sampled: isSampled(flags),
  };
}

/** By which a line of the log is found from its trace, and the trace from the line. */
export interface TraceFields {
  readonly trace_id: string;
  readonly span_id: string;
}

/** The fields of a line about a call, by OpenTelemetry's names; none where its caller told no trace. */
export function traceFields(parent: TraceParent | undefined): TraceFields | undefined {
  return parent && { trace_id: parent.traceId, span_id: parent.spanId };
}

/** Whether there are only digits from `start` to `end`, and one that is not 0. */
function isId(header: string, start: number, end: number): boolean {
  let any = 0;
  for (let at = start; at < end; at += 1) {
    const digit = digitAt(header, at);
    if (digit === NO_DIGIT) return false;
    any |= digit;
  }
  return any !== 0;
}

function byteAt(header: string, at: number): number {
  const high = digitAt(header, at);
  const low = digitAt(header, at + 1);
  return high === NO_DIGIT || low === NO_DIGIT ? MALFORMED : 16 * high + low;
}

/** A hexadecimal digit, which must be lower case. */
function digitAt(header: string, at: number): number {
  const code = header.charCodeAt(at);
  if (code >= ZERO && code <= NINE) return code - ZERO;
  if (code >= LOWER_A && code <= LOWER_F) return code - LOWER_A + 10;
  return NO_DIGIT;
}
