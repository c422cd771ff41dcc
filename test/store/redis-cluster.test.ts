import { after, before, describe } from 'node:test';
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { clusterAt } from './redis-replica.ts';
import { redisStores } from './redis-under-test.ts';
import { describeStoreContract } from './store-contract.ts';

describe('a Redis Cluster of three masters', () => {
  let cluster: RedisCluster;
  before(async () => {
    cluster = await startRedisCluster();
  });
  after(() => cluster.stop());

  for (const shards of [1, 16]) {
    const makeStore = redisStores(() => clusterAt(cluster), { shards });
    describeStoreContract(`RedisStore of ${shards} shards`, makeStore);
  }
});
