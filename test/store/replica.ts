/**
 * A store as the contract suite speaks to it: requests and results in words. Epochs and times are
 * counted from the epoch that the store's own clock was in when the test began, so that the suite
 * runs on stores whose clock can't be set.
 */
import assert from 'node:assert/strict';
import { ClaimOperation, ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import { expiryEpoch, type TimestampMs } from '../../src/domain/epochs.ts';
import type { EntryTable } from '../../src/entries/entry-table.ts';
import type { ClaimStore, EpochCounts, RegistrySettings } from '../../src/store/store.ts';
import { fill, read } from '../support/entries.ts';

type Word<T extends object> = keyof T & string;

export interface Item {
  readonly operation: Word<typeof ClaimOperation>;
  readonly claim: string;
  readonly player: string;
  /** Of a submit: its timestamp, milliseconds after the test's first epoch began. */
  readonly at?: number;
}

export interface Result {
  readonly outcome: string;
  readonly status: string;
  /** The epoch it was decided in. */
  readonly epoch: number;
  readonly player: string;
  /** As the entry has them afterwards; undefined where a validate or get was told nothing. */
  readonly at: number | undefined;
  readonly endEpoch: number | undefined;
}

/** A claim as a scan found it. */
export interface Scanned {
  readonly claim: string;
  readonly player: string;
  readonly at: number;
  readonly status: string;
  readonly endEpoch: number;
}

/** In the entry of a request that has no time: shows whether the store wrote one. */
const UNTOLD = -1;

function wordOf(words: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(words).find((word) => words[word] === value) ?? `unknown: ${value}`;
}

export const submit = (claim: string, player: string, at = 0): Item => ({
  operation: 'SUBMIT',
  claim,
  player,
  at,
});
export const validate = (claim: string, player: string): Item => ({ operation: 'VALIDATE', claim, player });
export const get = (claim: string, player = ''): Item => ({ operation: 'GET', claim, player });
export const expire = (claim: string, player: string): Item => ({ operation: 'EXPIRE', claim, player });

export class Replica {
  readonly store: ClaimStore;
  readonly #entries: EntryTable;
  readonly #settings: RegistrySettings;
  readonly baseEpoch: number;
  #nextEntry = 0;

  constructor(store: ClaimStore, entries: EntryTable, settings: RegistrySettings, baseEpoch: number) {
    this.store = store;
    this.#entries = entries;
    this.#settings = settings;
    this.baseEpoch = baseEpoch;
  }

  /** How many entries a store has written to. */
  get written(): number {
    return this.#entries.fromStore.reduce((sum, fromStore) => sum + fromStore, 0);
  }

  /** Where times are counted from, milliseconds since the Unix epoch. */
  get baseMs(): number {
    return this.baseEpoch * this.#settings.epochLengthMs;
  }

  /** The epoch in which a claim of that time expires. */
  expiry(at: number): number {
    return expiryEpoch((this.baseMs + at) as TimestampMs, this.#settings) - this.baseEpoch;
  }

  /** Opens the store; returns the registry's highest epoch: far below zero for a new one. */
  async open(): Promise<number> {
    return (await this.store.open()) - this.baseEpoch;
  }

  /** Commits the items as one batch. Calls may overlap while their items fit the entries. */
  async commit(epoch: number, items: readonly Item[]): Promise<Result[]> {
    const entries = Int32Array.from(items, (item) => this.#fill(item));
    const decidedIn = await this.store.commit({
      entries,
      count: items.length,
      epoch: this.baseEpoch + epoch,
    });
    return Array.from(entries, (entry) => this.#read(entry, decidedIn));
  }

  async one(epoch: number, item: Item): Promise<Result> {
    const [result] = await this.commit(epoch, [item]);
    return result;
  }

  async advance(epoch: number): Promise<number> {
    return (await this.store.advanceEpoch(this.baseEpoch + epoch)) - this.baseEpoch;
  }

  async counts(from: number, to: number): Promise<EpochCounts[]> {
    const counts = await this.store.epochCounts(this.baseEpoch + from, this.baseEpoch + to);
    return counts.map((c) => ({ ...c, epoch: c.epoch - this.baseEpoch }));
  }

  /** Scans to the end; `between` runs after each page. A claim found twice is returned once. */
  async scan(limit = 100, between: () => Promise<unknown> = async () => undefined): Promise<Scanned[]> {
    const found = new Map<string, Scanned>();
    let cursor: string | null = null;
    do {
      const page = await this.store.scan(cursor, limit);
      for (const claim of page.claims) {
        found.set(`${claim.claimId}\n${claim.playerId}`, {
          claim: claim.claimId,
          player: claim.playerId,
          at: claim.timestampMs - this.baseMs,
          status: wordOf(ClaimStatus, claim.status),
          endEpoch: claim.endEpoch - this.baseEpoch,
        });
      }
      cursor = page.next;
      await between();
    } while (cursor !== null);
    return [...found.values()].sort((a, b) =>
      `${a.claim}\n${a.player}` < `${b.claim}\n${b.player}` ? -1 : 1,
    );
  }

  #fill(item: Item): number {
    const entry = this.#nextEntry;
    this.#nextEntry = (this.#nextEntry + 1) % this.#entries.capacity;
    const { at } = item;
    fill(this.#entries, entry, {
      operation: ClaimOperation[item.operation],
      claimId: item.claim,
      playerId: item.player,
      timestampMs: at === undefined ? UNTOLD : this.baseMs + at,
      expiresAtEpoch: at === undefined ? UNTOLD : this.baseEpoch + this.expiry(at),
    });
    return entry;
  }

  #read(entry: number, decidedIn: number): Result {
    const { outcome, status, epoch, fromStore, playerId, timestampMs, endEpoch } = read(this.#entries, entry);
    assert.equal(fromStore, 1, 'the entry says that the store decided');
    assert.equal(epoch, decidedIn, 'every item is decided in the epoch that the commit returns');
    return {
      outcome: wordOf(Outcome, outcome),
      status: wordOf(ClaimStatus, status),
      epoch: epoch - this.baseEpoch,
      player: playerId,
      at: timestampMs === UNTOLD ? undefined : timestampMs - this.baseMs,
      endEpoch: endEpoch === UNTOLD ? undefined : endEpoch - this.baseEpoch,
    };
  }
}
