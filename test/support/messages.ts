/**
 * The messages of claims.v1.ClaimService as tests see them, and the ways from and to those that
 * proto-loader reads and writes.
 */
import { join } from 'node:path';
import type { MethodDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { REPOSITORY } from './program.ts';

export const SERVICE_NAME = 'claims.v1.ClaimService';

export type Outcome =
  | 'UNSPECIFIED'
  | 'ACCEPTED'
  | 'REPLAYED'
  | 'TAKEN'
  | 'EXPIRED'
  | 'NOT_FOUND'
  | 'INVALID'
  | 'UNAVAILABLE'
  | 'FOUND';
export type Status = 'UNSPECIFIED' | 'PENDING' | 'VALIDATED' | 'EXPIRED';

/** A claim as a client names it; validate has no use for the timestamp. */
export interface Item {
  readonly claimId: string;
  readonly playerId: string;
  readonly timestampMs?: number | bigint;
}

export interface Result {
  readonly outcome: Outcome;
  readonly status: Status;
  readonly epoch: number;
  readonly expiresAtEpoch: number;
  readonly claim: { claimId: string; playerId: string; timestampMs: number; status: Status } | undefined;
  readonly reason: string;
}

export interface Frame {
  readonly frameId: bigint;
  readonly submits?: readonly Item[];
  readonly validates?: readonly Item[];
}

export interface FrameReply {
  readonly frameId: bigint;
  readonly submits: readonly Result[];
  readonly validates: readonly Result[];
}

export interface EpochSummary {
  readonly epoch: number;
  readonly startMs: number;
  readonly durationUs: number;
  readonly submitted: number;
  readonly validated: number;
  readonly expired: number;
  readonly pending: number;
}

/** Messages as proto-loader gives them: int64 as decimal strings, enums by name. */
interface WireClaim {
  claimId: string;
  playerId: string;
  timestampMs: string;
  status: string;
}
export interface WireResult {
  outcome: string;
  status: string;
  epoch: string;
  expiresAtEpoch: string;
  claim: WireClaim | null;
  reason: string;
}
export interface WireFrame {
  frameId: string;
  submits: WireResult[];
  validates: WireResult[];
}
export type WireSummary = Record<keyof EpochSummary, string>;

const METHODS = methodsOf(join(REPOSITORY, 'proto/claims/v1/claims.proto'));

/** The bytes of a request, for `raw…` calls. */
export function encoded(name: string, request: object): Buffer {
  return method(name).requestSerialize(request);
}

/** The service's methods by name, with proto-loader's serializers. */
function methodsOf(file: string): ReadonlyMap<string, MethodDefinition<object, object>> {
  const loaded = loadSync(file, { longs: String, enums: String, defaults: true });
  const service = loaded[SERVICE_NAME];
  if (service === undefined || 'format' in service) throw new Error(`${file} has no ${SERVICE_NAME}`);
  return new Map(Object.entries(service));
}

export function method(name: string): MethodDefinition<object, object> {
  const found = METHODS.get(name);
  if (found === undefined) throw new Error(`no method ${name}`);
  return found;
}

/** The path of any name, so that a method that does not exist can be called. */
export function methodPath(name: string): string {
  return `/${SERVICE_NAME}/${name}`;
}

/** proto-loader knows its replies' shapes at run time only; claims.proto says what they are. */
export function decoder<Reply>(deserialize: (bytes: Buffer) => object): (bytes: Buffer) => Reply {
  return deserialize as unknown as (bytes: Buffer) => Reply;
}

export function wireItem(item: Item): object {
  const { claimId, playerId, timestampMs } = item;
  return timestampMs === undefined
    ? { claimId, playerId }
    : { claimId, playerId, timestampMs: `${timestampMs}` };
}

export function result(wire: WireResult): Result {
  return {
    outcome: wire.outcome.replace('OUTCOME_', '') as Outcome,
    status: status(wire.status),
    epoch: Number(wire.epoch),
    expiresAtEpoch: Number(wire.expiresAtEpoch),
    claim: wire.claim === null ? undefined : claim(wire.claim),
    reason: wire.reason,
  };
}

function claim(wire: WireClaim): NonNullable<Result['claim']> {
  const { claimId, playerId } = wire;
  return { claimId, playerId, timestampMs: Number(wire.timestampMs), status: status(wire.status) };
}

function status(name: string): Status {
  return name.replace('CLAIM_STATUS_', '') as Status;
}

export function frameReply(wire: WireFrame): FrameReply {
  return {
    frameId: BigInt(wire.frameId),
    submits: wire.submits.map(result),
    validates: wire.validates.map(result),
  };
}

export function summary(wire: WireSummary): EpochSummary {
  const { epoch, startMs, durationUs, submitted, validated, expired, pending } = wire;
  return {
    epoch: Number(epoch),
    startMs: Number(startMs),
    durationUs: Number(durationUs),
    submitted: Number(submitted),
    validated: Number(validated),
    expired: Number(expired),
    pending: Number(pending),
  };
}
