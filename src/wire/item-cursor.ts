/**
 * Walks the items of a batch or frame in place: where each lies, in the order of the wire.
 * Everything else in the message is skipped, but must be well-formed.
 */
import { fieldEnd, fieldTag, tagValue, uint64Value, varintEnd, WireType } from './protobuf-reader.ts';

/** Where items stand in their messages. */
export const BATCH_ITEMS_FIELD = 1;
export const FRAME_ID_FIELD = 1;
export const FRAME_SUBMITS_FIELD = 2;
export const FRAME_VALIDATES_FIELD = 3;

const FRAME_ID_TAG = fieldTag(FRAME_ID_FIELD, WireType.VARINT);
const FRAME_SUBMITS_TAG = fieldTag(FRAME_SUBMITS_FIELD, WireType.LEN);
const FRAME_VALIDATES_TAG = fieldTag(FRAME_VALIDATES_FIELD, WireType.LEN);

const NO_MESSAGE = new DataView(new ArrayBuffer(0));

/** Made once and reset for each message, so that a walk makes nothing. */
export class ItemCursor {
  #message: DataView = NO_MESSAGE;
  #tag = 0;
  #at = 0;
  #start = 0;

  /** Begins before the first item of the repeated field. */
  reset(message: DataView, fieldNumber: number): void {
    this.#message = message;
    this.#tag = fieldTag(fieldNumber, WireType.LEN);
    this.#at = 0;
  }

  /** Moves to the next item, if there is one. @throws InvalidArgument on a malformed message. */
  next(): boolean {
    const message = this.#message;
    const end = message.byteLength;
    while (this.#at < end) {
      const valueAt = varintEnd(message, this.#at, end);
      const tag = tagValue(message, this.#at, valueAt);
      this.#at = fieldEnd(message, tag, valueAt, end);
      if (tag !== this.#tag) continue;
      this.#start = varintEnd(message, valueAt, end);
      return true;
    }
    // A cursor outlives its messages, and must not keep the last one alive.
    this.#message = NO_MESSAGE;
    return false;
  }

  /** Where the item begins, behind its length. */
  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#at;
  }
}

/** How many items a batch has. @throws InvalidArgument on a malformed message. */
export function countItems(message: DataView, fieldNumber: number): number {
  const cursor = new ItemCursor();
  cursor.reset(message, fieldNumber);
  let count = 0;
  while (cursor.next()) count += 1;
  return count;
}

/** What a frame of ExchangeClaims says of itself. */
export interface FrameHead {
  /** 0 to 2^64 − 1: all of them must come back as they were. */
  readonly frameId: bigint;
  readonly submits: number;
  readonly validates: number;
}

/** Reads a frame's id and counts its items. @throws InvalidArgument on a malformed message. */
export function readFrameHead(message: DataView): FrameHead {
  let frameId = 0n;
  let submits = 0;
  let validates = 0;
  for (let at = 0; at < message.byteLength; ) {
    const valueAt = varintEnd(message, at, message.byteLength);
    const tag = tagValue(message, at, valueAt);
    at = fieldEnd(message, tag, valueAt, message.byteLength);
    if (tag === FRAME_SUBMITS_TAG) submits += 1;
    else if (tag === FRAME_VALIDATES_TAG) validates += 1;
    else if (tag === FRAME_ID_TAG) frameId = uint64Value(message, valueAt, at);
  }
  return { frameId, submits, validates };
}
