/**
 * A store in memory, as plain as the contract allows: a Map and the rules. Engine tests run on it
 * inline; it can be told to fail, to hold its answers back, to share its registry with the stores of
 * other replicas, and to be ahead or behind.
 */
import type { Clock } from '../../src/clock/clock.ts';
import { ClaimOperation, ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import { epochOf, expiryEpoch, isPastRetention, type TimestampMs } from '../../src/domain/epochs.ts';
import { ClockAhead, EpochOutOfRange, StoreUnavailable } from '../../src/domain/errors.ts';
import { decideAbsent, decidePresent, effectiveStatus, outcomeOf, statusOf } from '../../src/domain/rules.ts';
import type { EntryTable } from '../../src/entries/entry-table.ts';
import type {
  ClaimStore,
  CommitBatch,
  EpochCounts,
  RegistrySettings,
  ScanCursor,
  ScanPage,
  StoredClaim,
} from '../../src/store/store.ts';

type Record_ = { -readonly [K in keyof StoredClaim]: StoredClaim[K] };

/** What replicas have in common. */
class Registry {
  readonly claims = new Map<string, Record_>();
  readonly counts = new Map<number, { submitted: number; validated: number; expired: number; due: number }>();
  epoch = 0;
}

export type StoreCall = 'open' | 'commit' | 'advanceEpoch' | 'epochCounts' | 'scan' | 'reclaim';

export interface MemoryStoreOptions {
  readonly maxClockSkewMs?: number;
  readonly maxBatchItems?: number;
  readonly isShared?: boolean;
  /** Another replica's store, whose registry is this one's too. */
  readonly beside?: MemoryStore;
}

export class MemoryStore implements ClaimStore {
  readonly maxBatchItems: number;
  readonly maxCommitsInFlight = 1;
  readonly isShared: boolean;
  readonly claims: Map<string, Record_>;
  /** Calls so far, failed ones too. */
  readonly calls = { open: 0, commit: 0, advanceEpoch: 0, epochCounts: 0, scan: 0, reclaim: 0 };
  /** Told of each call before it is served; what it throws is what the call rejects with. */
  before: (call: StoreCall) => void = () => undefined;
  /** Batches that were committed, by their sizes. */
  readonly batches: number[] = [];
  readonly #entries: EntryTable;
  readonly #settings: RegistrySettings;
  readonly #clock: Clock;
  readonly #maxClockSkewMs: number;
  readonly #registry: Registry;
  /** The keys of the scan under way: one at a time. */
  #scanned: string[] = [];
  #failing = false;
  #gate: Promise<void> = Promise.resolve();

  constructor(
    entries: EntryTable,
    settings: RegistrySettings,
    clock: Clock,
    options: MemoryStoreOptions = {},
  ) {
    this.#entries = entries;
    this.#settings = settings;
    this.#clock = clock;
    this.#maxClockSkewMs = options.maxClockSkewMs ?? 5_000;
    this.maxBatchItems = options.maxBatchItems ?? 500;
    this.isShared = options.isShared ?? false;
    this.#registry = options.beside === undefined ? new Registry() : options.beside.#registry;
    this.claims = this.#registry.claims;
  }

  /** From now on every call rejects, or no longer does. */
  setFailing(failing: boolean): void {
    this.#failing = failing;
  }

  /** Holds answers back; the returned function lets them go. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }

  async open(): Promise<number> {
    await this.#pass('open');
    return this.#epoch;
  }

  async commit(batch: CommitBatch): Promise<number> {
    await this.#pass('commit');
    this.#raise(batch.epoch);
    for (let i = 0; i < batch.count; i += 1) this.#decide(batch.entries[i]);
    this.batches.push(batch.count);
    return this.#epoch;
  }

  async advanceEpoch(epoch: number): Promise<number> {
    await this.#pass('advanceEpoch');
    this.#raise(epoch);
    return this.#epoch;
  }

  async epochCounts(from: number, to: number): Promise<EpochCounts[]> {
    await this.#pass('epochCounts');
    if (to >= this.#epoch) throw new EpochOutOfRange(`epoch ${to} is not complete`);
    const counts: EpochCounts[] = [];
    for (let epoch = from; epoch <= to; epoch += 1) {
      const { submitted, validated, expired, due } = this.#of(epoch);
      counts.push({
        epoch,
        submitted,
        validated,
        expired: expired + due,
        pending: this.#pendingAfter(epoch),
      });
    }
    return counts;
  }

  async scan(cursor: ScanCursor | null, limit: number): Promise<ScanPage> {
    await this.#pass('scan');
    if (cursor === null) this.#scanned = [...this.claims.keys()];
    const at = Number(cursor ?? 0);
    const page = this.#scanned.slice(at, at + limit).flatMap((key) => {
      const claim = this.claims.get(key);
      const gone = claim === undefined || isPastRetention(claim.endEpoch, this.#epoch, this.#settings);
      return gone ? [] : [{ ...claim }];
    });
    return { claims: page, next: at + limit < this.#scanned.length ? String(at + limit) : null };
  }

  async reclaim(limit: number): Promise<number> {
    await this.#pass('reclaim');
    let freed = 0;
    for (const [key, claim] of this.claims) {
      if (freed === limit) break;
      if (!isPastRetention(claim.endEpoch, this.#epoch, this.#settings)) continue;
      this.claims.delete(key);
      freed += 1;
    }
    return freed;
  }

  async close(): Promise<void> {
    this.#failing = true;
  }

  get #epoch(): number {
    return this.#registry.epoch;
  }
  set #epoch(epoch: number) {
    this.#registry.epoch = epoch;
  }
  get #counts(): Registry['counts'] {
    return this.#registry.counts;
  }

  async #pass(call: StoreCall): Promise<void> {
    this.calls[call] += 1;
    await this.#gate;
    if (this.#failing) throw new StoreUnavailable('the store was told to fail');
    this.before(call);
  }

  #raise(epoch: number): void {
    const limit = epochOf((this.#clock.nowMs() + this.#maxClockSkewMs) as TimestampMs, this.#settings);
    if (epoch > limit && epoch > this.#epoch) throw new ClockAhead(`epoch ${epoch}, allowed ${limit}`);
    this.#epoch = Math.max(this.#epoch, epoch);
  }

  #key(entry: number): string {
    const claimId = this.#entries.claimId(entry);
    return this.#settings.partition === 'claim' ? claimId : `${this.#entries.playerId(entry)}\n${claimId}`;
  }

  #decide(entry: number): void {
    const entries = this.#entries;
    const operation = entries.operation[entry] as ClaimOperation;
    const key = this.#key(entry);
    const found = this.claims.get(key);
    const live = found !== undefined && !isPastRetention(found.endEpoch, this.#epoch, this.#settings);
    const status = live
      ? effectiveStatus(found.status, found.endEpoch, this.#epoch)
      : ClaimStatus.UNSPECIFIED;
    const decision = live
      ? decidePresent(operation, found.playerId === entries.playerId(entry), status)
      : decideAbsent(operation, entries.endEpoch[entry], this.#epoch);
    entries.outcome[entry] = outcomeOf(decision);
    entries.status[entry] = statusOf(decision);
    entries.epoch[entry] = this.#epoch;
    entries.fromStore[entry] = 1;
    if (outcomeOf(decision) === Outcome.ACCEPTED) this.#apply(operation, key, entry, found);
    if (operation === ClaimOperation.EXPIRE && live) found.status = status;
    this.#tell(entry, key);
  }

  #apply(operation: ClaimOperation, key: string, entry: number, found: Record_ | undefined): void {
    const entries = this.#entries;
    if (operation === ClaimOperation.VALIDATE && found !== undefined) {
      this.#of(expiryEpoch(found.timestampMs as TimestampMs, this.#settings)).due -= 1;
      found.status = ClaimStatus.VALIDATED;
      found.endEpoch = this.#epoch;
      this.#of(this.#epoch).validated += 1;
      return;
    }
    const status = entries.status[entry] as ClaimStatus;
    const endEpoch = entries.endEpoch[entry];
    this.claims.set(key, {
      claimId: entries.claimId(entry),
      playerId: entries.playerId(entry),
      timestampMs: entries.timestampMs[entry],
      status,
      endEpoch,
    });
    this.#of(this.#epoch).submitted += 1;
    if (status === ClaimStatus.PENDING) this.#of(endEpoch).due += 1;
    else this.#of(this.#epoch).expired += 1;
  }

  #tell(entry: number, key: string): void {
    const entries = this.#entries;
    const claim = this.claims.get(key);
    const tells = [Outcome.ACCEPTED, Outcome.REPLAYED, Outcome.EXPIRED, Outcome.FOUND] as number[];
    if (claim === undefined || !tells.includes(entries.outcome[entry])) return;
    entries.timestampMs[entry] = claim.timestampMs;
    entries.endEpoch[entry] = claim.endEpoch;
    entries.setPlayerId(entry, claim.playerId);
  }

  #of(epoch: number) {
    const counts = this.#counts.get(epoch) ?? { submitted: 0, validated: 0, expired: 0, due: 0 };
    this.#counts.set(epoch, counts);
    return counts;
  }

  #pendingAfter(epoch: number): number {
    let pending = 0;
    for (const [at, counts] of this.#counts) {
      if (at > epoch) continue;
      pending += counts.submitted - counts.validated - counts.expired - counts.due;
    }
    return pending;
  }
}
