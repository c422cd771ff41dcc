/** A registry in a Redis server, opened in this process, and new claims to put into it. */
import { systemClock } from '../../src/clock/clock.ts';
import { ClaimOperation, Outcome } from '../../src/domain/claim.ts';
import { type EpochRules, epochOf, expiryEpoch, timestampMs } from '../../src/domain/epochs.ts';
import { EntryTable } from '../../src/entries/entry-table.ts';
import { REDIS_BATCH_MAX_ITEMS } from '../../src/limits.ts';
import { StatePartitioner } from '../../src/partitioner/partitioner.ts';
import type { RedisStoreOptions } from '../../src/store/redis/options.ts';
import { RedisStore } from '../../src/store/redis/redis-store.ts';

/** Nothing expires while it is measured. */
export const RULES: EpochRules = {
  epochLengthMs: 10_000,
  validationWindowMs: 3_600_000,
  retentionEpochs: 60,
};
/** As Redis is mostly run with an append-only file. */
export const EVERYSEC = { args: ['--appendfsync', 'everysec'] };
/** Every write is synced before it is answered. */
export const ALWAYS = { args: ['--appendfsync', 'always'] };
export const SEGMENTS = 64;
export const MAX_CLOCK_SKEW_MS = 5_000;
const TIMEOUT_MS = 10_000;
const PARTITIONER = new StatePartitioner(SEGMENTS, 'claim');

/** Where a server is, and which of its registries is meant. */
export interface RedisPlace {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** None by default. */
  readonly keyPrefix?: string;
}

/** @throws in its events, where a claim can't be read. */
export function storeOptions(
  { host, port, url, keyPrefix = '' }: RedisPlace,
  shards: number,
  entries: EntryTable,
): RedisStoreOptions {
  return {
    location: { kind: 'standalone', host, port, database: 0, tls: false, text: url },
    settings: { ...RULES, partition: 'claim' },
    shards,
    keyPrefix,
    maxClockSkewMs: MAX_CLOCK_SKEW_MS,
    timeoutMs: TIMEOUT_MS,
    clock: systemClock,
    entries,
    replicaId: 'bench',
    events: {
      corruptField: (key, field) => {
        throw new Error(`${field} of ${key} can't be read`);
      },
      connection: () => undefined,
    },
  };
}

/** The epoch of the clock. */
export function epochNow(): number {
  return epochOf(timestampMs(systemClock.nowMs(), RULES), RULES);
}

/** Makes the entry a submit of claim `number`. */
export function fillSubmit(entries: EntryTable, entry: number, number: number): void {
  const nowMs = timestampMs(systemClock.nowMs(), RULES);
  entries.setClaimId(entry, `treasure-${number}-of-island-${number % 77}`);
  entries.setPlayerId(entry, `player-${number % 9_973}`);
  entries.operation[entry] = ClaimOperation.SUBMIT;
  entries.timestampMs[entry] = nowMs;
  entries.endEpoch[entry] = expiryEpoch(nowMs, RULES);
  PARTITIONER.assign(entries, entry);
}

/** @throws Error where the entry's claim was not accepted. */
export function requireAccepted(entries: EntryTable, entry: number): void {
  const outcome = entries.outcome[entry];
  if (outcome !== Outcome.ACCEPTED) throw new Error(`a new claim came to outcome ${outcome}`);
}

export class MeasuredRegistry {
  readonly store: RedisStore;
  readonly #entries: EntryTable;
  readonly #batch: Int32Array;
  #next = 0;

  private constructor(redis: RedisPlace, shards: number) {
    this.#entries = EntryTable.allocate(REDIS_BATCH_MAX_ITEMS);
    this.store = new RedisStore(storeOptions(redis, shards, this.#entries));
    this.#batch = Int32Array.from({ length: REDIS_BATCH_MAX_ITEMS }, (_, entry) => entry);
  }

  /** Opens the registry, made where there is none. */
  static async open(redis: RedisPlace, shards: number): Promise<MeasuredRegistry> {
    const registry = new MeasuredRegistry(redis, shards);
    await registry.store.open();
    return registry;
  }

  /** Commits `count` new claims at once. @throws Error where one is not accepted. */
  async submit(count: number): Promise<void> {
    for (let entry = 0; entry < count; entry += 1) {
      this.#next += 1;
      fillSubmit(this.#entries, entry, this.#next);
    }
    await this.store.commit({ entries: this.#batch, count, epoch: epochNow() });
    for (let entry = 0; entry < count; entry += 1) requireAccepted(this.#entries, entry);
  }

  /** Commits so many new claims, page by page. */
  async grow(claims: number): Promise<void> {
    for (let left = claims; left > 0; left -= this.#batch.length) {
      await this.submit(Math.min(left, this.#batch.length));
    }
  }

  close(): Promise<void> {
    return this.store.close();
  }
}
