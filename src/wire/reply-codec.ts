/**
 * Replies: columns of decided entries → wire bytes. A reply is written once, front to back, into
 * a buffer of an upper bound of its size: the sums of its lengths cost less than a second pass
 * or a copy would.
 */
import { assert } from '../domain/assert.ts';
import { Outcome, UnavailableReason } from '../domain/claim.ts';
import { type EpochRules, ExpiryEpochs } from '../domain/epochs.ts';
import { type EntryTable, NO_ENTRY } from '../entries/entry-table.ts';
import {
  BATCH_ITEMS_FIELD,
  FRAME_ID_FIELD,
  FRAME_SUBMITS_FIELD,
  FRAME_VALIDATES_FIELD,
} from './item-cursor.ts';
import { fieldTag, viewOf, WireType } from './protobuf-reader.ts';
import {
  bytesFieldLength,
  varintFieldLength,
  writeBytesField,
  writeLength,
  writeUint64Field,
  writeVarintField,
} from './protobuf-writer.ts';
import { REASON_MAX_BYTES, UNAVAILABLE_REASONS } from './reasons.ts';

/** The items of one call, or of one kind of a frame, in request order. */
export interface ItemResults {
  /** By item: its decided entry, or NO_ENTRY where it was refused as malformed. */
  readonly entries: Int32Array;
  /** How many of `entries`, from 0, are items. */
  readonly count: number;
  /** By item: why it was refused. */
  readonly refusals: ReadonlyMap<number, string>;
  /** The epoch in which malformed items were refused. */
  readonly epoch: number;
}

// Field tags of ClaimResult and Claim.
const RESULT_OUTCOME = fieldTag(1, WireType.VARINT);
const RESULT_STATUS = fieldTag(2, WireType.VARINT);
const RESULT_EPOCH = fieldTag(3, WireType.VARINT);
const RESULT_EXPIRES_AT_EPOCH = fieldTag(4, WireType.VARINT);
const RESULT_CLAIM = fieldTag(5, WireType.LEN);
const RESULT_REASON = fieldTag(6, WireType.LEN);
const CLAIM_ID = fieldTag(1, WireType.LEN);
const CLAIM_PLAYER_ID = fieldTag(2, WireType.LEN);
const CLAIM_TIMESTAMP_MS = fieldTag(3, WireType.VARINT);
const CLAIM_STATUS = fieldTag(4, WireType.VARINT);

/** Where results stand in replies. */
const UNARY_RESULT = fieldTag(1, WireType.LEN);
const BATCH_RESULTS = fieldTag(BATCH_ITEMS_FIELD, WireType.LEN);
const FRAME_ID = fieldTag(FRAME_ID_FIELD, WireType.VARINT);
const FRAME_SUBMITS = fieldTag(FRAME_SUBMITS_FIELD, WireType.LEN);
const FRAME_VALIDATES = fieldTag(FRAME_VALIDATES_FIELD, WireType.LEN);

/** Outcomes that tell the claim to the one who asked: its owner, or a get. */
const TELLS_CLAIM =
  (1 << Outcome.ACCEPTED) | (1 << Outcome.REPLAYED) | (1 << Outcome.EXPIRED) | (1 << Outcome.FOUND);

/**
 * A result at most, ids and reason apart: its own tag and length (3), outcome and status (2 + 2),
 * two epochs (9 + 9), the claim's tag and length (3), those of the ids (2 + 2), timestamp (9),
 * status (2); a reason's tag and length (3) are beside less than that.
 */
const RESULT_FIXED_MAX_BYTES = 43;

/** A frame's id at most: its tag and 10 bytes. */
const FRAME_ID_MAX_BYTES = 11;

const NO_REASON = new DataView(new ArrayBuffer(0));
const UNAVAILABLE_TEXTS: readonly DataView[] = Object.values(UnavailableReason).map((reason) =>
  reason === UnavailableReason.NONE ? NO_REASON : viewOf(Buffer.from(UNAVAILABLE_REASONS[reason])),
);

/** Writes replies about the entries of one table. Integers are exact up to 2^53 − 1. */
export class ReplyEncoder {
  readonly #entries: EntryTable;
  readonly #ids: DataView;
  readonly #expiryEpochs: ExpiryEpochs;
  /** Of the claim in hand. */
  readonly #expiresAtEpoch = new Float64Array(1);

  constructor(entries: EntryTable, rules: EpochRules) {
    this.#entries = entries;
    this.#ids = viewOf(entries.ids);
    this.#expiryEpochs = new ExpiryEpochs(rules);
  }

