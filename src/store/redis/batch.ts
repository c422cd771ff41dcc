/**
 * A batch as the commit script takes it: per shard, the fields and the items of its claims in
 * MessagePack, which Lua unpacks in one call. What an item carries is in scripts/commit.lua.
 * Bytes are copied from the entries' columns, without a string or an object for any claim.
 */
import { assert } from '../../domain/assert.ts';
import { ClaimOperation, ID_MAX_BYTES } from '../../domain/claim.ts';
import type { EntryTable } from '../../entries/entry-table.ts';
import { copyBytes } from '../../entries/words.ts';
import type { CommitBatch, RegistrySettings } from '../store.ts';
import type { RedisSharding } from './keys.ts';
import { addLongHead, addNumber, addStringHead, NUMBER_BYTES, STRING_HEAD_BYTES } from './pack.ts';
import { FIELD_SEPARATOR } from './values.ts';

/** What one shard is given to decide. */
export interface ShardItems {
  readonly shard: number;
  /** The entries, in the order in which they are decided. */
  readonly entries: Int32Array;
  readonly fields: Buffer;
  readonly items: Buffer;
}

const FIELD_MAX_BYTES = STRING_HEAD_BYTES + 2 * ID_MAX_BYTES + 1;
/** A value: its letter, three bars, two numbers of 16 digits, a player. */
const VALUE_MAX_BYTES = 1 + 3 + 2 * 16 + ID_MAX_BYTES;
/** A submit: operation, expiry epoch, value. */
const ITEM_MAX_BYTES = 1 + NUMBER_BYTES + STRING_HEAD_BYTES + VALUE_MAX_BYTES;

const BAR = '|'.charCodeAt(0);
const LETTER_PENDING = 'P'.charCodeAt(0);
const DIGIT_ZERO = '0'.charCodeAt(0);

export class RedisBatch {
  readonly #entries: EntryTable;
  readonly #isByPlayer: boolean;
  readonly #sharding: RedisSharding;
  /** By shard: how many items it has, then where its next lies in #order. */
  readonly #counts: Int32Array;
  readonly #shards: Uint8Array;
  readonly #fields: Buffer;
  readonly #items: Buffer;
  /** The same bytes, and the entries' ids, as they are copied. */
  readonly #fieldBytes: DataView;
  readonly #itemBytes: DataView;
  readonly #ids: DataView;
  #fieldsEnd = 0;
  #itemsEnd = 0;

  /** @param capacity items of the largest batch. */
  constructor(
    entries: EntryTable,
    settings: RegistrySettings,
    sharding: RedisSharding,
    shards: number,
    capacity: number,
  ) {
    this.#entries = entries;
    this.#isByPlayer = settings.partition === 'player';
    this.#sharding = sharding;
    this.#counts = new Int32Array(shards);
    this.#shards = new Uint8Array(capacity);
    this.#fields = Buffer.alloc(capacity * FIELD_MAX_BYTES);
    this.#items = Buffer.alloc(capacity * ITEM_MAX_BYTES);
    this.#fieldBytes = bytesOf(this.#fields);
    this.#itemBytes = bytesOf(this.#items);
    this.#ids = bytesOf(entries.ids);
  }

