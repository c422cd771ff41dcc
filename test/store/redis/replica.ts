/** Redis stores of failure tests: replicas of one registry, with what they told beside their answers. */
import type { TestContext } from 'node:test';
import { systemClock } from '../../../src/clock/clock.ts';
import { StoreUnavailable } from '../../../src/domain/errors.ts';
import { EntryTable } from '../../../src/entries/entry-table.ts';
import type { RedisAddress, RedisLocation, RedisStoreOptions } from '../../../src/store/redis/options.ts';
import { RedisStore } from '../../../src/store/redis/redis-store.ts';
import type { RegistrySettings } from '../../../src/store/store.ts';
import { type Caller, FactLoad, Refused } from '../../support/fact-load.ts';
import type { RedisCluster } from '../../support/redis-cluster.ts';
import { MASTER_NAME, type RedisSentinels } from '../../support/redis-sentinel.ts';
import { get, type Item, Replica } from '../replica.ts';

/** Claims of the test's time stay pending while it lasts. */
export const FAULT_SETTINGS: RegistrySettings = {
  epochLengthMs: 10_000,
  validationWindowMs: 600_000,
  retentionEpochs: 60,
  partition: 'claim',
};
export const FAULT_SHARDS = 4;
/** How long a call tries. Far longer than a reconnect takes, far shorter than claimd's. */
export const FAULT_TIMEOUT_MS = 1_000;

/** Lets a test go as far ahead of the store's clock as it likes. */
const ANY_SKEW_MS = 1e12;
const ENTRIES = 16_384;
let made = 0;

export interface RedisReplica {
  readonly replica: Replica;
  readonly store: RedisStore;
  /** Key and field of each one told to be corrupt. */
  readonly corrupt: readonly string[];
  /** "connected: …" and "lost: …", as they were told. */
  readonly connection: readonly string[];
}

type Overrides = Partial<Omit<RedisStoreOptions, 'location' | 'entries' | 'events'>>;

/** A replica that is not opened yet, closed after the test. */
export function redisReplica(
  t: TestContext,
  location: RedisLocation,
  overrides: Overrides = {},
): RedisReplica {
  const entries = EntryTable.allocate(ENTRIES);
  const settings = overrides.settings ?? FAULT_SETTINGS;
  const corrupt: string[] = [];
  const connection: string[] = [];
  const store = new RedisStore({
    shards: FAULT_SHARDS,
    keyPrefix: '',
    maxClockSkewMs: ANY_SKEW_MS,
    timeoutMs: FAULT_TIMEOUT_MS,
    clock: systemClock,
    replicaId: `${process.pid}x${made++}`,
    settings,
    ...overrides,
    location,
    entries,
    events: {
      corruptField: (key, field) => corrupt.push(`${key} ${field}`),
      connection: (state, reason) => connection.push(`${state}: ${reason}`),
    },
  });
  t.after(() => store.close());
  const baseEpoch = Math.floor(systemClock.nowMs() / settings.epochLengthMs);
  return { replica: new Replica(store, entries, settings, baseEpoch), store, corrupt, connection };
}

/** As redisReplica, opened. */
export async function openRedisReplica(
  t: TestContext,
  location: RedisLocation,
  overrides: Overrides = {},
): Promise<RedisReplica> {
  const made = redisReplica(t, location, overrides);
  await made.replica.open();
  return made;
}

/** A load on replicas, which ends with the test if not before. */
export function loadOn(t: TestContext, replicas: readonly Replica[], prefix = ''): FactLoad {
  const load = new FactLoad(replicas.map(callerOf), { prefix });
  t.after(() => load.abandon());
  return load;
}

function callerOf(replica: Replica): Caller {
  return {
    commit: async (items) => {
      const all = items.map((item): Item => (item.operation === 'SUBMIT' ? { ...item, at: 0 } : item));
      try {
        return (await replica.commit(0, all)).map(({ outcome }) => outcome);
      } catch (error) {
        if (error instanceof StoreUnavailable) throw new Refused(error.message);
        throw error;
      }
    },
    get: (claims) =>
      replica.commit(
        0,
        claims.map((claim) => get(claim)),
      ),
  };
}

export function standaloneAt({ host, port }: RedisAddress, tls = false): RedisLocation {
  return { kind: 'standalone', host, port, database: 0, tls, text: `redis://${host}:${port}` };
}

export function sentinelAt({ addresses, url }: RedisSentinels): RedisLocation {
  return { kind: 'sentinel', sentinels: addresses, master: MASTER_NAME, database: 0, tls: false, text: url };
}

export function clusterAt({ masters, url }: RedisCluster): RedisLocation {
  return { kind: 'cluster', nodes: masters, tls: false, text: url };
}