  /** The reply to a unary call, which has the same shape for all three. */
  unary(entry: number): Buffer {
    const out = Buffer.allocUnsafe(this.#entryBytes(entry));
    return out.subarray(0, this.#writeEntry(viewOf(out), 0, UNARY_RESULT, entry));
  }

  /** The reply to a unary call that is INVALID in the current epoch. */
  unaryRefusal(reason: string, epoch: number): Buffer {
    const out = Buffer.allocUnsafe(refusalBytes(reason));
    return out.subarray(0, writeRefusal(viewOf(out), 0, UNARY_RESULT, reason, epoch));
  }

  /** The reply to a batch. */
  batch(items: ItemResults): Buffer {
    const out = Buffer.allocUnsafe(this.#itemsBytes(items));
    return out.subarray(0, this.#writeItems(viewOf(out), 0, BATCH_RESULTS, items));
  }

  /** A frame of ExchangeClaims; frameId is 0 to 2^64 − 1. */
  frame(frameId: bigint, submits: ItemResults, validates: ItemResults): Buffer {
    const bytes = FRAME_ID_MAX_BYTES + this.#itemsBytes(submits) + this.#itemsBytes(validates);
    const out = Buffer.allocUnsafe(bytes);
    const to = viewOf(out);
    let at = writeUint64Field(to, 0, FRAME_ID, frameId);
    at = this.#writeItems(to, at, FRAME_SUBMITS, submits);
    at = this.#writeItems(to, at, FRAME_VALIDATES, validates);
    return out.subarray(0, at);
  }

  /** An upper bound of what #writeItems writes. */
  #itemsBytes(items: ItemResults): number {
    let bytes = 0;
    for (let i = 0; i < items.count; i += 1) {
      const entry = items.entries[i];
      bytes += entry === NO_ENTRY ? refusalBytes(refusalOf(items, i)) : this.#entryBytes(entry);
    }
    return bytes;
  }

  #writeItems(to: DataView, start: number, tag: number, items: ItemResults): number {
    let at = start;
    for (let i = 0; i < items.count; i += 1) {
      const entry = items.entries[i];
      if (entry === NO_ENTRY) at = writeRefusal(to, at, tag, refusalOf(items, i), items.epoch);
      else at = this.#writeEntry(to, at, tag, entry);
    }
    return at;
  }

  /** An upper bound of what #writeEntry writes. */
  #entryBytes(entry: number): number {
    const entries = this.#entries;
    const outcome = entries.outcome[entry];
    if (outcome === Outcome.UNAVAILABLE) return RESULT_FIXED_MAX_BYTES + REASON_MAX_BYTES;
    return RESULT_FIXED_MAX_BYTES + entries.claimLength[entry] + entries.playerLength[entry];
  }

  /** Writes the result of a decided entry. */
  #writeEntry(to: DataView, at: number, tag: number, entry: number): number {
    const entries = this.#entries;
    const outcome = entries.outcome[entry];
    if (((1 << outcome) & TELLS_CLAIM) !== 0) return this.#writeClaimResult(to, at, tag, entry);
    if (outcome !== Outcome.UNAVAILABLE)
      return writeResult(to, at, tag, outcome, entries.epoch[entry], NO_REASON);
    const reason = entries.reason[entry];
    assert(reason !== UnavailableReason.NONE, 'an UNAVAILABLE entry has a reason');
    return writeResult(to, at, tag, outcome, 0, UNAVAILABLE_TEXTS[reason]);
  }

  #writeClaimResult(to: DataView, start: number, tag: number, entry: number): number {
    const entries = this.#entries;
    const outcome = entries.outcome[entry];
    const status = entries.status[entry];
    const epoch = entries.epoch[entry];
    this.#expiryEpochs.store(entries.timestampMs, entry, this.#expiresAtEpoch, 0);
    const expiresAtEpoch = this.#expiresAtEpoch[0];
    const claimBytes = this.#claimBytes(entry);
    const resultBytes =
      varintFieldLength(outcome) +
      varintFieldLength(status) +
      varintFieldLength(epoch) +
      varintFieldLength(expiresAtEpoch) +
      bytesFieldLength(claimBytes);

    let at = writeLength(to, start, tag, resultBytes);
    at = writeVarintField(to, at, RESULT_OUTCOME, outcome);
    at = writeVarintField(to, at, RESULT_STATUS, status);
    at = writeVarintField(to, at, RESULT_EPOCH, epoch);
    at = writeVarintField(to, at, RESULT_EXPIRES_AT_EPOCH, expiresAtEpoch);
    at = writeLength(to, at, RESULT_CLAIM, claimBytes);
    return this.#writeClaim(to, at, entry);
  }

  /** Exactly what #writeClaim writes. */
  #claimBytes(entry: number): number {
    const entries = this.#entries;
    return (
      bytesFieldLength(entries.claimLength[entry]) +
      bytesFieldLength(entries.playerLength[entry]) +
      varintFieldLength(entries.timestampMs[entry]) +
      varintFieldLength(entries.status[entry])
    );
  }

  /** Writes the fields of a Claim. */
  #writeClaim(to: DataView, start: number, entry: number): number {
    const entries = this.#entries;
    const ids = this.#ids;
    const claimId = entries.claimOffset(entry);
    const playerId = entries.playerOffset(entry);
    let at = writeBytesField(to, start, CLAIM_ID, ids, claimId, entries.claimLength[entry]);
    at = writeBytesField(to, at, CLAIM_PLAYER_ID, ids, playerId, entries.playerLength[entry]);
    at = writeVarintField(to, at, CLAIM_TIMESTAMP_MS, entries.timestampMs[entry]);
    return writeVarintField(to, at, CLAIM_STATUS, entries.status[entry]);
  }
}

function refusalOf(items: ItemResults, item: number): string {
  const reason = items.refusals.get(item);
  assert(reason !== undefined, 'an item without an entry was refused for a reason');
  return reason;
}

/** An upper bound of what writeRefusal writes. */
function refusalBytes(reason: string): number {
  return RESULT_FIXED_MAX_BYTES + Buffer.byteLength(reason);
}

function writeRefusal(to: DataView, at: number, tag: number, reason: string, epoch: number): number {
  return writeResult(to, at, tag, Outcome.INVALID, epoch, viewOf(Buffer.from(reason)));
}

/** Writes a result that does not tell the claim. */
function writeResult(
  to: DataView,
  start: number,
  tag: number,
  outcome: number,
  epoch: number,
  reason: DataView,
): number {
  const reasonBytes = reason.byteLength;
  const resultBytes = varintFieldLength(outcome) + varintFieldLength(epoch) + bytesFieldLength(reasonBytes);
  let at = writeLength(to, start, tag, resultBytes);
  at = writeVarintField(to, at, RESULT_OUTCOME, outcome);
  at = writeVarintField(to, at, RESULT_EPOCH, epoch);
  return writeBytesField(to, at, RESULT_REASON, reason, 0, reasonBytes);
}
