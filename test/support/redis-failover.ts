/**
 * Failovers of real servers. Redis replicates after it has answered; where a master is killed here,
 * what it has answered had reached its replica, so that all of it must still be there.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type RedisServer, startRedis } from './redis-server.ts';
import { until } from './waiting.ts';

/** Longer than any test. */
const PAUSE_MS = 60_000;

/** A master and its replica, ended with the test. */
export async function startPair(t: TestContext): Promise<[master: RedisServer, replica: RedisServer]> {
  const master = await startRedis();
  t.after(() => master.stop());
  const replica = await startRedis({ replicaOf: master });
  t.after(() => replica.stop());
  return [master, replica];
}

/** Makes the replica the master, without losing anything, and the master its replica. */
export async function handOver(master: RedisServer, replica: RedisServer): Promise<void> {
  const client = master.client();
  await client.call('FAILOVER', 'TO', replica.host, replica.port);
  await until('the old master to follow', async () =>
    (await client.info('replication')).includes('role:slave'),
  );
}

/** Kills a master that answers nobody any more, once its replica has everything. */
export async function killReplicated(master: RedisServer, replica: RedisServer): Promise<void> {
  const paused = await master
    .client()
    .multi()
    .call('CLIENT', 'PAUSE', PAUSE_MS, 'ALL')
    .info('replication')
    .exec();
  const offset = offsetIn('master_repl_offset', String(paused?.[1][1]));
  const client = replica.client();
  await until('the replica to have everything', async () => {
    return offsetIn('slave_repl_offset', await client.info('replication')) >= offset;
  });
  await master.kill();
}

function offsetIn(name: string, info: string): number {
  const found = new RegExp(`^${name}:(\\d+)`, 'm').exec(info);
  assert.ok(found !== null, `${name} in ${info}`);
  return Number(found[1]);
}

export async function untilMaster(server: RedisServer): Promise<void> {
  const client = server.client();
  await until('a new master', async () => (await client.info('replication')).includes('role:master'));
}
