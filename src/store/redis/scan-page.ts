/**
 * Reads one page of a shard by HSCAN. A cursor means something only to the server that gave it:
 * wherever another one answers (a new connection, a failover, a slot that has moved), the shard is
 * begun again.
 */
import { Cluster, type Redis } from 'ioredis';
import { assert } from '../../domain/assert.ts';
import { isPastRetention } from '../../domain/epochs.ts';
import type { StoredClaim } from '../store.ts';
import { serverOfSlot, slotOf } from './clients.ts';
import type { RedisConnection } from './connection.ts';
import type { RedisRegistry } from './registry.ts';
import type { RedisClient } from './scripts.ts';
import { parseClaim } from './values.ts';

/** A place in a scan. */
export interface ScanPosition {
  readonly shard: number;
  /** HSCAN's cursor. */
  readonly at: string;
  /** Who gave the cursor, as RedisScanPages numbers servers; 0: nobody. */
  readonly server: number;
}

export const SCAN_START: ScanPosition = { shard: 0, at: '0', server: 0 };

export interface ScannedPage {
  /** Not past retention; more than asked for where Redis has more in one piece. */
  readonly claims: readonly StoredClaim[];
  /** Undefined after the last page of the last shard. */
  readonly next: ScanPosition | undefined;
}

/** What is met on the way and is no claim to tell. */
export interface ScanFindings {
  /** A claim past retention, whose field is to go. */
  pastRetention(shard: number, field: string): void;
  unreadable(shard: number, field: string): void;
}

const END_OF_SHARD = '0';

export class RedisScanPages {
  readonly #registry: RedisRegistry;
  readonly #connection: RedisConnection;
  readonly #findings: ScanFindings;
  /** Numbers of connections to servers, from 1, each given once. */
  readonly #servers = new WeakMap<Redis, number>();
  #lastServer = 0;
  /** By shard: its slot on a cluster. */
  readonly #slots = new Map<number, number>();

  /** @param connection of its own, so that pages never wait in front of commits. */
  constructor(registry: RedisRegistry, connection: RedisConnection, findings: ScanFindings) {
    this.#registry = registry;
    this.#connection = connection;
    this.#findings = findings;
  }

  /** About `count` fields, or none. @throws StoreUnavailable */
  async read(position: ScanPosition, count: number): Promise<ScannedPage> {
    assert(position.shard < this.#registry.keys.shards, `shard ${position.shard}`);
    return this.#connection.run(this.#registry.deadline(), (client) => this.#read(client, position, count));
  }

  async #read(client: RedisClient, position: ScanPosition, count: number): Promise<ScannedPage> {
    const { keys } = this.#registry;
    const { shard } = position;
    const redis = await this.#serverOf(client, shard);
    const server = this.#numberOf(redis);
    const at = position.server === server ? position.at : SCAN_START.at;
    const [[next, elements], epoch] = await Promise.all([
      redis.hscan(keys.registry(shard), at, 'COUNT', count),
      redis.hget(keys.epochs(shard), 'epoch'),
    ]);
    this.#registry.reach(Number(epoch ?? 0));
    return { claims: this.#claims(shard, elements), next: this.#after(shard, next, server) };
  }

  #after(shard: number, at: string, server: number): ScanPosition | undefined {
    if (at !== END_OF_SHARD) return { shard, at, server };
    const isLast = shard + 1 === this.#registry.keys.shards;
    return isLast ? undefined : { ...SCAN_START, shard: shard + 1 };
  }

  /** @param elements fields and values, flat. */
  #claims(shard: number, elements: readonly string[]): StoredClaim[] {
    const { settings } = this.#registry.options;
    const claims: StoredClaim[] = [];
    for (let i = 0; i < elements.length; i += 2) {
      const field = elements[i];
      const claim = parseClaim(field, elements[i + 1], settings.partition);
      if (claim === undefined) this.#findings.unreadable(shard, field);
      else if (isPastRetention(claim.endEpoch, this.#registry.reached, settings)) {
        this.#findings.pastRetention(shard, field);
      } else claims.push(claim);
    }
    return claims;
  }

  /** The connection to the server that has the shard. */
  async #serverOf(client: RedisClient, shard: number): Promise<Redis> {
    if (!(client instanceof Cluster)) return client;
    const slot = this.#slots.get(shard) ?? (await this.#askSlot(client, shard));
    return serverOfSlot(client, slot);
  }

  async #askSlot(client: Cluster, shard: number): Promise<number> {
    const slot = await slotOf(client, this.#registry.keys.registry(shard));
    this.#slots.set(shard, slot);
    return slot;
  }

  #numberOf(redis: Redis): number {
    const known = this.#servers.get(redis);
    if (known !== undefined) return known;
    this.#lastServer += 1;
    this.#servers.set(redis, this.#lastServer);
    return this.#lastServer;
  }
}
