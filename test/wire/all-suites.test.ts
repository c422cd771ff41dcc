/** That no suite and no test of the wire is forgotten: each runs somewhere, or its reason is given. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { REPOSITORY } from '../support/program.ts';
import { RedisTarget } from '../support/redis-service.ts';
import { SQLITE } from '../support/sqlite-service.ts';
import { LEFT_OUT, ON_ONE_CLAIMD, WIRE_SUITES } from './suites/all.ts';

const FOLDER = join(REPOSITORY, 'test/wire');
/** What the suites are made with. */
const NOT_SUITES: readonly string[] = ['all.ts', 'suite.ts'];

test('every suite there is runs on every kind of service, or is listed with its reason', async () => {
  const files = readdirSync(join(FOLDER, 'suites')).filter((name) => !NOT_SUITES.includes(name));
  const exported = await Promise.all(
    files.map(async (name) => Object.values<unknown>(await import(`./suites/${name}`))),
  );
  assert.deepEqual(new Set(exported.flat()), new Set<unknown>(WIRE_SUITES));
  const onRedis = [1, 2, 3].map((replicas) => new RedisTarget(replicas));
  for (const { suite, from, reason } of LEFT_OUT) {
    assert.ok(WIRE_SUITES.includes(suite) && reason !== '', suite.name);
    assert.ok(!from(SQLITE), `${suite.name} runs on SQLite`);
    assert.ok(!onRedis.every(from), `${suite.name} runs somewhere on Redis`);
  }
});

test('every other test of a running claimd is of Redis, or says why one on SQLite is enough', () => {
  const onSqlite = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => ({ name: basename(name, '.test.ts'), text: readFileSync(join(FOLDER, name), 'utf8') }))
    .filter(
      ({ text }) => /\b(?:claimdFor|startClaimd|runClaimd)\(/.test(text) && !/\/redis-\w+\.ts'/.test(text),
    )
    .map(({ name }) => name);
  assert.deepEqual(new Set(onSqlite), new Set(Object.keys(ON_ONE_CLAIMD)));
});
