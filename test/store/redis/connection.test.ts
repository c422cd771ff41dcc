import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock } from '../../../src/clock/clock.ts';
import { AssertionFailure, assert as claim } from '../../../src/domain/assert.ts';
import { RedisConnection } from '../../../src/store/redis/connection.ts';
import { Deadline } from '../../../src/store/redis/deadline.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { standaloneAt } from './replica.ts';

let server: RedisServer;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

test('a fault of the program is thrown as it is, at once, and the connection stays', async (t) => {
  const told: string[] = [];
  const connection = new RedisConnection({
    location: standaloneAt(server),
    name: 'test',
    timeoutMs: 1_000,
    clock: systemClock,
    told: (state) => void told.push(state),
  });
  t.after(() => connection.close());
  let calls = 0;
  const contradiction = connection.run(new Deadline(systemClock, 1_000), async () => {
    calls += 1;
    claim(false, 'a contradiction');
  });
  await assert.rejects(contradiction, AssertionFailure);
  assert.equal(calls, 1);
  const pong = await connection.run(new Deadline(systemClock, 1_000), (client) => client.ping());
  assert.equal(pong, 'PONG');
  assert.deepEqual(told, ['connected']);
});
