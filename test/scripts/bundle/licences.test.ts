/** The licences that ship with the bundle. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { licenceTexts, packageFolder } from '../../../scripts/bundle/licences.ts';

/** A repository with one package. */
async function repository(t: TestContext, manifest: object, files: Record<string, string>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'licences-'));
  t.after(() => rm(root, { recursive: true }));
  const folder = join(root, 'node_modules/a');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'a', version: '1.2.3', ...manifest }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return root;
}

test('name, version, licence and licence files, each package once', async (t) => {
  const root = await repository(
    t,
    { license: 'MIT' },
    { LICENSE: 'Permission …\n', 'NOTICE.md': 'Of X', 'index.js': 'code' },
  );
  const text = await licenceTexts(root, ['node_modules/a', 'node_modules/a']);
  assert.equal(text.split('a 1.2.3: MIT').length, 2);
  assert.match(text, /Permission …\n\nOf X\n$/);
  assert.doesNotMatch(text, /code/);
});

test('another licence is refused, and none', async (t) => {
  const gpl = await repository(t, { license: 'GPL-3.0' }, {});
  await assert.rejects(
    licenceTexts(gpl, ['node_modules/a']),
    /a 1\.2\.3: its licence is GPL-3\.0; allowed: /,
  );
  const none = await repository(t, {}, {});
  await assert.rejects(licenceTexts(none, ['node_modules/a']), /its licence is undefined/);
});

test('which package a module is of', () => {
  assert.equal(packageFolder('node_modules/@grpc/grpc-js/build/src/index.js'), 'node_modules/@grpc/grpc-js');
  assert.equal(packageFolder('node_modules/a/node_modules/b/c.js'), 'node_modules/a/node_modules/b');
  assert.equal(packageFolder('src/main.ts'), undefined);
});
