/** The set-up of `npm test`, with an apt-get of the test's own that notes what it is told. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CannotInstall } from '../../scripts/debian.ts';
import { installTestPrograms, testProgramPath } from '../../scripts/test-programs.ts';
import { REPOSITORY } from '../support/program.ts';

const PROGRAMS = [
  { name: 'one', package: 'package-of-one' },
  { name: 'two', package: 'package-of-two' },
];
const ROOT = 0;
const SOMEBODY = 1_000;

/** A folder that is the whole PATH of this process during the test. */
function onlyPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'claims-path-'));
  const before = process.env['PATH'];
  process.env['PATH'] = folder;
  t.after(() => {
    process.env['PATH'] = before;
    rmSync(folder, { recursive: true });
  });
  return folder;
}

function program(folder: string, name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** An apt that knows every package once its lists were fetched. */
function apt(folder: string, installStatus = 0): void {
  program(folder, 'apt-get', `echo "$@" >> ${folder}/told; [ $1 = update ] || exit ${installStatus}`);
  program(folder, 'apt-cache', `[ -e ${folder}/told ] && echo "  Candidate: 5:7.0.15-1" || echo "(none)"`);
}

function told(folder: string): string[] {
  const file = join(folder, 'told');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

function failure(work: () => void): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof CannotInstall, String(error));
    return error.message;
  }
  return assert.fail('nothing was wrong');
}

test('nothing is done where every program is there', (t) => {
  const folder = onlyPath(t);
  apt(folder);
  for (const { name } of PROGRAMS) program(folder, name, 'true');
  installTestPrograms(PROGRAMS, ROOT);
  assert.deepEqual(told(folder), []);
});

test('root with apt: the packages of what is missing are installed, the lists fetched before', (t) => {
  const folder = onlyPath(t);
  apt(folder);
  program(folder, 'two', 'true');
  installTestPrograms(PROGRAMS, ROOT);
  assert.deepEqual(told(folder), ['update', 'install --yes --no-install-recommends package-of-one']);
});

test('a package that brings several programs is installed once', (t) => {
  const folder = onlyPath(t);
  apt(folder);
  installTestPrograms([...PROGRAMS, { name: 'three', package: 'package-of-two' }], ROOT);
  assert.deepEqual(told(folder), [
    'update',
    'install --yes --no-install-recommends package-of-one package-of-two',
  ]);
});

test('an installation that fails is told', (t) => {
  const folder = onlyPath(t);
  apt(folder, 100);
  assert.match(
    failure(() => installTestPrograms(PROGRAMS, ROOT)),
    /^apt-get install .* failed$/,
  );
});

test('nobody but root with apt installs; one line says what to do', (t) => {
  const folder = onlyPath(t);
  const line =
    "one and two missing: install Debian's package-of-one package-of-two " +
    '(apt-get install package-of-one package-of-two)';
  assert.equal(
    failure(() => installTestPrograms(PROGRAMS, ROOT)),
    line,
    'root without apt',
  );
  apt(folder);
  assert.equal(
    failure(() => installTestPrograms(PROGRAMS, SOMEBODY)),
    line,
  );
  assert.deepEqual(told(folder), []);
});

test('a package that apt does not know', (t) => {
  const folder = onlyPath(t);
  apt(folder);
  program(folder, 'apt-cache', 'echo "  Candidate: (none)"');
  assert.match(
    failure(() => installTestPrograms(PROGRAMS, ROOT)),
    /missing/,
  );
  assert.deepEqual(told(folder), ['update']);
});

test('the script ends with code 1 and that line', (t) => {
  const env = { PATH: onlyPath(t) };
  const script = join(REPOSITORY, 'scripts/install-test-programs.ts');
  const { status, stderr } = spawnSync(process.execPath, [script], { env, encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^test: redis-server and openssl and prometheus and promtool missing: install Debian's .*\n$/,
  );
});

test('a test without its program fails', (t) => {
  onlyPath(t);
  assert.throws(() => testProgramPath('redis-server'), /redis-server is not on the PATH/);
});
