/** What HSCAN does, and a scan of the registry must not: answer in one piece, with nothing, from another server. */
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { Redis } from 'ioredis';
import { REDIS_SCANS_MAX } from '../../../src/limits.ts';
import type { RedisStore } from '../../../src/store/redis/redis-store.ts';
import type { ScanCursor, ScanPage } from '../../../src/store/store.ts';
import { type RedisCluster, startRedisCluster } from '../../support/redis-cluster.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { type Replica, submit, validate } from '../replica.ts';
import { clusterAt, FAULT_SETTINGS, openRedisReplica, standaloneAt } from './replica.ts';

const BATCH = 500;
const idsOf = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}${i}`);

/** Makes claims that are kept while the test lasts. */
async function fill(replica: Replica, ids: readonly string[]): Promise<void> {
  for (let start = 0; start < ids.length; start += BATCH) {
    await replica.commit(
      0,
      ids.slice(start, start + BATCH).map((id) => submit(id, 'p')),
    );
  }
}

/** Every page of a scan; `between` runs after each, and is told how many there were. */
async function pagesOf(
  store: RedisStore,
  limit: number,
  between: (pages: number) => Promise<unknown> = async () => undefined,
): Promise<ScanPage[]> {
  const pages: ScanPage[] = [];
  let cursor: ScanCursor | null = null;
  do {
    const page: ScanPage = await store.scan(cursor, limit);
    pages.push(page);
    cursor = page.next;
    await between(pages.length);
  } while (cursor !== null);
  return pages;
}

const found = (pages: readonly ScanPage[]) => pages.flatMap((page) => page.claims.map((c) => c.claimId));

function assertHasAll(pages: readonly ScanPage[], ids: readonly string[]): void {
  const all = new Set(found(pages));
  assert.deepEqual(
    ids.filter((id) => !all.has(id)),
    [],
  );
}

describe('a scan on one server', () => {
  let server: RedisServer;
  let client: Redis;
  let made = 0;
  before(async () => {
    server = await startRedis();
    client = server.client();
  });
  after(() => server.stop());

  async function registry(
    t: TestContext,
    shards = 1,
  ): Promise<Awaited<ReturnType<typeof openRedisReplica>> & { key: string }> {
    made += 1;
    const keyPrefix = `scan${made}:`;
    const opened = await openRedisReplica(t, standaloneAt(server), { shards, keyPrefix });
    return { ...opened, key: `${keyPrefix}claim_registry` };
  }

  test('a small hash comes in one piece: it is handed out in pages of the limit', async (t) => {
    const { replica, store, key } = await registry(t);
    const ids = idsOf('c', 400);
    await fill(replica, ids);
    assert.equal(await client.object('ENCODING', key), 'listpack');
    const pages = await pagesOf(store, 7);
    assert.ok(pages.every((page) => page.claims.length <= 7));
    assert.deepEqual(found(pages).sort(), ids.toSorted());
  });

  test('more scans at once than rests are kept for all find everything', async (t) => {
    const { replica, store } = await registry(t, 2);
    const ids = idsOf('c', 200);
    await fill(replica, ids);
    const scans = Array.from({ length: REDIS_SCANS_MAX + 3 }, async (_, n) => pagesOf(store, 20 + n));
    for (const pages of await Promise.all(scans)) assertHasAll(pages, ids);
  });

  test('an empty page is not the end', async (t) => {
    const { replica, store, key } = await registry(t);
    const ids = idsOf('c', 2_000);
    await fill(replica, ids);
    // Redis shrinks a table that is less than a tenth full: so one claim in eight stays.
    const kept = ids.filter((_, i) => i % 8 === 0);
    await client.hdel(key, ...ids.filter((_, i) => i % 8 !== 0));
    const pages = await pagesOf(store, 1);
    const empty = pages.filter((page) => page.claims.length === 0 && page.next !== null);
    assert.ok(empty.length > 0, 'Redis gave an empty page');
    assertHasAll(pages, kept);
  });

  test('while a table grows, claims may come twice and none is left out', async (t) => {
    const { replica, store } = await registry(t);
    const ids = idsOf('old', 1_500);
    await fill(replica, ids);
    const pages = await pagesOf(store, 100, async (n) => fill(replica, idsOf(`new${n}-`, n < 12 ? 500 : 0)));
    assertHasAll(pages, ids);
  });

  test('over a new connection the shard is begun again', async (t) => {
    const { replica, store } = await registry(t, 2);
    const ids = idsOf('c', 3_000);
    await fill(replica, ids);
    const pages = await pagesOf(store, 100, async (n) => n === 5 && killScanConnection(client));
    assertHasAll(pages, ids);
    const after = new Set(found(pages.slice(5)));
    const again = found(pages.slice(0, 5)).filter((id) => after.has(id));
    assert.equal(again.length, found(pages.slice(0, 5)).length, 'what came before was told again');
  });

  test('claims past retention and fields that are none are left out; the rest are told as they are', async (t) => {
    const { replica, store, key, corrupt } = await registry(t);
    await fill(replica, ['gone', 'kept', 'wrong']);
    await replica.one(0, validate('gone', 'p'));
    await client.hset(key, 'wrong', 'P|x|1|p');
    await replica.advance(FAULT_SETTINGS.retentionEpochs + 1);
    assert.deepEqual(found(await pagesOf(store, 10)), ['kept']);
    assert.deepEqual(corrupt, [`${key} wrong`]);
    assert.equal(store.corruptFields, 1);
    assert.equal(await store.reclaim(10), 1);
    assert.deepEqual((await client.hkeys(key)).sort(), ['kept', 'wrong']);
  });
});

/** Resets the connections over which stores scan. */
async function killScanConnection(client: Redis): Promise<void> {
  for (const line of String(await client.client('LIST')).split('\n')) {
    const id = /^id=(\d+) .*name=claims-scan /.exec(line)?.[1];
    if (id !== undefined) await client.client('KILL', 'ID', id);
  }
}

describe('a scan on a cluster', () => {
  let cluster: RedisCluster;
  before(async () => {
    cluster = await startRedisCluster();
  });
  after(() => cluster.stop());

  test('a slot that moves in the middle is begun again where it has gone', async (t) => {
    const { replica, store } = await openRedisReplica(t, clusterAt(cluster), { shards: 4 });
    const ids = idsOf('c', 4_000);
    await fill(replica, ids);
    const slot = await cluster.slotOf('claim_registry:{0}');
    const from = await cluster.ownerOf(slot);
    const to = cluster.masters.find((node) => node !== from);
    assert.ok(to !== undefined);
    const pages = await pagesOf(store, 100, async (n) => n === 3 && cluster.moveSlot(slot, to));
    assertHasAll(pages, ids);
    assert.ok(found(pages).length > ids.length, 'what came before was told again');
  });
});
