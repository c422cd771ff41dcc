/**
 * Entries: one per claim in flight, in shared memory. An entry is allocated by the thread that
 * received the claim, passed by number from queue to queue (ingress → segment → committer →
 * ingress → segment), and read and written by whoever holds it; nothing is copied on the way.
 *
 *   column            type      bytes  written by
 *   next              int32         4  whoever links it into a queue or chain
 *   hash              uint32        4  ingress: of the claim's identity, finds the table slot
 *   segment           uint16        2  ingress
 *   operation         uint8         1  ingress: ClaimOperation
 *   step              uint8         1  ingress, coordinator: EntryStep, what a segment is to do
 *   holder            uint8         1  HOLDER_NONE, or the worker that has it in hand (+1)
 *   claimLength       uint8         1  ingress
 *   playerLength      uint8         1  ingress; the store, for a get that found its claim
 *   outcome, status   uint8     1 + 1  whoever decides: segment or store
 *   reason            uint8         1  UnavailableReason
 *   fromStore         uint8         1  1 where the store decided, so the table is to learn it
 *   reserved          uint8         1  1 where a table record is reserved for a new claim
 *   timestampMs       float64       8  ingress; the store, where the claim was there before
 *   endEpoch          float64       8  likewise: expiry epoch while pending, else when it ended
 *   epoch             float64       8  whoever decides: the epoch of the decision
 *   marks             float64 × 8  64  where the claim has been when: see EntryMark
 *   ids               uint8       128  claim id at +0, player id at +64
 *                                 ---
 *                                 236
 */
import { ID_MAX_BYTES } from '../domain/claim.ts';

/** What a segment is to do with an entry it takes from its queue. */
export const EntryStep = { REQUEST: 0, LEARN: 1, EXPIRE_NEXT: 2, ADVANCE: 3, RETURNED: 4 } as const;
export type EntryStep = (typeof EntryStep)[keyof typeof EntryStep];

/**
 * What is noted of an entry on its way, so that it can be told afterwards why its call took so long.
 * The marks of one entry lie side by side, in one cache line. Times are microseconds of
 * Clock.monotonicUs, NaN where the claim did not come by.
 *
 *   RECEIVED       its call, or its frame, came; written by the ingress
 *   DISPATCHED     decoded with all of its message, and sent on its way; the ingress
 *   TAKEN          a server took the run of its segment that it is in
 *   DECIDED        that run was served: it goes home, or to the committer
 *   COMMIT_BEGUN   the commit that it is in was given to the store; the committer
 *   COMMIT_ENDED   the store confirmed that commit, or failed it; the committer
 *   COMMIT_SIZE    items of that commit; 0 where it was failed without one
 *   STOLEN         1 where its run was served by a worker that is not its segment's home
 */
export const EntryMark = {
  RECEIVED: 0,
  DISPATCHED: 1,
  TAKEN: 2,
  DECIDED: 3,
  COMMIT_BEGUN: 4,
  COMMIT_ENDED: 5,
  COMMIT_SIZE: 6,
  STOLEN: 7,
} as const;
export type EntryMark = (typeof EntryMark)[keyof typeof EntryMark];
const MARKS_PER_ENTRY = 8;

/** No entry: the end of a queue or chain. */
export const NO_ENTRY = -1;
export const HOLDER_NONE = 0;

/** Claim id and player id, side by side. */
export const ENTRY_ID_BYTES = 2 * ID_MAX_BYTES;
const BYTES_PER_ENTRY = 4 + 4 + 2 + 10 + 3 * 8 + MARKS_PER_ENTRY * 8 + ENTRY_ID_BYTES;

export class EntryTable {
  readonly capacity: number;
  /** The shared memory itself, to hand to another thread. */
  readonly buffer: SharedArrayBuffer;
  readonly marks: Float64Array;
  readonly timestampMs: Float64Array;
  readonly endEpoch: Float64Array;
  readonly epoch: Float64Array;
  readonly next: Int32Array;
  readonly hash: Uint32Array;
  readonly segment: Uint16Array;
  readonly operation: Uint8Array;
  readonly step: Uint8Array;
  readonly holder: Uint8Array;
  readonly claimLength: Uint8Array;
  readonly playerLength: Uint8Array;
  readonly outcome: Uint8Array;
  readonly status: Uint8Array;
  readonly reason: Uint8Array;
  readonly fromStore: Uint8Array;
  readonly reserved: Uint8Array;
  /** The ids of every entry as one Buffer: byte e × ENTRY_ID_BYTES begins entry e's claim id. */
  readonly ids: Buffer;

