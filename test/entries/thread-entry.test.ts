import assert from 'node:assert/strict';
import { test } from 'node:test';
import { threadEntry } from '../../src/entries/thread-entry.ts';

test('a thread’s module has the extension of the module that starts it', () => {
  assert.equal(threadEntry('file:///app/src/a/b.ts', './c').href, 'file:///app/src/a/c.ts');
  assert.equal(threadEntry('file:///app/dist/a/b.js', './c').href, 'file:///app/dist/a/c.js');
});

test('folders with dots, spaces and a query do not mislead it', () => {
  assert.equal(threadEntry('file:///a.d/my%20app/b.js?v=1.2', '../x/c').href, 'file:///a.d/x/c.js');
});
