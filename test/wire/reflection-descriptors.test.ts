import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

test('the descriptors that reflection serves are those of the .proto file', () => {
  const options = ['--exclude-source-info', '--as-file-descriptor-set', '-o', '-#format=binpb'];
  const built = execFileSync('node_modules/.bin/buf', ['build', ...options]);
  assert.deepEqual(readFileSync('proto/claims.binpb'), built, 'run `npm run proto`');
});
