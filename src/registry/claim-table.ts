/**
 * One segment's part of the claim table: a bounded cache of facts, by open addressing over
 * preallocated columns. Pending claims are never dropped; final ones go, oldest first, when room
 * is needed. Expiry is found by epoch, from a timing wheel, never by looking at every claim.
 *
 * Only the holder of the segment's lock may call anything here, but for what tells of the part as a
 * whole (epoch, counts): that anybody may read, and has a moment's value.
 */
import { assert } from '../domain/assert.ts';
import { ClaimStatus, type PartitionMode } from '../domain/claim.ts';
import { ENTRY_ID_BYTES, type EntryTable } from '../entries/entry-table.ts';
import { RecordLists } from './record-lists.ts';
import { HEADER_WORDS, listNodes, partLayout, RECORD_ID_BYTES, type TableShape } from './table-layout.ts';

/** No record: not found, or no room. */
export const NO_RECORD = -1;

/** Words of the header. */
const USED = 0; // records that were ever in use: those behind it are untouched memory
const FREE = 1; // head of the free list, record + 1; linked by `next`
const LIVE = 2; // records in use
const PENDING = 3; // of these, pending ones
const RESERVED = 4; // records promised to claims that are on their way to the store
const VALIDATED = 5; // of those in use, validated ones

/** Of a segment's records one in so many is kept for new claims, whatever is learned of others. */
const KEPT_FOR_NEW_CLAIMS = 8;

const PLAYER_OFFSET = ENTRY_ID_BYTES / 2;

export class ClaimTable {
  readonly capacity: number;
  readonly timestampMs: Float64Array;
  readonly endEpoch: Float64Array;
  readonly status: Uint8Array;
  readonly #epoch: Float64Array;
  readonly #header: Int32Array;
  readonly #hash: Uint32Array;
  readonly #next: Int32Array;
  readonly #index: Int32Array;
  readonly #bucketMask: number;
  readonly #claimLength: Uint8Array;
  readonly #playerLength: Uint8Array;
  readonly #ids: Uint8Array;
  readonly #lists: RecordLists;
  readonly #byPlayer: boolean;
  readonly #wheel: number;
  readonly #wheelSlots: number;
  readonly #overdue: number;
  readonly #finals: number;
  readonly #nodes: number;

  /** A view of segment `segment`'s part; call `reset` once before first use, from one thread. */
  constructor(buffer: SharedArrayBuffer, shape: TableShape, segment: number, mode: PartitionMode) {
    const layout = partLayout(shape);
    const base = segment * layout.byteLength;
    const { records } = shape;
    const nodes = listNodes(shape);
    this.capacity = records;
    this.#epoch = new Float64Array(buffer, base + layout.header, 1);
    this.#header = new Int32Array(buffer, base + layout.header + 8, HEADER_WORDS);
    this.timestampMs = new Float64Array(buffer, base + layout.timestampMs, records);
    this.endEpoch = new Float64Array(buffer, base + layout.endEpoch, records);
    this.status = new Uint8Array(buffer, base + layout.status, records);
    this.#hash = new Uint32Array(buffer, base + layout.hash, records);
    this.#next = new Int32Array(buffer, base + layout.next, nodes);
    this.#index = new Int32Array(buffer, base + layout.index, shape.buckets);
    this.#bucketMask = shape.buckets - 1;
    this.#claimLength = new Uint8Array(buffer, base + layout.claimLength, records);
    this.#playerLength = new Uint8Array(buffer, base + layout.playerLength, records);
    this.#ids = new Uint8Array(buffer, base + layout.ids, records * RECORD_ID_BYTES);
    this.#lists = new RecordLists(this.#next, new Int32Array(buffer, base + layout.prev, nodes));
    this.#byPlayer = mode === 'player';
    this.#nodes = nodes;
    this.#wheel = records;
    this.#wheelSlots = shape.wheelSlots;
    this.#overdue = records + shape.wheelSlots;
    this.#finals = this.#overdue + 1;
  }

