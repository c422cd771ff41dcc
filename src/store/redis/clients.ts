/**
 * Makes ioredis clients for a location. A client here has one life: it connects when told to, never
 * again by itself, keeps no queue of commands for later and sends none twice. Retrying, which has
 * a deadline and needs the fence, is connection's.
 */
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { StoreUnavailable } from '../../domain/errors.ts';
import type { RedisAddress, RedisStoreOptions, RedisTls, SentinelLocation } from './options.ts';
import type { RedisClient } from './scripts.ts';

/** What of a store's options its connections need. */
export type ClientOptions = Pick<
  RedisStoreOptions,
  'location' | 'timeoutMs' | 'tls' | 'username' | 'password'
>;

/** How replies are mapped is RESP3's matter, which is not spoken. */
type BaseOptions = Omit<RedisOptions, 'replyMapping'>;

/** @param name by which operators find the connection in CLIENT LIST. */
export function makeClient(options: ClientOptions, name: string): RedisClient {
  const { location } = options;
  const common = commonOptions(options, name);
  switch (location.kind) {
    case 'standalone':
      return new Redis({ ...common, host: location.host, port: location.port, db: location.database });
    case 'sentinel':
      return new Redis({ ...common, ...sentinelOptions(location, options.tls) });
    case 'cluster':
      return makeCluster(location.nodes, common);
  }
}

/** The slot of a key. @throws where the cluster does not answer. */
export function slotOf(cluster: Cluster, key: string): Promise<number> {
  return cluster.cluster('KEYSLOT', key);
}

/** The connection to the server that has the slot now. @throws StoreUnavailable where none has. */
export function serverOfSlot(cluster: Cluster, slot: number): Redis {
  const [address] = cluster.slots[slot] ?? [];
  const found = cluster.nodes('master').find(({ options }) => `${options.host}:${options.port}` === address);
  if (found === undefined) throw new StoreUnavailable(`no server of the cluster has slot ${slot}`);
  return found;
}

function commonOptions(
  { location, timeoutMs, tls, username, password }: ClientOptions,
  name: string,
): BaseOptions {
  return {
    lazyConnect: true,
    connectionName: name,
    // RESP2: replies are the same, and a server that knows no HELLO is not asked in vain.
    protocol: 2,
    retryStrategy: null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: null,
    // A server that is loading says so to every command, which errors.ts knows.
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: timeoutMs,
    // What is given up is gone at once: nothing that it still sends may count.
    disconnectTimeout: 0,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(location.tls ? { tls: { ...tls } } : {}),
  };
}

function sentinelOptions(location: SentinelLocation, tls: RedisTls | undefined): BaseOptions {
  return {
    sentinels: location.sentinels.map((address) => ({ ...address })),
    name: location.master,
    db: location.database,
    sentinelRetryStrategy: () => null,
    // The sentinels say when they have made another master; the old one may not know for seconds.
    failoverDetector: true,
    ...(location.tls ? { enableTLSForSentinelMode: true, sentinelTLS: { ...tls } } : {}),
  };
}

function makeCluster(nodes: readonly RedisAddress[], common: BaseOptions): Cluster {
  const { retryStrategy: _, enableOfflineQueue: __, lazyConnect: ___, ...redisOptions } = common;
  return new Cluster(
    nodes.map((address) => ({ ...address })),
    {
      lazyConnect: true,
      clusterRetryStrategy: null,
      // Without it a call to a node that is still connecting waits 100 ms and goes to another one.
      // What it holds is bounded by the calls that wait for it, and dropped with the client.
      enableOfflineQueue: true,
      enableReadyCheck: false,
      // Names are looked up where they are connected to, so that a certificate can be held to them.
      dnsLookup: (host, found) => found(null, host),
      redisOptions,
    },
  );
}
