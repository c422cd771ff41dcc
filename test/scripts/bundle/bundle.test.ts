/**
 * The bundle in a folder of its own, as an image has it: dist, proto and package.json, no sources and
 * no node_modules. Its programs do what the sources do.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { bundle } from '../../../scripts/bundle/bundle.ts';
import { ENTRIES } from '../../../scripts/bundle/contents.ts';
import { type Claimd, launchClaimd, runClaimd, startClaimd } from '../../support/claimd.ts';
import { otlpReceiverFor } from '../../support/otlp-receiver.ts';
import { REPOSITORY } from '../../support/program.ts';
import { startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/waiting.ts';

/** A preloaded module that makes the program fail where it gives itself a name. */
const FAULT = `data:text/javascript,${encodeURIComponent(`
  import crypto from 'node:crypto';
  import { syncBuiltinESMExports } from 'node:module';
  crypto.randomUUID = () => { throw new TypeError('a fault'); };
  syncBuiltinESMExports();`)}`;

let root = '';

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'bundle-'));
  await bundle(join(root, 'dist'));
  for (const name of ['proto', 'package.json'])
    await cp(join(REPOSITORY, name), join(root, name), { recursive: true });
});

after(() => rm(root, { recursive: true, force: true }));

function inBundle(path: string): string {
  return join(root, 'dist', path);
}

interface Ran {
  readonly code: number;
  readonly out: string;
}

/** Runs claimctl of the bundle, away from the repository. */
function claimctl(claimd: Claimd, ...args: string[]): Promise<Ran> {
  const env = { CLAIMS_ADDRESS: claimd.address };
  return new Promise((resolve) => {
    execFile(process.execPath, [inBundle('claimctl/main.js'), ...args], { cwd: root, env }, (error, out) =>
      resolve({ code: error === null ? 0 : Number(error.code), out }),
    );
  });
}

async function takesClaims(env: Readonly<Record<string, string>>): Promise<void> {
  const claimd = await startClaimd({ file: inBundle('main.js'), env: { CLAIMS_WORKERS: '2', ...env } });
  try {
    const submitted = await claimctl(claimd, 'submit', 'treasure', 'ann');
    assert.deepEqual([submitted.code, submitted.out.split(':')[0]], [0, 'ACCEPTED']);
    const validated = await claimctl(claimd, 'validate', 'treasure', 'ann');
    assert.deepEqual([validated.code, validated.out.split(':')[0]], [0, 'ACCEPTED']);
    const metrics = await (await fetch(`http://${claimd.adminAddress}/metrics`)).text();
    assert.match(metrics, /^claims_/m);
  } finally {
    assert.equal(await claimd.stop(), 0, claimd.log());
  }
  assert.match(claimd.log(), /"msg":"stopped"/);
}

test('claims on SQLite, by claimctl of the bundle; metrics; a drain', () => takesClaims({}));

test('claims on Redis', async () => {
  const redis = await startRedis();
  try {
    await takesClaims({ CLAIMS_STORE: redis.url });
  } finally {
    await redis.stop();
  }
});

test('traces and metrics are sent from the bundle', async (t) => {
  const receiver = await otlpReceiverFor(t);
  await takesClaims({ CLAIMS_OTLP_ENDPOINT: receiver.endpoint });
  assert.ok(receiver.spans.some(({ name }) => name === 'epoch'));
  assert.ok(receiver.requests.some(({ path }) => path === '/v1/metrics'));
});

test('its log is for people where that is asked for', async () => {
  const env = { CLAIMS_LOG_FORMAT: 'pretty' };
  const claimd = await launchClaimd({ file: inBundle('main.js'), env });
  await until('the program to serve', () => claimd.log().includes('serving'));
  assert.equal(await claimd.stop(), 0, claimd.log());
  assert.match(
    claimd.log(),
    /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO \(\d+\): serving\n {4}address: "127\.0\.0\.1:\d+"$/m,
  );
  assert.match(claimd.log(), /INFO: stopped\n$/);
});

test('a bad setting is one line', async () => {
  const { exitCode, log } = await runClaimd({
    file: inBundle('main.js'),
    env: { CLAIMS_WORKERS: 'many' },
  });
  assert.equal(exitCode, 1);
  assert.match(log, /^claimd: CLAIMS_WORKERS: "many" is not allowed; allowed: [^\n]+\n$/);
});

test('a fault of the program is a stack trace with the names of the sources; maps lead to their lines', async () => {
  const start = { file: inBundle('main.js') };
  const bare = await runClaimd({ ...start, execArgv: ['--import', FAULT] });
  assert.match(bare.log, /^claimd: TypeError: a fault\n/);
  assert.match(bare.log, /at main \(.*dist\/main\.js:\d+:\d+\)/);
  const mapped = await runClaimd({ ...start, execArgv: ['--import', FAULT, '--enable-source-maps'] });
  assert.match(mapped.log, /at main \(.*src\/main\.ts:\d+:\d+\)/);
});

test('every entry is there, and the licences of what is in them', async () => {
  const files = await readdir(inBundle('.'), { recursive: true });
  for (const { output } of ENTRIES) assert.ok(files.includes(output), output);
  const licences = await readFile(inBundle('LICENSES.txt'), 'utf8');
  for (const name of ['@grpc/grpc-js', '@opentelemetry/sdk-node', 'ioredis', 'piscina'])
    assert.match(licences, new RegExp(`^${name} \\d`, 'm'));
});
