/**
 * Makes the store that the settings name. Its module is loaded only then: who keeps claims in a file
 * has no use for a Redis client, nor for the memory that one takes.
 */
import type { Clock } from './clock/clock.ts';
import type { Config } from './config.ts';
import type { EntryTable } from './entries/entry-table.ts';
import type { RedisLocation, RedisStoreEvents, RedisTls } from './store/redis/options.ts';
import type { ClaimStore, RegistrySettings } from './store/store.ts';
import type { SqliteLocation } from './store-location.ts';
import type { Logger } from './telemetry/log.ts';
import type { RuntimePlace } from './telemetry/runtime/runtime-stats.ts';

/** What a store is made with, whatever it is. */
export interface StoreParts {
  readonly config: Config;
  readonly entries: EntryTable;
  readonly clock: Clock;
  readonly log: Logger;
  /** Tells this run of this replica from every other: random, letters and digits. */
  readonly replicaId: string;
  /** Where a thread of the store's own tells of its running. */
  readonly runtime: RuntimePlace;
}

export interface MadeStore {
  readonly store: ClaimStore;
  /** Fields met so far whose values can't be read. */
  readonly corruptFields: () => number;
}

export function makeStore(parts: StoreParts): Promise<MadeStore> {
  const location = parts.config.store;
  return location.kind === 'sqlite' ? makeSqliteStore(parts, location) : makeRedisStore(parts, location);
}

async function makeSqliteStore(parts: StoreParts, location: SqliteLocation): Promise<MadeStore> {
  const { config, entries, clock, runtime } = parts;
  const { SqliteStore } = await import('./store/sqlite/sqlite-store.ts');
  const store = new SqliteStore({
    path: location.path,
    settings: registrySettings(config),
    maxClockSkewMs: config.maxClockSkewMs,
    maxBytes: config.sqliteMaxBytes,
    clock,
    entries,
    runtime,
  });
  return { store, corruptFields: () => 0 };
}

async function makeRedisStore(parts: StoreParts, location: RedisLocation): Promise<MadeStore> {
  const { config, entries, clock, log, replicaId } = parts;
  const { redisUsername: username, files } = config;
  const { RedisStore } = await import('./store/redis/redis-store.ts');
  const store = new RedisStore({
    location,
    settings: registrySettings(config),
    shards: config.registryShards,
    keyPrefix: config.redisKeyPrefix,
    maxClockSkewMs: config.maxClockSkewMs,
    timeoutMs: config.redisTimeoutMs,
    clock,
    entries,
    replicaId,
    ...(location.tls ? { tls: tlsOf(config) } : {}),
    ...(username === null ? {} : { username }),
    ...(files.redisPasswordFile === undefined ? {} : { password: files.redisPasswordFile }),
    events: logEvents(log),
  });
  return { store, corruptFields: () => store.corruptFields };
}

function registrySettings(config: Config): RegistrySettings {
  const { epochLengthMs, validationWindowMs, retentionEpochs, partition } = config;
  return { epochLengthMs, validationWindowMs, retentionEpochs, partition };
}

function tlsOf({ files }: Config): RedisTls {
  const { redisCaFile: ca, redisCertFile: cert, redisKeyFile: key } = files;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}

function logEvents(log: Logger): RedisStoreEvents {
  return {
    corruptField: (key, field) =>
      log.error({ key, field }, 'a field of the registry holds no claim: it is left alone, and UNAVAILABLE'),
    connection: (state, reason) => {
      if (state === 'lost') log.warn({ reason }, 'the connection to Redis is lost');
      else log.info({ reason }, 'connected to Redis');
    },
  };
}
