/** Starts that must fail: one readable line, exit code 1, and nothing touched. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import { type ClaimdOptions, runClaimd } from '../support/claimd.ts';
import { claimdFor, clientFor, temporaryFolder } from '../support/for-test.ts';

describe('settings that are not allowed', { concurrency: 2 }, () => {
  for (const [what, options, ...said] of [
    ['a value', { env: { CLAIMS_EPOCH_LENGTH_MS: 'ten' } }, 'CLAIMS_EPOCH_LENGTH_MS', 'ten', '86400000'],
    ['a value out of range', { env: { CLAIMS_WORKERS: '-1' } }, 'CLAIMS_WORKERS', '-1', '190'],
    ['no power of two', { env: { CLAIMS_SEGMENTS: '48' } }, 'CLAIMS_SEGMENTS', '48', 'power of two'],
    ['a partition', { env: { CLAIMS_PARTITION: 'team' } }, 'CLAIMS_PARTITION', 'team', 'claim, player'],
    ['a variable', { env: { CLAIMS_WORKER: '2' } }, 'CLAIMS_WORKER', '2', 'CLAIMS_WORKERS'],
    ['a flag', { args: ['--epoch-length', '5000'] }, '--epoch-length'],
    ['a flag’s value', { args: ['--listen', 'nowhere'] }, '--listen', 'nowhere', 'HOST:PORT'],
    ['a store', { env: { CLAIMS_STORE: 'postgres://x' } }, 'CLAIMS_STORE', 'postgres', 'sqlite:'],
    ['a file', { args: ['--config', '/nowhere/claims.json'] }, '/nowhere/claims.json'],
    [
      'a relation',
      { env: { CLAIMS_DRAIN_DELAY_MS: '5000', CLAIMS_DRAIN_TIMEOUT_MS: '1000' } },
      'CLAIMS_DRAIN_DELAY_MS',
      '5000',
      '1000',
    ],
  ] satisfies [string, ClaimdOptions, ...string[]][]) {
    test(`${what}: ${said.join(', ')}`, async (t) => {
      const dataFolder = await temporaryFolder(t);
      checkOneLine(await runClaimd({ ...options, dataFolder }), said);
      assert.deepEqual(await readdir(dataFolder), []);
    });
  }
});

describe('a registry of other settings', () => {
  const own = {
    CLAIMS_EPOCH_LENGTH_MS: '5000',
    CLAIMS_VALIDATION_WINDOW_MS: '7000',
    CLAIMS_RETENTION_EPOCHS: '55',
    CLAIMS_PARTITION: 'player',
  };

  test('both values are named, the folder is untouched, and its own settings still serve', async (t) => {
    const dataFolder = await registry(t, own);
    const kept = await digest(dataFolder);
    for (const [name, value, other] of [
      ['CLAIMS_EPOCH_LENGTH_MS', '5000', '6000'],
      ['CLAIMS_VALIDATION_WINDOW_MS', '7000', '8000'],
      ['CLAIMS_RETENTION_EPOCHS', '55', '56'],
      ['CLAIMS_PARTITION', 'player', 'claim'],
    ]) {
      checkOneLine(await runClaimd({ dataFolder, env: { ...own, [name]: other } }), [value, other]);
      assert.deepEqual(await digest(dataFolder), kept, name);
    }
    await checkServes(t, dataFolder, own);
  });
});

describe('a place that cannot be used', { concurrency: 2 }, () => {
  test('below a regular file', async (t) => {
    const folder = await temporaryFolder(t);
    const file = join(folder, 'file');
    await writeFile(file, 'not a folder');
    checkOneLine(await runClaimd({ dataFolder: join(file, 'data') }), [file]);
    assert.equal(await readFile(file, 'utf8'), 'not a folder');
  });

  test('a database that is a folder', async (t) => {
    const path = await temporaryFolder(t);
    await mkdir(join(path, 'claims.db'), { recursive: true });
    checkOneLine(await runClaimd({ dataFolder: path }), ['claims.db']);
  });

  test('a file that is no database', async (t) => {
    const path = await temporaryFolder(t);
    await writeFile(join(path, 'claims.db'), 'These are not the bytes of a database.\n'.repeat(400));
    const kept = await digest(path);
    checkOneLine(await runClaimd({ dataFolder: path }), ['claims.db']);
    assert.deepEqual(await digest(path), kept);
  });

  test('a database of another program', async (t) => {
    const path = await temporaryFolder(t);
    const database = new DatabaseSync(join(path, 'claims.db'));
    database.exec("CREATE TABLE players (name TEXT); INSERT INTO players VALUES ('Jim Hawkins')");
    database.close();
    const kept = await digest(path);
    checkOneLine(await runClaimd({ dataFolder: path }), ['claims.db']);
    assert.deepEqual(await digest(path), kept);
  });

  test('a database of another version of this program', async (t) => {
    const path = await registry(t, {});
    const database = new DatabaseSync(join(path, 'claims.db'));
    const version = database.prepare('PRAGMA user_version').get()?.['user_version'];
    assert.equal(typeof version, 'number');
    database.exec(`PRAGMA user_version = ${Number(version) + 1}`);
    database.close();
    const kept = await digest(path);
    checkOneLine(await runClaimd({ dataFolder: path }), [
      'claims.db',
      `${version}`,
      `${Number(version) + 1}`,
    ]);
    assert.deepEqual(await digest(path), kept);
  });

  test('a database cut short', async (t) => {
    const path = await registry(t, {});
    const file = join(path, 'claims.db');
    await writeFile(file, (await readFile(file)).subarray(0, 5_000));
    const kept = await digest(path);
    checkOneLine(await runClaimd({ dataFolder: path }), ['claims.db']);
    assert.deepEqual(await digest(path), kept);
  });

  test('a port in use', async (t) => {
    const holder = createServer().listen(0, '127.0.0.1');
    t.after(() => holder.close());
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const env = { CLAIMS_LISTEN: `127.0.0.1:${port}` };
    checkOneLine(await runClaimd({ env }), [`127.0.0.1:${port}`]);
  });
});

test('--help prints every setting and ends with 0', async () => {
  const { exitCode, log } = await runClaimd({ args: ['--help'] });
  assert.equal(exitCode, 0);
  for (const name of ['CLAIMS_LISTEN', 'CLAIMS_EPOCH_LENGTH_MS', 'CLAIMS_MAX_CLOCK_SKEW_MS', '10000']) {
    assert.ok(log.includes(name), name);
  }
});

/** Exit code 1 and a single line for a reader, which says what is expected of it. */
function checkOneLine({ exitCode, log }: { exitCode: number; log: string }, said: readonly string[]): void {
  assert.equal(exitCode, 1, log);
  const lines = log.trimEnd().split('\n');
  assert.equal(lines.length, 1, log);
  for (const part of said) assert.ok(lines[0].includes(part), `"${part}" is not said: ${log}`);
  assert.doesNotMatch(log, /^\{|\bat .+:\d+:\d+|\[object|undefined/, log);
}

/** A folder with a registry of such settings, no server on it. */
async function registry(t: TestContext, env: Record<string, string>): Promise<string> {
  const dataFolder = await temporaryFolder(t);
  await checkServes(t, dataFolder, env);
  return dataFolder;
}

async function checkServes(t: TestContext, dataFolder: string, env: Record<string, string>): Promise<void> {
  const claimd = await claimdFor(t, { dataFolder, env });
  const { outcome } = await clientFor(t, claimd).submit({ claimId: 'kept', playerId: 'p' });
  assert.ok(outcome === 'ACCEPTED' || outcome === 'REPLAYED', outcome);
  assert.equal(await claimd.stop(), 0);
}

/** The files of a folder and what is in them. */
async function digest(folder: string): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const name of (await readdir(folder)).sort()) {
    digests[name] = createHash('sha256')
      .update(await readFile(join(folder, name)))
      .digest('hex');
  }
  return digests;
}
