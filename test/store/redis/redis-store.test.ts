import { after, before, describe } from 'node:test';
import { type RedisServer, serverPrograms, startRedis } from '../../support/redis-server.ts';
import { describeStoreContract } from '../store-contract.ts';
import { standaloneAt } from './replica.ts';
import { redisStores } from './under-test.ts';

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
