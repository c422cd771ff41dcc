/**
 * Two servers on one registry while a replica becomes the master of its Redis: they serve again by
 * themselves, and every fact that was acknowledged is still one.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type FactLoad, reportRecovery } from '../support/fact-load.ts';
import { callerOf, loadBy, redisClaimdFor } from '../support/redis-claimd.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { killReplicated, startPair, untilMaster } from '../support/redis-failover.ts';
import { startSentinels } from '../support/redis-sentinel.ts';
import { until } from '../support/waiting.ts';

/** Two servers and a load on them. */
async function loaded(t: TestContext, url: string): Promise<FactLoad> {
  const servers = await Promise.all([redisClaimdFor(t, url), redisClaimdFor(t, url)]);
  const load = loadBy(
    t,
    servers.map(({ client }) => client),
  );
  await load.untilConfirmed();
  return load;
}

/** Ends the load, and asks a server that knows of Redis alone. */
async function checkFacts(t: TestContext, url: string, load: FactLoad): Promise<void> {
  await load.end();
  const { claimd, client } = await redisClaimdFor(t, url);
  await load.facts.check(callerOf(client));
  await until('readiness', async () => (await fetch(`http://${claimd.adminAddress}/readyz`)).ok);
  assert.equal(await claimd.stop(), 0);
}

test('Sentinel: the master dies and a replica takes over', async (t) => {
  const [master, replica] = await startPair(t);
  const sentinels = await startSentinels({ master, replicas: [replica] });
  t.after(() => sentinels.stop());
  const load = await loaded(t, sentinels.url);
  await killReplicated(master, replica);
  await untilMaster(replica);
  await reportRecovery(t, load);
  await checkFacts(t, sentinels.url, load);
});

test('Cluster: a master dies, its replica takes over', async (t) => {
  const cluster = await startRedisCluster({ replicas: 1, nodeTimeoutMs: 1_000 });
  t.after(() => cluster.stop());
  const load = await loaded(t, cluster.url);
  await killReplicated(cluster.masters[0], cluster.replicas[0]);
  await untilMaster(cluster.replicas[0]);
  await reportRecovery(t, load);
  await checkFacts(t, cluster.url, load);
});
