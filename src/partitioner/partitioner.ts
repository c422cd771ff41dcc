/**
 * Which segment a claim belongs to. Segments are virtual and fixed in number, so that they stay
 * what they are when the number of workers changes; pool/segment-map gives them homes.
 */
import { assert } from '../domain/assert.ts';
import type { PartitionMode } from '../domain/claim.ts';
import type { EntryTable } from '../entries/entry-table.ts';
import { hashBytes } from './hash.ts';

export class StatePartitioner {
  readonly segments: number;
  readonly mode: PartitionMode;
  readonly #shift: number;

  /** @param segments a power of two from 1 to 65,536. */
  constructor(segments: number, mode: PartitionMode) {
    const isInRange = segments >= 1 && segments <= 65_536;
    assert(isInRange && Number.isInteger(Math.log2(segments)), `segments: ${segments}`);
    this.segments = segments;
    this.mode = mode;
    this.#shift = 32 - Math.log2(segments);
  }

  /** The segment of an unsigned 32-bit hash: its high bits. */
  segmentOf(hash: number): number {
    // A shift by 32 is a shift by 0 in JavaScript, so a single segment is a case of its own.
    return this.segments === 1 ? 0 : hash >>> this.#shift;
  }

  /** Sets the entry's hash and segment from its ids. */
  assign(entries: EntryTable, entry: number): void {
    const claimAt = entries.claimOffset(entry);
    const claimEnd = claimAt + entries.claimLength[entry];
    if (this.mode === 'claim') {
      const hash = hashBytes(entries.ids, claimAt, claimEnd);
      entries.hash[entry] = hash;
      entries.segment[entry] = this.segmentOf(hash);
      return;
    }
    const playerAt = entries.playerOffset(entry);
    const playerHash = hashBytes(entries.ids, playerAt, playerAt + entries.playerLength[entry]);
    // The claim's hash is seeded with the player's, so that a player's claims spread in the table.
    entries.hash[entry] = hashBytes(entries.ids, claimAt, claimEnd, playerHash);
    entries.segment[entry] = this.segmentOf(playerHash);
  }
}