  /** Bytes of shared memory for so many entries. */
  static byteLength(capacity: number): number {
    return capacity * BYTES_PER_ENTRY;
  }

  static allocate(capacity: number): EntryTable {
    return new EntryTable(new SharedArrayBuffer(EntryTable.byteLength(capacity)));
  }

  constructor(buffer: SharedArrayBuffer) {
    const capacity = buffer.byteLength / BYTES_PER_ENTRY;
    this.capacity = capacity;
    this.buffer = buffer;
    let offset = 0;
    const take = (bytesEach: number): number => {
      const at = offset;
      offset += capacity * bytesEach;
      return at;
    };
    // Widest first, so that every column is aligned whatever the capacity.
    this.marks = new Float64Array(buffer, take(MARKS_PER_ENTRY * 8), MARKS_PER_ENTRY * capacity);
    this.timestampMs = new Float64Array(buffer, take(8), capacity);
    this.endEpoch = new Float64Array(buffer, take(8), capacity);
    this.epoch = new Float64Array(buffer, take(8), capacity);
    this.next = new Int32Array(buffer, take(4), capacity);
    this.hash = new Uint32Array(buffer, take(4), capacity);
    this.segment = new Uint16Array(buffer, take(2), capacity);
    this.operation = new Uint8Array(buffer, take(1), capacity);
    this.step = new Uint8Array(buffer, take(1), capacity);
    this.holder = new Uint8Array(buffer, take(1), capacity);
    this.claimLength = new Uint8Array(buffer, take(1), capacity);
    this.playerLength = new Uint8Array(buffer, take(1), capacity);
    this.outcome = new Uint8Array(buffer, take(1), capacity);
    this.status = new Uint8Array(buffer, take(1), capacity);
    this.reason = new Uint8Array(buffer, take(1), capacity);
    this.fromStore = new Uint8Array(buffer, take(1), capacity);
    this.reserved = new Uint8Array(buffer, take(1), capacity);
    this.ids = Buffer.from(buffer, take(ENTRY_ID_BYTES), capacity * ENTRY_ID_BYTES);
  }

  /** Its call came, and it is sent on its way: what is marked of it from now on is of this way. */
  markDispatched(entry: number, receivedUs: number, dispatchedUs: number): void {
    this.mark(entry, EntryMark.RECEIVED, receivedUs);
    this.mark(entry, EntryMark.DISPATCHED, dispatchedUs);
    this.mark(entry, EntryMark.TAKEN, Number.NaN);
    this.mark(entry, EntryMark.DECIDED, Number.NaN);
    this.mark(entry, EntryMark.COMMIT_BEGUN, Number.NaN);
    this.mark(entry, EntryMark.COMMIT_ENDED, Number.NaN);
    this.mark(entry, EntryMark.COMMIT_SIZE, 0);
    this.mark(entry, EntryMark.STOLEN, 0);
  }

  mark(entry: number, mark: EntryMark, value: number): void {
    this.marks[entry * MARKS_PER_ENTRY + mark] = value;
  }

  markOf(entry: number, mark: EntryMark): number {
    return this.marks[entry * MARKS_PER_ENTRY + mark];
  }

  claimOffset(entry: number): number {
    return entry * ENTRY_ID_BYTES;
  }

  playerOffset(entry: number): number {
    return entry * ENTRY_ID_BYTES + ID_MAX_BYTES;
  }

  /** The claim id as text; for stores, logs and tests, not for the path of a table answer. */
  claimId(entry: number): string {
    const at = this.claimOffset(entry);
    return this.ids.toString('utf8', at, at + this.claimLength[entry]);
  }

  playerId(entry: number): string {
    const at = this.playerOffset(entry);
    return this.ids.toString('utf8', at, at + this.playerLength[entry]);
  }

  /** Writes an id that is known to be valid (1 to 64 bytes of UTF-8). */
  setClaimId(entry: number, id: string): void {
    this.claimLength[entry] = this.ids.write(id, this.claimOffset(entry), ID_MAX_BYTES, 'utf8');
  }

  setPlayerId(entry: number, id: string): void {
    this.playerLength[entry] = this.ids.write(id, this.playerOffset(entry), ID_MAX_BYTES, 'utf8');
  }
}
