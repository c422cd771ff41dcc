/** An import that is interrupted, or whose servers fail: what it goes on from, and that nothing is left out. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { ExitCode } from '../../../src/claimctl/exit-codes.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { REPOSITORY } from '../../support/program.ts';
import { startRedisCluster } from '../../support/redis-cluster.ts';
import { startRedis } from '../../support/redis-server.ts';
import { EventfulIo, interruptedAt, MADE_WITH, Places, run, seed, temporaryFolder } from './places.ts';

before(() => Places.open());
after(() => Places.close());

describe('an import that was interrupted', () => {
  test('goes on where it was, and tells of the whole', async (t) => {
    const places = await Places.make();
    await seed(places.source, 20_000);
    const state = temporaryFolder(t)('state');
    const first = await run(places, ['--state', state, ...MADE_WITH], interruptedAt(9));
    assert.equal(first.exitCode, ExitCode.INTERRUPTED);
    const read = Number(first.summary['fields']);
    assert.ok(read >= 1_000 && read < 20_000, `${read} fields were read`);
    assert.match(first.io.err, /interrupted; \d+ of about 20000 fields were read; the same command goes on/);

    const second = await run(places, ['--state', state]);
    assert.equal(second.exitCode, ExitCode.DONE, second.io.err);
    const { resumed, fields, imported } = second.summary;
    assert.deepEqual([resumed, fields, imported], [true, 20_000, 20_000]);
    assert.equal(second.summary.skipped['same'], 0, 'nothing was read twice');
    assert.equal(Object.keys(await places.imported()).length, 20_000);
    assert.ok(!existsSync(state), 'what is done is not gone on with');
  });

  test('begins anew where the server has been started anew, or the state is of another import', async (t) => {
    const own = await startRedis();
    t.after(() => own.stop());
    const places = { from: own.url, to: (await Places.make()).to };
    await seed(own.client(), 5_000);
    const state = temporaryFolder(t)('state');
    assert.equal((await run(places, ['--state', state, ...MADE_WITH], interruptedAt(5))).exitCode, 130);
    await own.restart({ keepData: true });
    const { exitCode, io, summary } = await run(places, ['--state', state], interruptedAt(5));
    assert.equal(exitCode, ExitCode.INTERRUPTED);
    assert.match(io.err, /beginning anew/);
    assert.ok(summary.skipped['same'] > 0, 'what is there already stands');
    const elsewhere = { from: own.url, to: (await Places.make()).to };
    const other = await run(elsewhere, ['--state', state, ...MADE_WITH]);
    assert.deepEqual([other.exitCode, other.summary['imported']], [ExitCode.DONE, 5_000]);
    assert.match(other.io.err, /beginning anew/);
  });

  test('does not begin with a state file that is none, or can’t be', async (t) => {
    const places = await Places.make();
    await seed(places.source, 10);
    const path = temporaryFolder(t);
    for (const text of ['', '{"hash":0}', 'null', '[1]']) {
      writeFileSync(path('none'), text);
      const { exitCode, io } = await run(places, ['--state', path('none'), ...MADE_WITH]);
      assert.equal(exitCode, ExitCode.USAGE);
      assert.match(io.err, /^claimctl: --state: [^\n]* is not the state of an import[^\n]*\n$/);
    }
    const { exitCode, io } = await run(places, ['--state', path('no/folder/state'), ...MADE_WITH]);
    assert.equal(exitCode, ExitCode.USAGE);
    assert.match(io.err, /can't be written \(ENOENT\)/);
    assert.deepEqual(await places.imported(), {});
  });
});

describe('failures on the way', () => {
  test('connections that break are made anew, and every claim arrives once', async (t) => {
    const places = await Places.make();
    await seed(places.source, 10_000);
    const proxies = [await FaultProxy.start(Places.server), await FaultProxy.start(Places.server)];
    t.after(() => Promise.all(proxies.map((proxy) => proxy.stop())));
    const [from, to] = proxies.map((proxy, n) => {
      const { pathname } = new URL(n === 0 ? places.from : places.to);
      return `redis://${proxy.host}:${proxy.port}${pathname}`;
    });
    let asked = 0;
    const io = new EventfulIo((times) => {
      asked = times;
      // Both are cut now and then, while a page is on its way.
      if (times % 7 === 0) for (const proxy of proxies) proxy.cutAll();
    });
    const { exitCode } = await run({ from, to }, MADE_WITH, io);
    assert.equal(exitCode, ExitCode.DONE, io.err);
    assert.ok(asked > 14, 'connections were cut');
    assert.equal(Object.keys(await places.imported()).length, 10_000);
  });

  test('a source that is another run of the server now: the hash is read anew, and nothing is left out', async (t) => {
    const own = await startRedis();
    t.after(() => own.stop());
    const places = { from: own.url, to: (await Places.make()).to };
    await seed(own.client(), 20_000);
    let restarted: Promise<void> | undefined;
    const io = new EventfulIo((times) => {
      if (times === 9) restarted = own.restart({ keepData: true });
    });
    const { exitCode, summary } = await run(places, MADE_WITH, io);
    await restarted;
    assert.equal(exitCode, ExitCode.DONE, io.err);
    assert.equal(summary['imported'], 20_000);
    assert.ok(summary.skipped['same'] > 0, 'it was begun again');
  });

  test('a target that stays away ends it with 3, and the state goes on once it is back', async (t) => {
    const places = await Places.make();
    await seed(places.source, 5_000);
    const own = await startRedis();
    t.after(() => own.stop());
    const state = temporaryFolder(t)('state');
    const args = ['--state', state, '--deadline', '200', '--retries', '1'];
    const io = new EventfulIo((times) => {
      if (times === 6) void own.kill();
    });
    const failed = await run({ from: places.from, to: own.url }, [...args, ...MADE_WITH], io);
    assert.equal(failed.exitCode, ExitCode.UNCONFIRMED, failed.io.err);
    assert.equal(failed.summary['retries'], 1);
    assert.match(failed.io.err, /^claimctl: redis:[^\n]*; \d+ of about 5000 fields were read; [^\n]*\n$/);
    await own.restart({ keepData: true });
    const again = await run({ from: places.from, to: own.url }, args);
    assert.deepEqual([again.exitCode, again.summary['fields']], [ExitCode.DONE, 5_000]);
    assert.equal((await own.client().keys('claim_registry:*')).length, 16);
  });
});

test('between a Redis Cluster and a single server, both ways', async (t) => {
  const cluster = await startRedisCluster();
  t.after(() => cluster.stop());
  const places = await Places.make();
  await seed(places.source, 2_000);
  const there = await run({ from: places.from, to: cluster.url }, MADE_WITH);
  assert.deepEqual([there.exitCode, there.summary['imported']], [ExitCode.DONE, 2_000], there.io.err);
  const state = temporaryFolder(t)('state');
  const back = { from: cluster.url, to: places.to };
  const some = await run(back, ['--state', state, ...MADE_WITH], interruptedAt(9));
  assert.equal(some.exitCode, ExitCode.INTERRUPTED);
  const all = await run(back, ['--state', state]);
  assert.deepEqual(
    [all.exitCode, all.summary['hashes'], all.summary['imported']],
    [ExitCode.DONE, 16, 2_000],
  );
  assert.equal(Object.keys(await places.imported()).length, 2_000);
});

describe('as a process of its own', () => {
  test('it ends by itself, done', async () => {
    const places = await Places.make();
    await seed(places.source, 2_000);
    const { code, out, err } = await claimctl(
      'import',
      '--from',
      places.from,
      '--store',
      places.to,
      ...MADE_WITH,
    );
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, /^import: 2000 fields/);
  });

  test('it waits for servers that are away, and then says so', async () => {
    const { code, out, err } = await claimctl(
      ...['import', '--deadline', '300', '--from', 'redis://127.0.0.1:1', '--store', 'redis://127.0.0.1:1'],
    );
    assert.deepEqual([code, out], [3, '']);
    assert.match(err, /^claimctl: redis:[^\n]*\n$/);
  });
});

async function claimctl(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(REPOSITORY, 'src/claimctl/main.ts'), ...args], { env: {} });
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, out, err };
}
