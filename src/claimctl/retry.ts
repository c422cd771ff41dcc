/**
 * When to send again: exponential backoff with jitter, and never before the time that the server
 * asks for in google.rpc.RetryInfo.
 */
import type { Metadata } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

const FIRST_DELAY_MS = 100;
const DELAY_MAX_MS = 5_000;
/** A server that asks for more than a minute is not waited for longer than this. */
const HINT_MAX_MS = 60_000;

/**
 * Milliseconds to wait before try `attempt` + 2 (`attempt` counts from 0): between half and all of
 * 100 ms doubled each time up to 5 s, so that clients that failed together do not return together;
 * at least `hintMs` where the server gave one.
 */
export function retryDelayMs(attempt: number, hintMs: number | null, random: () => number): number {
  const fullMs = Math.min(FIRST_DELAY_MS * 2 ** attempt, DELAY_MAX_MS);
  const jitteredMs = Math.round(fullMs * (0.5 + 0.5 * random()));
  return Math.max(jitteredMs, Math.min(hintMs ?? 0, HINT_MAX_MS));
}

/** Where gRPC servers put google.rpc.Status, serialized. */
const DETAILS_KEY = 'grpc-status-details-bin';
const RETRY_INFO_TYPE = 'type.googleapis.com/google.rpc.RetryInfo';

/** The part of google/rpc/status.proto and error_details.proto that is read here. */
const rpc = protobuf.Root.fromJSON({
  nested: {
    Status: { fields: { details: { rule: 'repeated', type: 'Any', id: 3 } } },
    Any: { fields: { type_url: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } },
    RetryInfo: { fields: { retry_delay: { type: 'Duration', id: 1 } } },
    Duration: { fields: { seconds: { type: 'int64', id: 1 }, nanos: { type: 'int32', id: 2 } } },
  },
});

interface Any {
  readonly type_url: string;
  readonly value: Uint8Array;
}

interface Duration {
  readonly seconds: number;
  readonly nanos: number;
}

/** The delay a server asks for, milliseconds; null where it asks for none, or not legibly. */
export function retryInfoMs(metadata: Metadata): number | null {
  for (const bytes of metadata.get(DETAILS_KEY)) {
    const details = typeof bytes === 'string' ? null : decode<{ details: Any[] }>('Status', bytes)?.details;
    const info = details?.find((any) => any.type_url === RETRY_INFO_TYPE);
    const delay = info && decode<{ retry_delay: Duration | null }>('RetryInfo', info.value)?.retry_delay;
    if (delay) return Math.max(0, Math.ceil(delay.seconds * 1_000 + delay.nanos / 1_000_000));
  }
  return null;
}

/** The message, or null where the bytes are none: details only advise, they may come from a proxy. */
function decode<T>(type: string, bytes: Uint8Array): T | null {
  try {
    const message = rpc.lookupType(type).decode(bytes);
    return message.$type.toObject(message, { longs: Number, defaults: true, arrays: true }) as T;
  } catch (error) {
    // What protobufjs throws at malformed wire bytes.
    if (error instanceof Error) return null;
    throw error;
  }
}
