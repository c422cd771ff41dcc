import { after, before, describe } from 'node:test';
import { type RedisServer, serverPrograms, startRedis } from '../support/redis-server.ts';
import { standaloneAt } from './redis-replica.ts';
import { redisStores } from './redis-under-test.ts';
import { describeStoreContract } from './store-contract.ts';

for (const program of serverPrograms()) {
  describe(program, () => {
    let server: RedisServer;
    before(async () => {
      server = await startRedis({ program });
    });
    after(() => server.stop());

    for (const shards of [1, 4, 16]) {
      const makeStore = redisStores(() => standaloneAt(server), { shards });
      describeStoreContract(`RedisStore of ${shards} shards`, makeStore);
    }
  });
}
