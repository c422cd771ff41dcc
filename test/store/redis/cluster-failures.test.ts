/**
 * The Redis store on a Cluster whose slots move, whose connections break and whose masters die, under
 * a load from two replicas: nothing is lost, no claim has two winners, nothing is counted twice.
 */
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { checkNothingRefused, type FactLoad, reportRecovery } from '../../support/fact-load.ts';
import { type RedisCluster, startRedisCluster } from '../../support/redis-cluster.ts';
import { type Replica, submit } from '../replica.ts';
import { clusterAt, FAULT_SHARDS, loadOn, openRedisReplica } from './replica.ts';

const KILLS = 10;

let cluster: RedisCluster;
before(async () => {
  cluster = await startRedisCluster();
});
after(async () => {
  await cluster.stop();
});

interface Loaded {
  readonly load: FactLoad;
  readonly replicas: readonly Replica[];
  /** The slots of the registry's shards. */
  readonly slots: readonly number[];
}

/** A registry of the test's own, under load. */
async function loaded(t: TestContext, keyPrefix: string): Promise<Loaded> {
  const location = clusterAt(cluster);
  const one = await openRedisReplica(t, location, { keyPrefix });
  const two = await openRedisReplica(t, location, { keyPrefix });
  const keys = Array.from({ length: FAULT_SHARDS }, (_, shard) => `{${shard}}`);
  const slots = await Promise.all(keys.map((key) => cluster.slotOf(key)));
  const replicas = [one.replica, two.replica];
  return { load: loadOn(t, replicas), replicas, slots };
}

async function checkCounts({ load, replicas: [replica] }: Loaded): Promise<void> {
  const { claims } = load.facts;
  await replica.advance(1);
  const expected = { epoch: 0, submitted: claims, validated: claims / 2, expired: 0, pending: claims / 2 };
  assert.deepEqual(await replica.counts(0, 0), [expected]);
}

test('while a slot is about to move, commits are decided where its keys are', async (t) => {
  const keyPrefix = 'about-to-move:';
  const { replica } = await openRedisReplica(t, clusterAt(cluster), { keyPrefix, shards: 1 });
  const submitIn = async (epoch: number): Promise<void> => {
    const { outcome } = await replica.one(epoch, submit(`claim-${epoch}`, 'p'));
    assert.equal(outcome, 'ACCEPTED');
  };
  await submitIn(0);
  // Passes an epoch, so that there are summaries: every key that a commit names is there now.
  await submitIn(1);
  const slot = await cluster.slotOf(`{${keyPrefix}claim_registry}`);
  const owner = cluster.masters.indexOf(await cluster.ownerOf(slot));
  let decided: Promise<void> | undefined;
  await cluster.moveSlot(slot, cluster.masters[(owner + 1) % cluster.masters.length], () => {
    decided ??= submitIn(2);
    return decided;
  });
  await submitIn(3);
});

test('slots move from master to master, key by key', async (t) => {
  const under = await loaded(t, 'moved:');
  const { load, slots } = under;
  await load.untilConfirmed();
  for (const slot of slots) {
    const owner = cluster.masters.indexOf(await cluster.ownerOf(slot));
    await cluster.moveSlot(slot, cluster.masters[(owner + 1) % cluster.masters.length]);
    await load.untilConfirmed();
  }
  await reportRecovery(t, load);
  await load.end();
  checkNothingRefused(load);
  await checkCounts(under);
});

test('connections break, of one node after the other', async (t) => {
  const under = await loaded(t, 'broken:');
  const { load } = under;
  for (let n = 0; n < KILLS; n += 1) {
    const node = cluster.masters[n % cluster.masters.length];
    await cluster.client(node).call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await load.untilConfirmed();
  }
  await reportRecovery(t, load);
  await load.end();
  checkNothingRefused(load);
  await checkCounts(under);
});

test('a master is killed and started again with its data', async (t) => {
  const under = await loaded(t, 'killed:');
  const { load, slots } = under;
  await load.untilConfirmed();
  const owner = await cluster.ownerOf(slots[0]);
  await owner.kill();
  await load.untilRefused();
  await owner.restart({ keepData: true });
  await cluster.untilOk(cluster.masters);
  await reportRecovery(t, load);
  await load.end();
  await checkCounts(under);
});