  /** Empties the part and sets its epoch; `reserved` records stay promised to claims in flight. */
  reset(epoch: number, reserved: number): void {
    this.#header.fill(0);
    this.#header[RESERVED] = reserved;
    this.#epoch[0] = epoch;
    this.#index.fill(0);
    for (let list = this.#wheel; list < this.#nodes; list += 1) this.#lists.init(list);
  }

  get epoch(): number {
    return this.#epoch[0];
  }
  get liveCount(): number {
    return this.#header[LIVE];
  }
  get pendingCount(): number {
    return this.#header[PENDING];
  }
  get validatedCount(): number {
    return this.#header[VALIDATED];
  }
  get reservedCount(): number {
    return this.#header[RESERVED];
  }

  /** Promises a record to a new claim; false where every record is pending or promised. */
  reserve(): boolean {
    if (this.#header[PENDING] + this.#header[RESERVED] >= this.capacity) return false;
    this.#header[RESERVED] += 1;
    return true;
  }

  /** Whether a pending claim that no record was promised to may have one: new claims keep their share. */
  hasRoomToSpare(): boolean {
    const kept = Math.ceil(this.capacity / KEPT_FOR_NEW_CLAIMS);
    return this.#header[PENDING] + this.#header[RESERVED] < this.capacity - kept;
  }

  unreserve(): void {
    this.#header[RESERVED] -= 1;
    assert(this.#header[RESERVED] >= 0, 'a record was unreserved twice');
  }

  /** The record of the entry's identity, or NO_RECORD. Allocates nothing. */
  find(entries: EntryTable, entry: number): number {
    const hash = entries.hash[entry];
    let bucket = hash & this.#bucketMask;
    for (;;) {
      const record = this.#index[bucket] - 1;
      if (record === NO_RECORD) return NO_RECORD;
      if (this.#hash[record] === hash && this.#isIdentity(record, entries, entry)) return record;
      bucket = (bucket + 1) & this.#bucketMask;
    }
  }

  /** Whether the record is of the entry's player. */
  isPlayer(record: number, entries: EntryTable, entry: number): boolean {
    return (
      this.#playerLength[record] === entries.playerLength[entry] &&
      this.#sameBytes(
        record * RECORD_ID_BYTES + PLAYER_OFFSET,
        entries.ids,
        entries.playerOffset(entry),
        entries.playerLength[entry],
      )
    );
  }

  /**
   * Adds a claim that is not there, making room by dropping the oldest final one.
   * @returns the record, or NO_RECORD where all records are pending.
   */
  insert(entries: EntryTable, entry: number, status: ClaimStatus): number {
    const record = this.#allocate();
    if (record === NO_RECORD) return NO_RECORD;
    const hash = entries.hash[entry];
    this.#hash[record] = hash;
    copyBytes(
      this.#ids,
      record * RECORD_ID_BYTES,
      entries.ids,
      entries.claimOffset(entry),
      entries.claimLength[entry],
    );
    this.#claimLength[record] = entries.claimLength[entry];
    this.#lists.init(record);
    this.#header[LIVE] += 1;
    this.status[record] = ClaimStatus.PENDING;
    this.#countStatus(record, 1);
    let bucket = hash & this.#bucketMask;
    while (this.#index[bucket] !== 0) bucket = (bucket + 1) & this.#bucketMask;
    this.#index[bucket] = record + 1;
    this.overwrite(record, entries, entry, status);
    return record;
  }

  /** Gives a record the entry's player, times and status: a new life of its id, or its first. */
  overwrite(record: number, entries: EntryTable, entry: number, status: ClaimStatus): void {
    const length = entries.playerLength[entry];
    const at = record * RECORD_ID_BYTES + PLAYER_OFFSET;
    copyBytes(this.#ids, at, entries.ids, entries.playerOffset(entry), length);
    this.#playerLength[record] = length;
    this.timestampMs[record] = entries.timestampMs[entry];
    this.setStatus(record, status, entries.endEpoch[entry]);
  }

  /** Moves the record to the list of its status and end. */
  setStatus(record: number, status: ClaimStatus, endEpoch: number): void {
    this.#countStatus(record, -1);
    this.status[record] = status;
    this.#countStatus(record, 1);
    this.endEpoch[record] = endEpoch;
    this.#lists.remove(record);
    if (status === ClaimStatus.PENDING) this.#schedule(record);
    else this.#lists.append(this.#finals, record);
  }

  /** Forgets a record: backward-shift deletion, which leaves no tombstones. */
  remove(record: number): void {
    this.#removeFromIndex(record);
    this.#lists.remove(record);
    this.#header[LIVE] -= 1;
    this.#countStatus(record, -1);
    this.#next[record] = this.#header[FREE] - 1;
    this.#header[FREE] = record + 1;
  }

  /** The oldest final record, or NO_RECORD. */
  oldestFinal(): number {
    return this.#lists.isEmpty(this.#finals) ? NO_RECORD : this.#lists.first(this.#finals);
  }

  /** Moves the epoch on: what falls due is moved to the overdue list, a slot at a time. */
  advance(epoch: number): void {
    const from = this.#epoch[0];
    if (epoch <= from) return;
    this.#epoch[0] = epoch;
    const slots = Math.min(epoch - from, this.#wheelSlots);
    for (let i = 1; i <= slots; i += 1) {
      this.#lists.appendAll(this.#overdue, this.#wheel + this.#slotOf(from + i));
    }
  }

  /**
   * Takes one overdue record off its list; it stays pending until the store has said what became
   * of it (setStatus, or postpone). NO_RECORD where nothing is overdue.
   */
  takeOverdue(): number {
    while (!this.#lists.isEmpty(this.#overdue)) {
      const record = this.#lists.first(this.#overdue);
      this.#lists.remove(record);
      if (this.endEpoch[record] <= this.#epoch[0]) return record;
      // It shared a slot with an epoch a whole turn of the wheel earlier.
      this.#schedule(record);
    }
    return NO_RECORD;
  }

  /** Whether the record is pending, though its expiry epoch has come. */
  isOverdue(record: number): boolean {
    return this.status[record] === ClaimStatus.PENDING && this.endEpoch[record] <= this.#epoch[0];
  }

  /** Puts a pending record back on the list of its expiry. */
  postpone(record: number): void {
    this.#lists.remove(record);
    this.#schedule(record);
  }

  /** Writes the record's claim id and hash into an entry. */
  copyIdentity(record: number, entries: EntryTable, entry: number): void {
    const length = this.#claimLength[record];
    copyBytes(entries.ids, entries.claimOffset(entry), this.#ids, record * RECORD_ID_BYTES, length);
    entries.claimLength[entry] = length;
    entries.hash[entry] = this.#hash[record];
  }

  /** Writes the record's player and times into an entry. */
  copyClaim(record: number, entries: EntryTable, entry: number): void {
    const length = this.#playerLength[record];
    const from = record * RECORD_ID_BYTES + PLAYER_OFFSET;
    copyBytes(entries.ids, entries.playerOffset(entry), this.#ids, from, length);
    entries.playerLength[entry] = length;
    entries.timestampMs[entry] = this.timestampMs[record];
    entries.endEpoch[entry] = this.endEpoch[record];
  }

  #isIdentity(record: number, entries: EntryTable, entry: number): boolean {
    if (this.#claimLength[record] !== entries.claimLength[entry]) return false;
    if (this.#byPlayer && !this.isPlayer(record, entries, entry)) return false;
    const claimAt = entries.claimOffset(entry);
    return this.#sameBytes(record * RECORD_ID_BYTES, entries.ids, claimAt, entries.claimLength[entry]);
  }

  #sameBytes(at: number, other: Uint8Array, otherAt: number, length: number): boolean {
    for (let i = 0; i < length; i += 1) {
      if (this.#ids[at + i] !== other[otherAt + i]) return false;
    }
    return true;
  }

  #allocate(): number {
    if (this.#header[FREE] === 0 && this.#header[USED] === this.capacity) {
      const oldest = this.oldestFinal();
      if (oldest === NO_RECORD) return NO_RECORD;
      this.remove(oldest);
    }
    const free = this.#header[FREE] - 1;
    if (free !== NO_RECORD) {
      this.#header[FREE] = this.#next[free] + 1;
      return free;
    }
    this.#header[USED] += 1;
    return this.#header[USED] - 1;
  }

  #countStatus(record: number, by: number): void {
    const status = this.status[record];
    if (status === ClaimStatus.PENDING) this.#header[PENDING] += by;
    else if (status === ClaimStatus.VALIDATED) this.#header[VALIDATED] += by;
  }

  #schedule(record: number): void {
    const end = this.endEpoch[record];
    const list = end <= this.#epoch[0] ? this.#overdue : this.#wheel + this.#slotOf(end);
    this.#lists.append(list, record);
  }

  #slotOf(epoch: number): number {
    return epoch % this.#wheelSlots;
  }

  #removeFromIndex(record: number): void {
    let hole = this.#hash[record] & this.#bucketMask;
    while (this.#index[hole] !== record + 1) hole = (hole + 1) & this.#bucketMask;
    let bucket = hole;
    for (;;) {
      bucket = (bucket + 1) & this.#bucketMask;
      const other = this.#index[bucket];
      if (other === 0) break;
      const home = this.#hash[other - 1] & this.#bucketMask;
      // `other` may fill the hole unless its home lies behind the hole, on the way to its bucket.
      if (((bucket - home) & this.#bucketMask) >= ((bucket - hole) & this.#bucketMask)) {
        this.#index[hole] = other;
        hole = bucket;
      }
    }
    this.#index[hole] = 0;
  }
}

/** Byte by byte: for so few, faster than a call of `set` or `copy`. */
function copyBytes(to: Uint8Array, toAt: number, from: Uint8Array, fromAt: number, length: number): void {
  for (let i = 0; i < length; i += 1) to[toAt + i] = from[fromAt + i];
}
