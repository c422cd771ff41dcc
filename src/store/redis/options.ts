/** What a Redis store is made with: where its servers are, and what the registry there is to be. */
import type { Clock } from '../../clock/clock.ts';
import type { EntryTable } from '../../entries/entry-table.ts';
import type { RegistrySettings } from '../store.ts';

/** Where one server listens. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** What every kind of location has. */
interface LocationBase {
  /** Whether connections are made over TLS. */
  readonly tls: boolean;
  /** The location as it was written: for logs and /config. Holds no secret. */
  readonly text: string;
}

export interface StandaloneLocation extends LocationBase, RedisAddress {
  readonly kind: 'standalone';
  /** Number of the database, from 0. */
  readonly database: number;
}

export interface SentinelLocation extends LocationBase {
  readonly kind: 'sentinel';
  /** At least one; the others are asked where one does not answer. */
  readonly sentinels: readonly RedisAddress[];
  /** The name under which the sentinels know the master. */
  readonly master: string;
  readonly database: number;
}

/** A Redis Cluster has one database, 0. */
export interface ClusterLocation extends LocationBase {
  readonly kind: 'cluster';
  /** Nodes to begin with, at least one; the others are learnt from them. */
  readonly nodes: readonly RedisAddress[];
}

export type RedisLocation = StandaloneLocation | SentinelLocation | ClusterLocation;

/** PEM texts, not paths. */
export interface RedisTls {
  /** Certificates that a server's is checked against, instead of the system's. */
  readonly ca?: string;
  /** The client's own certificate and key, for servers that ask for one. */
  readonly cert?: string;
  readonly key?: string;
}

/** What a store tells beside its answers. */
export interface RedisStoreEvents {
  /** A field of a registry hash holds what no store of this program writes; told once for each field. */
  corruptField(key: string, field: string): void;
  /** The commit connection came up or was lost, with the reason in the client's or Redis's own words. */
  connection(state: 'connected' | 'lost', reason: string): void;
}

export interface RedisStoreOptions {
  readonly location: RedisLocation;
  readonly settings: RegistrySettings;
  /** How many hashes the registry is spread over: a power of two, REDIS_SHARDS_MAX at most. */
  readonly shards: number;
  /** Begins the name of every key; may be empty, may not hold { or }. */
  readonly keyPrefix: string;
  /** How far an epoch may be ahead of Redis's clock, milliseconds. */
  readonly maxClockSkewMs: number;
  /** How long a call tries before it rejects with StoreUnavailable, milliseconds. */
  readonly timeoutMs: number;
  /** Calls pause by it between tries: where nothing else keeps the process alive, its timers must. */
  readonly clock: Clock;
  readonly entries: EntryTable;
  /** Tells this replica from every other, also from its own earlier runs: random, letters and digits. */
  readonly replicaId: string;
  readonly tls?: RedisTls;
  readonly username?: string;
  readonly password?: string;
  readonly events: RedisStoreEvents;
}
