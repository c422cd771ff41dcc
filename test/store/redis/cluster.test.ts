import { after, before, describe } from 'node:test';
import { type RedisCluster, startRedisCluster } from '../../support/redis-cluster.ts';
import { describeStoreContract } from '../store-contract.ts';
import { clusterAt } from './replica.ts';
import { redisStores } from './under-test.ts';

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
