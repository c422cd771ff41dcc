/** Redis stores for tests: each registry has a key prefix of its own on a server that several share. */
import { systemClock } from '../../../src/clock/clock.ts';
import type { RedisLocation, RedisStoreOptions } from '../../../src/store/redis/options.ts';
import { RedisStore } from '../../../src/store/redis/redis-store.ts';
import type { MakeStore, StoreRequirements } from '../registry-under-test.ts';

let replicas = 0;

/** A store of its own replica id, with as many shards as a registry has by default. */
export function redisStore(
  location: RedisLocation,
  { registry, settings, maxClockSkewMs, entries }: StoreRequirements,
  options: Partial<RedisStoreOptions> = {},
): RedisStore {
  replicas += 1;
  return new RedisStore({
    location,
    settings,
    shards: 16,
    keyPrefix: `${registry}:`,
    maxClockSkewMs,
    timeoutMs: 2_000,
    clock: systemClock,
    entries,
    replicaId: `replica${replicas}`,
    events: { corruptField: () => undefined, connection: () => undefined },
    ...options,
  });
}

/** For the contract suite: servers of this machine have its clock. */
export function redisStores(
  location: () => RedisLocation,
  options: Partial<RedisStoreOptions> = {},
): MakeStore {
  return async (requirements) => ({
    store: redisStore(location(), requirements, options),
    nowMs: async () => systemClock.nowMs(),
  });
}
