import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtName, isAtLeast, readPins } from '../../scripts/tools.ts';

test('versions of Go are compared by number', () => {
  const cases: [version: string, minimum: string, atLeast: boolean][] = [
    ['1.23.0', '1.23.0', true],
    ['1.23', '1.23.0', true],
    ['1.9.7', '1.23.0', false],
    ['1.19', '1.23.0', false],
    ['1.26.8', '1.23.0', true],
    ['1.25rc1', '1.23.0', true],
    ['2.0', '1.23.0', true],
  ];
  for (const [version, minimum, atLeast] of cases)
    assert.equal(isAtLeast(version, minimum), atLeast, version);
});

test('every tool is pinned to one version and says its licence', () => {
  for (const tool of readPins().tools) {
    assert.match(tool.version, /^v\d+\.\d+\.\d+(-0\.\d{14}-[0-9a-f]{12})?$/, tool.name);
    assert.match(tool.licence, /^(Apache-2\.0|MIT)$/);
  }
});

test('every tool has a binary of its own, also while it still has the name that Go gave it', () => {
  const { tools } = readPins();
  const names = new Set(tools.flatMap((tool) => [tool.name, builtName(tool)]));
  const renamed = tools.filter((tool) => tool.name !== builtName(tool)).map(({ name }) => name);
  assert.deepEqual(renamed, ['ratelimit']);
  assert.equal(names.size, tools.length + renamed.length);
});
