/**
 * The Redis store when a replica becomes the master: behind one address, by Sentinel, in a Cluster.
 * A load from two replicas of the service goes on meanwhile. Redis replicates after it has answered;
 * these tests see to it that what was acknowledged had reached the replica, so that all of it must
 * still be there.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../../src/clock/clock.ts';
import { StoreUnavailable } from '../../../src/domain/errors.ts';
import type { RedisLocation } from '../../../src/store/redis/options.ts';
import {
  checkNothingRefused,
  type FactLoad,
  RECOVERY_MAX_MS,
  reportRecovery,
} from '../../support/fact-load.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { startRedisCluster } from '../../support/redis-cluster.ts';
import { handOver, killReplicated, startPair, untilMaster } from '../../support/redis-failover.ts';
import { startSentinels } from '../../support/redis-sentinel.ts';
import { until } from '../../support/waiting.ts';
import { type Replica, submit } from '../replica.ts';
import {
  clusterAt,
  FAULT_TIMEOUT_MS,
  loadOn,
  openRedisReplica,
  sentinelAt,
  standaloneAt,
} from './replica.ts';
import { checkScanOver, fillRegistry } from './scan-over.ts';

/** An ordered failover holds clients up while the replica catches up: about a second. */
const HANDOVER_MS = 10_000;

async function loadOf(
  t: TestContext,
  location: RedisLocation,
  timeoutMs = FAULT_TIMEOUT_MS,
): Promise<{ load: FactLoad; replica: Replica }> {
  const one = await openRedisReplica(t, location, { timeoutMs });
  const two = await openRedisReplica(t, location, { timeoutMs });
  return { load: loadOn(t, [one.replica, two.replica]), replica: one.replica };
}

test('a master that becomes a replica, behind one address: READONLY is recognised, nothing refused', async (t) => {
  const [master, replica] = await startPair(t);
  const proxy = await FaultProxy.start(master);
  t.after(() => proxy.stop());
  const { load, replica: scanner } = await loadOf(t, standaloneAt(proxy), HANDOVER_MS);
  const claims = await fillRegistry(scanner);
  await checkScanOver(scanner, claims, async () => {
    await load.untilConfirmed();
    await handOver(master, replica);
    proxy.target = replica;
    await reportRecovery(t, load);
  });
  await load.end();
  checkNothingRefused(load);
});

test('a master that stays a replica: refused with READONLY at the deadline', async (t) => {
  const [master, replica] = await startPair(t);
  const { replica: one } = await openRedisReplica(t, standaloneAt(master));
  await one.one(0, submit('c', 'p'));
  await handOver(master, replica);
  const begunMs = systemClock.nowMs();
  await assert.rejects(one.one(0, submit('d', 'p')), (error) => {
    assert.ok(error instanceof StoreUnavailable);
    assert.match(error.message, /READONLY/);
    return true;
  });
  assert.ok(systemClock.nowMs() - begunMs < 3_000);
});

test('Sentinel: the master dies, a replica takes over, the scan begins anew', async (t) => {
  const [master, replica] = await startPair(t);
  const sentinels = await startSentinels({ master, replicas: [replica] });
  t.after(() => sentinels.stop());
  const { load, replica: scanner } = await loadOf(t, sentinelAt(sentinels));
  const claims = await fillRegistry(scanner);
  await checkScanOver(scanner, claims, async () => {
    await load.untilConfirmed();
    await killReplicated(master, replica);
    await untilMaster(replica);
    await reportRecovery(t, load);
  });
  await load.end();
});

test('Sentinel: a failover that is ordered: commits go to the new master, the old one still there', async (t) => {
  const [master, replica] = await startPair(t);
  const sentinels = await startSentinels({ master, replicas: [replica] });
  t.after(() => sentinels.stop());
  const location = sentinelAt(sentinels);
  const stores = [await openRedisReplica(t, location), await openRedisReplica(t, location)];
  const replicas = stores.map((opened) => opened.replica);
  const before = loadOn(t, replicas);
  await before.untilConfirmed();
  await sentinels.failover();
  await untilMaster(replica);
  const begunMs = systemClock.nowMs();
  const client = replica.client();
  await until('both to commit there', async () => {
    const clients = String(await client.client('LIST'));
    return clients.split('name=claims-commit').length === 1 + replicas.length;
  });
  const tookMs = systemClock.nowMs() - begunMs;
  t.diagnostic(`commits go there ${tookMs} ms after the new master is there`);
  assert.ok(tookMs <= RECOVERY_MAX_MS, `${tookMs} ms`);
  // What the old master confirmed meanwhile, Redis does not keep.
  await before.abandon();
  const load = loadOn(t, replicas, 'after-');
  await load.untilConfirmed();
  await load.end();
});

test('Cluster: a master dies, its replica takes over, the scan begins its shards anew', async (t) => {
  const cluster = await startRedisCluster({ replicas: 1, nodeTimeoutMs: 1_000 });
  t.after(() => cluster.stop());
  const { load, replica: scanner } = await loadOf(t, clusterAt(cluster));
  const claims = await fillRegistry(scanner);
  const master = await cluster.ownerOf(await cluster.slotOf('claim_registry:{0}'));
  const replica = cluster.replicas[cluster.masters.indexOf(master)];
  await checkScanOver(scanner, claims, async () => {
    await load.untilConfirmed();
    await killReplicated(master, replica);
    await untilMaster(replica);
    await reportRecovery(t, load);
  });
  await load.end();
});

test('Cluster: a failover that is ordered: nothing is refused or lost', async (t) => {
  const cluster = await startRedisCluster({ replicas: 1 });
  t.after(() => cluster.stop());
  const { load } = await loadOf(t, clusterAt(cluster), HANDOVER_MS);
  for (const replica of cluster.replicas) {
    await load.untilConfirmed();
    await cluster.client(replica).call('CLUSTER', 'FAILOVER');
    await untilMaster(replica);
    await reportRecovery(t, load);
  }
  await load.end();
  checkNothingRefused(load);
});
