/**
 * The few bytes of protobuf that the load generator and the echo server write, and the outcomes
 * they read back. Requests are prebuilt and only their claim number is written anew, so that a
 * call costs the generator next to nothing. Field numbers: proto/claims/v1/claims.proto.
 */

import { assert } from '../../src/domain/assert.ts';
import { ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import { SKEWED_CLAIMS_MAX, skewedNumbers } from './skewed-numbers.ts';

/** Length of a gRPC message's prefix: not compressed (0), then 4 bytes of length, big endian. */
export const GRPC_PREFIX_BYTES = 5;

/** Decimal digits of a claim number: 10^10 claims from one run. */
const NUMBER_DIGITS = 10;
/**
 * Times this, modulo 10^10, numbers keep apart (it shares no factor with 10) and lie in no order, as
 * random ids would; exact up to 14 million.
 */
const SCATTER = 618_033_989;
/** A timestamp as a varint: 6 × 7 bits reach the year 2109, so its place in a template is fixed. */
const TIMESTAMP_BYTES = 6;

const WIRE_VARINT = 0;
const WIRE_LENGTH_DELIMITED = 2;

export function varintField(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8 + WIRE_VARINT), varint(value)]);
}

export function bytesField(field: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(field * 8 + WIRE_LENGTH_DELIMITED), varint(bytes.length), bytes]);
}