  /** The shards that the batch touches, in order, each with its items in the batch's order. */
  encode(batch: CommitBatch): ShardItems[] {
    const sorted = this.#sort(batch);
    this.#fieldsEnd = 0;
    this.#itemsEnd = 0;
    const parts: ShardItems[] = [];
    let first = 0;
    for (let shard = 0; shard < this.#counts.length; shard += 1) {
      const end = this.#counts[shard];
      if (end > first) parts.push(this.#encodeShard(shard, sorted.subarray(first, end)));
      first = end;
    }
    return parts;
  }

  /** The batch's entries, shard after shard; leaves in #counts where each shard's end. */
  #sort(batch: CommitBatch): Int32Array {
    this.#counts.fill(0);
    for (let i = 0; i < batch.count; i += 1) {
      const shard = this.#sharding.shardOf(this.#entries, batch.entries[i]);
      this.#shards[i] = shard;
      this.#counts[shard] += 1;
    }
    let begin = 0;
    for (let shard = 0; shard < this.#counts.length; shard += 1) {
      const count = this.#counts[shard];
      this.#counts[shard] = begin;
      begin += count;
    }
    const sorted = new Int32Array(batch.count);
    for (let i = 0; i < batch.count; i += 1) {
      sorted[this.#counts[this.#shards[i]]++] = batch.entries[i];
    }
    return sorted;
  }

  #encodeShard(shard: number, entries: Int32Array): ShardItems {
    const [fieldsAt, itemsAt] = [this.#fieldsEnd, this.#itemsEnd];
    for (const entry of entries) {
      this.#addField(entry);
      this.#addItem(entry);
    }
    // Copies: the client may still hold what it was given when the next batch is encoded.
    const fields = Buffer.from(this.#fields.subarray(fieldsAt, this.#fieldsEnd));
    const items = Buffer.from(this.#items.subarray(itemsAt, this.#itemsEnd));
    return { shard, entries, fields, items };
  }

  #addField(entry: number): void {
    const { claimLength, playerLength } = this.#entries;
    const claimBytes = claimLength[entry];
    const playerBytes = this.#isByPlayer ? playerLength[entry] + 1 : 0;
    let end = addStringHead(this.#fields, this.#fieldsEnd, playerBytes + claimBytes);
    if (this.#isByPlayer) {
      copyBytes(this.#ids, this.#entries.playerOffset(entry), this.#fieldBytes, end, playerBytes - 1);
      end += playerBytes;
      this.#fields[end - 1] = FIELD_SEPARATOR;
    }
    copyBytes(this.#ids, this.#entries.claimOffset(entry), this.#fieldBytes, end, claimBytes);
    this.#fieldsEnd = end + claimBytes;
  }

  #addItem(entry: number): void {
    const operation = this.#entries.operation[entry];
    assert(operation >= ClaimOperation.SUBMIT && operation <= ClaimOperation.EXPIRE, 'unknown operation');
    this.#items[this.#itemsEnd++] = operation;
    if (operation === ClaimOperation.SUBMIT) this.#addNewClaim(entry);
    if (operation === ClaimOperation.VALIDATE) {
      const bytes = this.#entries.playerLength[entry];
      this.#addPlayer(entry, addStringHead(this.#items, this.#itemsEnd, bytes));
    }
  }

  #addNewClaim(entry: number): void {
    const endEpoch = this.#entries.endEpoch[entry];
    const at = addNumber(this.#items, this.#itemsEnd, endEpoch);
    // The value's length is known when it is written: its head is left room for.
    const value = at + STRING_HEAD_BYTES;
    this.#items[value] = LETTER_PENDING;
    this.#items[value + 1] = BAR;
    let end = addDecimal(this.#items, value + 2, this.#entries.timestampMs[entry]);
    this.#items[end++] = BAR;
    end = addDecimal(this.#items, end, endEpoch);
    this.#items[end++] = BAR;
    this.#addPlayer(entry, end);
    addLongHead(this.#items, at, this.#itemsEnd - value);
  }

  #addPlayer(entry: number, at: number): void {
    const bytes = this.#entries.playerLength[entry];
    copyBytes(this.#ids, this.#entries.playerOffset(entry), this.#itemBytes, at, bytes);
    this.#itemsEnd = at + bytes;
  }
}

function bytesOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Writes a whole number from 0 to 2^53 − 1 as digits; returns the place after them. */
function addDecimal(to: Buffer, at: number, value: number): number {
  const end = at + digits(value);
  let place = end;
  let rest = value;
  // Above 2^31 a division is one of doubles: few of those, of nine digits each.
  while (rest >= 1e9) {
    const upper = Math.floor(rest / 1e9);
    place = addDigits(to, place, rest - upper * 1e9, 9);
    rest = upper;
  }
  addDigits(to, place, rest, place - at);
  return end;
}

/** Writes `count` digits that end before `end`; returns where they begin. */
function addDigits(to: Buffer, end: number, value: number, count: number): number {
  let rest = value | 0;
  let place = end;
  for (let i = 0; i < count; i += 1) {
    const upper = (rest / 10) | 0;
    place -= 1;
    to[place] = DIGIT_ZERO + (rest - upper * 10);
    rest = upper;
  }
  return place;
}

function digits(value: number): number {
  let count = 1;
  for (let limit = 10; value >= limit; limit *= 10) count += 1;
  return count;
}
