/**
 * Where the columns of the claim table lie in its shared memory. Every segment has a part of its
 * own, written only by whoever holds the segment's lock:
 *
 *   part of one segment, R records, W wheel slots, B = 2R or more index buckets
 *   ┌ header ──────── epoch f64, counters i32 ──────────────────────────────────────────────┐
 *   │ timestampMs f64[R] │ endEpoch f64[R] │ hash u32[R] │ status u8[R] │ lengths u8[R] × 2 │
 *   │ next i32[R+W+2] │ prev i32[R+W+2]        doubly linked lists, sentinels behind records │
 *   │ index i32[B]                             open addressing, linear probing: record + 1   │
 *   │ ids u8[128 R]                            claim id at +0, player id at +64              │
 *   └────────────────────────────────────────────────────────────────────────────────────────┘
 *
 * 167 bytes a record. The memory is reserved at start and touched first where it is first
 * used, so that resident memory follows the claims that are live, and never passes the reserve.
 */
import { ENTRY_ID_BYTES } from '../entries/entry-table.ts';

export interface TableShape {
  readonly segments: number;
  /** Records of one segment. */
  readonly records: number;
  /** Buckets of one segment's index: a power of two, at least twice the records. */
  readonly buckets: number;
  /** Slots of the expiry wheel: a power of two. */
  readonly wheelSlots: number;
}

export const RECORD_ID_BYTES = ENTRY_ID_BYTES;

/** Int32 words of a part's header, after its epoch. */
export const HEADER_WORDS = 8;
const HEADER_BYTES = 8 + HEADER_WORDS * 4;
const CACHE_LINE_BYTES = 64;

/** Claims overdue (to be told to the store) and final claims (oldest first) have a list each. */
const EXTRA_LISTS = 2;

function powerOfTwoFrom(n: number): number {
  return 2 ** Math.ceil(Math.log2(n));
}

/**
 * @param capacity claims in all, rounded up to a power of two and shared evenly by the segments.
 * @param windowEpochs the most epochs between a claim's arrival and its expiry.
 */
export function tableShape(capacity: number, segments: number, windowEpochs: number): TableShape {
  const records = Math.max(1, powerOfTwoFrom(capacity) / segments);
  return { segments, records, buckets: 2 * records, wheelSlots: powerOfTwoFrom(windowEpochs + 2) };
}

/** Nodes of the linked lists: records, then the wheel's sentinels, then the two extra lists'. */
export function listNodes(shape: TableShape): number {
  return shape.records + shape.wheelSlots + EXTRA_LISTS;
}

/** Byte offsets of one segment's columns within its part. */
export interface PartLayout {
  readonly header: number;
  readonly timestampMs: number;
  readonly endEpoch: number;
  readonly hash: number;
  readonly next: number;
  readonly prev: number;
  readonly index: number;
  readonly status: number;
  readonly claimLength: number;
  readonly playerLength: number;
  readonly ids: number;
  readonly byteLength: number;
}

export function partLayout(shape: TableShape): PartLayout {
  let offset = 0;
  // Widest columns first, so that each is aligned.
  const take = (bytes: number): number => {
    const at = offset;
    offset += bytes;
    return at;
  };
  const { records } = shape;
  const nodes = listNodes(shape);
  const layout = {
    header: take(HEADER_BYTES),
    timestampMs: take(records * 8),
    endEpoch: take(records * 8),
    hash: take(records * 4),
    next: take(nodes * 4),
    prev: take(nodes * 4),
    index: take(shape.buckets * 4),
    status: take(records),
    claimLength: take(records),
    playerLength: take(records),
    ids: take(records * RECORD_ID_BYTES),
  };
  // No two segments share a cache line.
  return { ...layout, byteLength: Math.ceil(offset / CACHE_LINE_BYTES) * CACHE_LINE_BYTES };
}

/** Bytes of shared memory for the whole table. */
export function tableBytes(shape: TableShape): number {
  return partLayout(shape).byteLength * shape.segments;
}
