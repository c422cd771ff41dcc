import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, type TestContext, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { SteppedClock } from '../../../src/clock/stepped-clock.ts';
import { StoreUnavailable } from '../../../src/domain/errors.ts';
import { SqliteStore } from '../../../src/store/sqlite/sqlite-store.ts';
import { type MakeStore, RegistryUnderTest } from '../registry-under-test.ts';
import { get, type Replica, submit } from '../replica.ts';
import { describeStoreContract } from '../store-contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'sqlite-store-'));
after(() => rmSync(folder, { recursive: true }));

const fileOf = (registry: string) => join(folder, registry, 'claims.db');

function makeIn(path: (registry: string) => string): MakeStore {
  return async ({ registry, settings, maxClockSkewMs, entries }) => {
    const clock = new SteppedClock(1_700_000_000_000);
    const options = { path: path(registry), settings, maxClockSkewMs, maxBytes: 0, clock, entries };
    return { store: new SqliteStore(options), nowMs: async () => clock.nowMs() };
  };
}
const makeStore = makeIn(fileOf);

describeStoreContract('SqliteStore', makeStore);

test('a registry in memory lives as long as its store', async (t) => {
  const registry = new RegistryUnderTest(
    makeIn(() => ':memory:'),
    t,
  );
  const replica = await registry.open();
  await replica.one(0, submit('c', 'p1'));
  assert.equal((await replica.one(0, get('c'))).outcome, 'FOUND');
  assert.equal((await (await registry.open()).one(0, get('c'))).outcome, 'NOT_FOUND');
});

test('replicas that come to a folder without a registry at once all serve the same one', async (t) => {
  const registry = new RegistryUnderTest(makeStore, t);
  const replicas = await Promise.all([0, 1, 2, 3].map(() => registry.open()));
  const results = await Promise.all(replicas.map((replica, i) => replica.one(0, submit('c', `p${i}`))));
  assert.deepEqual(results.map((result) => result.outcome).sort(), ['ACCEPTED', 'TAKEN', 'TAKEN', 'TAKEN']);
});

describe('the store’s thread', () => {
  /** A replica, its thread, and the write lock on its database in the hand of the test. */
  async function blockedReplica(
    t: TestContext,
  ): Promise<{ replica: Replica; thread: Worker; release: () => void; registry: RegistryUnderTest }> {
    let path = '';
    const make = makeIn((registry) => {
      path = fileOf(registry);
      return path;
    });
    const registry = new RegistryUnderTest(make, t);
    const started = new Promise<Worker>((resolve) => process.once('worker', resolve));
    const replica = await registry.open();
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    return { replica, thread: await started, release: () => other.close(), registry };
  }

  test('waits for another process that writes', async (t) => {
    const { replica, release } = await blockedReplica(t);
    const waiting = replica.one(0, submit('c', 'p1'));
    setTimeout(release, 50);
    assert.equal((await waiting).outcome, 'ACCEPTED');
  });

  test('is not closed before it has served what was begun, however late the client hears of it', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    const begun = Array.from({ length: 40 }, (_, i) => replica.one(0, submit(`c${i}`, 'p1')));
    const closed = replica.store.close();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    assert.ok((await Promise.all(begun)).every((result) => result.outcome === 'ACCEPTED'));
    await closed;
  });

  test('that ends rejects what is pending and all that comes later, each once', async (t) => {
    const { replica, thread, release, registry } = await blockedReplica(t);
    const pending = [
      ...Array.from({ length: 20 }, (_, i) => replica.one(0, submit(`c${i}`, 'p1'))),
      replica.advance(0),
      replica.scan(),
    ].map((call) => call.then(() => 'resolved', String));
    const terminated = thread.terminate();
    release();
    await terminated;
    const outcomes = new Set(await Promise.all(pending));
    assert.deepEqual([...outcomes], ["StoreUnavailable: the store's thread ended"]);
    await assert.rejects(replica.one(0, get('c')), StoreUnavailable);
    await assert.rejects(replica.store.reclaim(1), StoreUnavailable);
    await replica.store.close();
    assert.equal((await (await registry.open()).one(0, submit('c', 'p2'))).outcome, 'ACCEPTED');
  });

  test('that fails by a fault of the program says so', async (t) => {
    const replica = await new RegistryUnderTest(makeStore, t).open();
    await assert.rejects(replica.store.scan('no cursor of ours', 10), (error: Error) => {
      return error instanceof StoreUnavailable && error.message.includes('AssertionFailure: scan');
    });
    await assert.rejects(replica.advance(0), StoreUnavailable);
  });
});
