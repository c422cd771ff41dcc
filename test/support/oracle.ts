/**
 * The oracle of the codec's tests: protobufjs on the project's own proto file. Beside the types as
 * they are there is a twin in which strings are bytes: protobufjs replaces what is no UTF-8 in a
 * string, and cuts one short that runs past its message; in bytes it does neither.
 */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

const PROTO_PATH = new URL('../../proto/claims/v1/claims.proto', import.meta.url);
const PROTO_TEXT = readFileSync(PROTO_PATH, 'utf8');

const asWritten = protobuf.parse(PROTO_TEXT).root;
const withBytes = protobuf.parse(PROTO_TEXT.replace(/\bstring\b/g, 'bytes')).root;

/** A message type of claims.v1 as the proto file has it. */
export function messageType(name: string): protobuf.Type {
  return asWritten.lookupType(`claims.v1.${name}`);
}

/** An item as protobufjs reads it, its strings as bytes. */
export interface OracleItem {
  readonly claimId: Uint8Array;
  readonly playerId: Uint8Array;
  /** Null where absent, or where the type has no timestamp. */
  readonly timestampMs: bigint | null;
}

/** Reads an item request. @throws Error where protobufjs can't read it. */
export function decodeItem(name: string, bytes: Uint8Array): OracleItem {
  return toItem(withBytes.lookupType(`claims.v1.${name}`).decode(bytes));
}

/** Reads a batch request. @throws Error where protobufjs can't read it. */
export function decodeBatch(name: string, bytes: Uint8Array): OracleItem[] {
  return itemsOf(withBytes.lookupType(`claims.v1.${name}`).decode(bytes), 'items');
}

export interface OracleFrame {
  readonly frameId: bigint;
  readonly submits: OracleItem[];
  readonly validates: OracleItem[];
}

/** Reads a frame of ExchangeClaims. @throws Error where protobufjs can't read it. */
export function decodeFrame(bytes: Uint8Array): OracleFrame {
  const frame = withBytes.lookupType('claims.v1.ExchangeClaimsRequest').decode(bytes);
  const frameId = BigInt(String(Reflect.get(frame, 'frameId')));
  return { frameId, submits: itemsOf(frame, 'submits'), validates: itemsOf(frame, 'validates') };
}

function itemsOf(message: protobuf.Message, field: string): OracleItem[] {
  return Array.from(Reflect.get(message, field), toItem);
}

function toItem(message: protobuf.Message): OracleItem {
  // An absent field is no property of the message's own; its prototype has a default for each.
  const isTimed = Object.hasOwn(message, 'timestampMs');
  return {
    claimId: Uint8Array.from(Reflect.get(message, 'claimId')),
    playerId: Uint8Array.from(Reflect.get(message, 'playerId') ?? []),
    timestampMs: isTimed ? BigInt(String(Reflect.get(message, 'timestampMs'))) : null,
  };
}
