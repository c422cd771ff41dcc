/**
 * The shared store: a registry in Redis or Valkey, which any number of replicas serve at once. One
 * connection commits; scans and reclaiming have another, so that they never delay commits.
 */
import { assert } from '../../domain/assert.ts';
import { RegistryMismatch, StoreUnavailable } from '../../domain/errors.ts';
import { REDIS_BATCH_MAX_ITEMS, REDIS_COMMITS_IN_FLIGHT, REDIS_TOLD_FIELDS_MAX } from '../../limits.ts';
import type { ClaimStore, CommitBatch, EpochCounts, ScanCursor, ScanPage } from '../store.ts';
import { RedisCommits } from './commits.ts';
import { RedisConnection } from './connection.ts';
import { RedisEpochs } from './epochs.ts';
import type { RedisStoreOptions } from './options.ts';
import { RedisReclaimer } from './reclaimer.ts';
import { RedisRegistry } from './registry.ts';
import { RedisScan } from './scan.ts';
import { RedisScanPages } from './scan-page.ts';
import { checkSettings } from './settings.ts';
import { fieldOf } from './values.ts';

export class RedisStore implements ClaimStore {
  readonly maxBatchItems = REDIS_BATCH_MAX_ITEMS;
  readonly maxCommitsInFlight = REDIS_COMMITS_IN_FLIGHT;
  readonly isShared = true;
  readonly #registry: RedisRegistry;
  readonly #commitConnection: RedisConnection;
  readonly #scanConnection: RedisConnection;
  readonly #commits: RedisCommits;
  readonly #epochs: RedisEpochs;
  readonly #pages: RedisScanPages;
  readonly #scan: RedisScan;
  readonly #reclaimer: RedisReclaimer;
  /** Why calls are refused, while they are. */
  #refusal: string | undefined = 'the store is not open';
  readonly #begun = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;
  readonly #toldFields = new Set<string>();
  #corruptFields = 0;

  constructor(options: RedisStoreOptions) {
    const registry = new RedisRegistry(options);
    this.#registry = registry;
    this.#commitConnection = new RedisConnection({
      ...options,
      name: 'claims-commit',
      prepare: (client) => checkSettings(registry, client),
      told: (state, reason) => this.#connectionTold(state, reason),
    });
    this.#scanConnection = new RedisConnection({ ...options, name: 'claims-scan' });
    this.#commits = new RedisCommits(registry, this.#commitConnection, (entry) => this.#entryCorrupt(entry));
    this.#epochs = new RedisEpochs(registry, this.#commitConnection);
    this.#reclaimer = new RedisReclaimer(registry, this.#scanConnection);
    this.#pages = new RedisScanPages(registry, this.#scanConnection, {
      pastRetention: (shard, field) => this.#reclaimer.remember(shard, field),
      unreadable: (shard, field) => this.#fieldCorrupt(shard, field),
    });
    this.#scan = new RedisScan(registry, this.#pages);
  }

  /** Fields met so far whose values no store of this program writes. */
  get corruptFields(): number {
    return this.#corruptFields;
  }

  async open(): Promise<number> {
    assert(this.#closed === undefined, 'a closed store is not opened again');
    // Shows the registry no epoch that is new to it, but begins shards that have none yet.
    const highest = await this.#commits.advanceEpoch(0);
    this.#refusal = undefined;
    return highest;
  }

  commit(batch: CommitBatch): Promise<number> {
    assert(batch.count <= this.maxBatchItems, `a batch of ${batch.count} items`);
    return this.#begin(() => this.#commits.commit(batch));
  }

  advanceEpoch(epoch: number): Promise<number> {
    return this.#begin(() => this.#commits.advanceEpoch(epoch));
  }

  epochCounts(from: number, to: number): Promise<EpochCounts[]> {
    return this.#begin(() => this.#epochs.counts(from, to));
  }

  scan(cursor: ScanCursor | null, limit: number): Promise<ScanPage> {
    return this.#begin(() => this.#scan.scan(cursor, limit));
  }

  reclaim(limit: number): Promise<number> {
    return this.#begin(() => this.#reclaimer.reclaim(limit, this.#pages));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#refusal = 'the store is closed';
    await Promise.allSettled(this.#begun);
    this.#commitConnection.close();
    this.#scanConnection.close();
  }

  /** Begins a call, which close waits for. */
  async #begin<T>(call: () => Promise<T>): Promise<T> {
    if (this.#refusal !== undefined) throw new StoreUnavailable(this.#refusal);
    const begun = call();
    this.#begun.add(begun);
    try {
      return await begun;
    } catch (error) {
      // What a new connection leads to is another registry now: only open says it in those words.
      if (error instanceof RegistryMismatch) throw new StoreUnavailable(error.message);
      throw error;
    } finally {
      this.#begun.delete(begun);
    }
  }

  #connectionTold(state: 'connected' | 'lost', reason: string): void {
    // The server that scans read from may no longer be the one that commits go to.
    if (state === 'lost') this.#scanConnection.renew(reason);
    this.#registry.options.events.connection(state, reason);
  }

  #entryCorrupt(entry: number): void {
    const { entries, settings } = this.#registry.options;
    const field = fieldOf(entries.claimId(entry), entries.playerId(entry), settings.partition);
    this.#fieldCorrupt(this.#registry.sharding.shardOf(entries, entry), field);
  }

  /** Counts and tells a field once; those beyond what is remembered are only counted. */
  #fieldCorrupt(shard: number, field: string): void {
    const key = this.#registry.keys.registry(shard);
    const name = `${key} ${field}`;
    if (this.#toldFields.has(name)) return;
    this.#corruptFields += 1;
    if (this.#toldFields.size >= REDIS_TOLD_FIELDS_MAX) return;
    this.#toldFields.add(name);
    this.#registry.options.events.corruptField(key, field);
  }
}