/** A whole number from 0 to 2^53−1 as a varint. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** Puts a gRPC prefix before a message. */
export function grpcMessage(message: Buffer): Buffer {
  const prefix = Buffer.alloc(GRPC_PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The id of a run's claim: claims of one run differ by their number, of fixed width. */
export function claimId(run: string, claimNumber: number): string {
  return `${run}-${String(claimNumber).padStart(NUMBER_DIGITS, '0')}`;
}

/** The player of all claims of a run. */
export function playerId(run: string): string {
  return `player-${run.slice(-6)}`;
}

/** One item of a request (SubmitClaimRequest, ValidateClaimRequest or GetClaimRequest). */
export class ItemTemplate {
  readonly bytes: Buffer;
  readonly #numberAt: number;
  /** Where the timestamp stands; −1 in an item without one. */
  readonly #timestampAt: number;
  readonly #scattered: boolean;
  /** By number: the one that its id bears, where claims are skewed. */
  readonly #skewed: Uint32Array | undefined;

  /**
   * @param scattered whether ids of consecutive numbers lie in no order.
   * @param skewed whether nine of ten claims lie in the first half of the segments.
   */
  constructor(run: string, timestamped: boolean, scattered = false, skewed = false) {
    this.#scattered = scattered;
    this.#skewed = skewed ? skewedNumbersOf(run) : undefined;
    const claim = bytesField(1, claimId(run, 0));
    const player = bytesField(2, playerId(run));
    const timestamp = timestamped ? varintField(3, 2 ** (7 * (TIMESTAMP_BYTES - 1))) : Buffer.alloc(0);
    this.bytes = Buffer.concat([claim, player, timestamp]);
    this.#numberAt = claim.length - NUMBER_DIGITS;
    this.#timestampAt = timestamped ? this.bytes.length - TIMESTAMP_BYTES : -1;
  }

  /** Sets the timestamp of the items written from now on, where they have one. */
  setTimestamp(timestampMs: number): void {
    if (this.#timestampAt < 0) return;
    const bytes = varint(timestampMs);
    assert(bytes.length === TIMESTAMP_BYTES, `${timestampMs} ms is no time of this century`);
    this.bytes.set(bytes, this.#timestampAt);
  }

  /** Writes the item for one claim into target at an offset. */
  write(target: Buffer, at: number, claimNumber: number): void {
    this.bytes.copy(target, at);
    writeNumber(target, at + this.#numberAt, this.#written(claimNumber));
  }

  /** The number that the claim's id bears. */
  #written(claimNumber: number): number {
    if (this.#scattered) return (claimNumber * SCATTER) % 10 ** NUMBER_DIGITS;
    if (this.#skewed === undefined) return claimNumber;
    assert(claimNumber < this.#skewed.length, `claim ${claimNumber} is beyond those that are skewed`);
    return this.#skewed[claimNumber];
  }
}

/** Writes digits from the last place of a number on; those before it are zeros. */
function writeNumber(target: Buffer, at: number, value: number): void {
  let rest = value;
  for (let digit = at + NUMBER_DIGITS - 1; rest > 0; digit--) {
    target[digit] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

function skewedNumbersOf(run: string): Uint32Array {
  const id = Buffer.from(claimId(run, 0));
  const numberAt = id.length - NUMBER_DIGITS;
  return skewedNumbers(SKEWED_CLAIMS_MAX, (claimNumber) => {
    id.fill(48, numberAt);
    writeNumber(id, numberAt, claimNumber);
    return id;
  });
}

/** A gRPC message of one item, or of a list of items in a field, rewritten for every call. */
export class RequestTemplate {
  /** With its gRPC prefix; valid until the next call of `fill`. */
  readonly message: Buffer;
  readonly items: number;
  readonly #item: ItemTemplate;
  readonly #firstAt: number;
  readonly #stride: number;

  private constructor(item: ItemTemplate, message: Buffer, items: number, firstAt: number, stride: number) {
    this.#item = item;
    this.message = message;
    this.items = items;
    this.#firstAt = firstAt;
    this.#stride = stride;
  }

  /** A unary request: the item is the message. */
  static single(item: ItemTemplate): RequestTemplate {
    return new RequestTemplate(item, grpcMessage(item.bytes), 1, GRPC_PREFIX_BYTES, item.bytes.length);
  }

  /** A message of `items` items in repeated field `field`, after the bytes of `head`. */
  static list(item: ItemTemplate, items: number, field: number, head: Buffer): RequestTemplate {
    const one = bytesField(field, item.bytes);
    const message = grpcMessage(Buffer.concat([head, ...Array<Buffer>(items).fill(one)]));
    const firstAt = GRPC_PREFIX_BYTES + head.length + one.length - item.bytes.length;
    return new RequestTemplate(item, message, items, firstAt, one.length);
  }

  /** Makes it the request for claims `firstNumber`, `firstNumber + 1`, … */
  fill(firstNumber: number): Buffer {
    for (let item = 0; item < this.items; item++) {
      this.#item.write(this.message, this.#firstAt + item * this.#stride, firstNumber + item);
    }
    return this.message;
  }
}

/** A ClaimResult of the size claimd answers an accepted submit with. */
export function sampleResult(): Buffer {
  const claim = Buffer.concat([
    bytesField(1, claimId('load-lx3k9q7a-12345', 0)),
    bytesField(2, playerId('load-lx3k9q7a-12345')),
    varintField(3, 1_700_000_000_000),
    varintField(4, ClaimStatus.PENDING),
  ]);
  return Buffer.concat([
    varintField(1, Outcome.ACCEPTED),
    varintField(2, ClaimStatus.PENDING),
    varintField(3, 170_000_000),
    varintField(4, 170_000_001),
    bytesField(5, claim),
  ]);
}

/**
 * Counts the outcomes of a reply's results into `counts` (by Outcome number). Results are the
 * length-delimited fields `firstField` and above of the message in `bytes` from `start` to `end`:
 * field 1 of unary and batch replies, 2 and 3 of a frame's.
 */
export function countOutcomes(
  bytes: Buffer,
  start: number,
  end: number,
  firstField: number,
  counts: Float64Array,
): void {
  let at = start;
  while (at < end) {
    const field = bytes[at] >> 3;
    if ((bytes[at] & 7) === WIRE_VARINT) {
      at = varintEnd(bytes, at + 1);
      continue;
    }
    const bodyAt = varintEnd(bytes, at + 1);
    const length = varintValue(bytes, at + 1);
    if (field >= firstField) counts[resultOutcome(bytes, bodyAt, length)]++;
    at = bodyAt + length;
  }
}

/** The frame id of an ExchangeClaimsResponse: its first field; 0 where it has none. */
export function readFrameId(bytes: Buffer, start: number, end: number): number {
  return start < end && bytes[start] === 8 ? varintValue(bytes, start + 1) : 0;
}

/** The outcome of a ClaimResult: its first field, as every protobuf writer has it. */
function resultOutcome(bytes: Buffer, at: number, length: number): number {
  const outcome = length >= 2 && bytes[at] === 8 ? bytes[at + 1] : Outcome.UNSPECIFIED;
  return outcome <= Outcome.FOUND ? outcome : Outcome.UNSPECIFIED;
}

function varintEnd(bytes: Buffer, at: number): number {
  let end = at;
  while (bytes[end] >= 128) end++;
  return end + 1;
}

function varintValue(bytes: Buffer, at: number): number {
  let value = 0;
  for (let i = at, scale = 1; ; i++, scale *= 128) {
    value += (bytes[i] & 127) * scale;
    if (bytes[i] < 128) return value;
  }
}
