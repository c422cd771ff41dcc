/**
 * Requests: wire bytes → columns of an entry in shared memory, with no object per claim. A field
 * may stand anywhere and repeatedly, the last one counts; a malformed value makes the item
 * INVALID and is told as a number (ItemProblem), of which wire/reasons makes a text.
 */
import type { EntryTable } from '../entries/entry-table.ts';
import { copyId, IdProblem } from './ids.ts';
import {
  contentEnd,
  fieldEnd,
  fieldTag,
  storeInt64,
  tagValue,
  varintEnd,
  viewOf,
  WireType,
} from './protobuf-reader.ts';

/** The fields of an item that can be malformed; the numbers are those of the wire. */
export const ItemField = { CLAIM_ID: 1, PLAYER_ID: 2, TIMESTAMP_MS: 3 } as const;
export type ItemField = (typeof ItemField)[keyof typeof ItemField];

/** What is wrong with a timestamp by itself, whatever the server's time is. */
export const TimestampProblem = { NONE: 0, NEGATIVE: 5, TOO_LARGE: 6 } as const;
export type TimestampProblem = (typeof TimestampProblem)[keyof typeof TimestampProblem];

/** Which field of an item is malformed, and how, in one small integer. */
export type ItemProblem = number & { readonly __unit: 'item-problem' };
export const ITEM_OK = 0 as ItemProblem;

const KIND_BITS = 3;

function itemProblem(field: ItemField, kind: IdProblem | TimestampProblem): ItemProblem {
  return (kind === 0 ? 0 : (field << KIND_BITS) | kind) as ItemProblem;
}
export function problemField(problem: ItemProblem): ItemField {
  return (problem >> KIND_BITS) as ItemField;
}
export function problemKind(problem: ItemProblem): IdProblem | TimestampProblem {
  return (problem & ((1 << KIND_BITS) - 1)) as IdProblem | TimestampProblem;
}

export const ITEM_TAGS: Readonly<Record<ItemField, number>> = {
  [ItemField.CLAIM_ID]: fieldTag(ItemField.CLAIM_ID, WireType.LEN),
  [ItemField.PLAYER_ID]: fieldTag(ItemField.PLAYER_ID, WireType.LEN),
  [ItemField.TIMESTAMP_MS]: fieldTag(ItemField.TIMESTAMP_MS, WireType.VARINT),
};
const CLAIM_ID_TAG = ITEM_TAGS[ItemField.CLAIM_ID];
const PLAYER_ID_TAG = ITEM_TAGS[ItemField.PLAYER_ID];
const TIMESTAMP_TAG = ITEM_TAGS[ItemField.TIMESTAMP_MS];

/** Validates and gets have no field 3: there it is unknown. */
const NO_TAG = 0;

/**
 * Reads items of messages into entries of one table: ids, their lengths and timestampMs. Where a
 * result is not ITEM_OK, these columns of the entry hold nothing of use. Every method throws
 * InvalidArgument where the bytes from start to end are no protobuf message.
 */
export class RequestDecoder {
  readonly #entries: EntryTable;
  readonly #ids: DataView;

  // Where the fields of the item in hand lie, start … end.
  #claimAt = 0;
  #claimEnd = 0;
  #playerAt = 0;
  #playerEnd = 0;

  constructor(entries: EntryTable) {
    this.#entries = entries;
    this.#ids = viewOf(entries.ids);
  }

  /**
   * Reads a SubmitClaimRequest. timestampMs is NaN where absent; otherwise 0 to 2^53 − 1, not
   * compared with any clock.
   */
  submit(message: DataView, start: number, end: number, entry: number): ItemProblem {
    return this.#item(message, start, end, TIMESTAMP_TAG, true, entry);
  }

  /** Reads a ValidateClaimRequest. */
  validate(message: DataView, start: number, end: number, entry: number): ItemProblem {
    return this.#item(message, start, end, NO_TAG, true, entry);
  }

  /**
   * Reads a GetClaimRequest. Where the player is not needed (claim mode), an absent or empty
   * player_id is none: playerLength 0.
   */
  get(message: DataView, start: number, end: number, needsPlayer: boolean, entry: number): ItemProblem {
    return this.#item(message, start, end, NO_TAG, needsPlayer, entry);
  }

  #item(
    message: DataView,
    start: number,
    end: number,
    timestampTag: number,
    needsPlayer: boolean,
    entry: number,
  ): ItemProblem {
    this.#find(message, start, end, timestampTag, entry);
    const entries = this.#entries;
    entries.claimLength[entry] = this.#claimEnd - this.#claimAt;
    entries.playerLength[entry] = this.#playerEnd - this.#playerAt;
    const claimOffset = entries.claimOffset(entry);
    const claim = copyId(message, this.#claimAt, this.#claimEnd, this.#ids, claimOffset);
    if (claim !== IdProblem.NONE) return itemProblem(ItemField.CLAIM_ID, claim);
    if (needsPlayer || this.#playerEnd > this.#playerAt) {
      const playerOffset = entries.playerOffset(entry);
      const player = copyId(message, this.#playerAt, this.#playerEnd, this.#ids, playerOffset);
      if (player !== IdProblem.NONE) return itemProblem(ItemField.PLAYER_ID, player);
    }
    return itemProblem(ItemField.TIMESTAMP_MS, timestampProblem(entries.timestampMs[entry]));
  }

  /** Finds the last value of each known field; the timestamp is stored at once. */
  #find(message: DataView, start: number, end: number, timestampTag: number, entry: number): void {
    const { timestampMs } = this.#entries;
    timestampMs[entry] = Number.NaN;
    this.#claimAt = this.#claimEnd = this.#playerAt = this.#playerEnd = start;
    for (let at = start; at < end; ) {
      const valueAt = varintEnd(message, at, end);
      const tag = tagValue(message, at, valueAt);
      if (tag === CLAIM_ID_TAG) {
        this.#claimAt = varintEnd(message, valueAt, end);
        at = this.#claimEnd = contentEnd(message, valueAt, this.#claimAt, end);
      } else if (tag === PLAYER_ID_TAG) {
        this.#playerAt = varintEnd(message, valueAt, end);
        at = this.#playerEnd = contentEnd(message, valueAt, this.#playerAt, end);
      } else {
        at = fieldEnd(message, tag, valueAt, end);
        if (tag === timestampTag) storeInt64(message, valueAt, at, timestampMs, entry);
      }
    }
  }
}

function timestampProblem(timestampMs: number): TimestampProblem {
  if (timestampMs < 0) return TimestampProblem.NEGATIVE;
  return timestampMs > Number.MAX_SAFE_INTEGER ? TimestampProblem.TOO_LARGE : TimestampProblem.NONE;
}
