/**
 * What a batch decided, kept until its transaction is committed: an entry is written to only when
 * what it says is durable. Columns, made once and used by every batch.
 */

import { type Decision, outcomeOf, statusOf } from '../../domain/rules.ts';
import type { EntryTable } from '../../entries/entry-table.ts';
import type { CommitBatch } from '../store.ts';

export class SqliteDecisions {
  readonly #decision: Int32Array;
  /** 1 where the caller may learn the claim's own values. */
  readonly #told: Uint8Array;
  readonly #timestampMs: Float64Array;
  readonly #endEpoch: Float64Array;
  /** The player of a claim that was asked for without one. */
  readonly #player: (string | undefined)[];

  /** @param capacity items of the largest batch. */
  constructor(capacity: number) {
    this.#decision = new Int32Array(capacity);
    this.#told = new Uint8Array(capacity);
    this.#timestampMs = new Float64Array(capacity);
    this.#endEpoch = new Float64Array(capacity);
    this.#player = new Array(capacity).fill(undefined);
  }

  /** Item `i` is decided, and nothing of its claim is told. */
  set(i: number, decision: Decision): void {
    this.#decision[i] = decision;
    this.#told[i] = 0;
    this.#player[i] = undefined;
  }

  /** Item `i` is decided, and its claim's time and end are told. */
  setTold(i: number, decision: Decision, timestampMs: number, endEpoch: number): void {
    this.set(i, decision);
    this.#told[i] = 1;
    this.#timestampMs[i] = timestampMs;
    this.#endEpoch[i] = endEpoch;
  }

  setPlayer(i: number, playerId: string): void {
    this.#player[i] = playerId;
  }

  /** Writes the batch's entries. */
  publish(batch: CommitBatch, epoch: number, entries: EntryTable): void {
    for (let i = 0; i < batch.count; i += 1) {
      const entry = batch.entries[i];
      const decision = this.#decision[i] as Decision;
      entries.outcome[entry] = outcomeOf(decision);
      entries.status[entry] = statusOf(decision);
      entries.epoch[entry] = epoch;
      entries.fromStore[entry] = 1;
      if (this.#told[i] === 0) continue;
      entries.timestampMs[entry] = this.#timestampMs[i];
      entries.endEpoch[entry] = this.#endEpoch[i];
      const player = this.#player[i];
      if (player !== undefined) entries.setPlayerId(entry, player);
    }
  }
}
