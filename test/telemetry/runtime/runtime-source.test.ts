/** Node's and V8's own figures, on threads of this process: one whose event loop turns, one that never lets it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { loopSource, ProfilerSource } from '../../../src/telemetry/runtime/runtime-source.ts';
import type { GcPause } from '../../../src/telemetry/runtime/runtime-stats.ts';
import { collectGarbage } from '../../support/garbage.ts';

test('an observer is told of each collection by its kind, until it stops', async () => {
  const heard: GcPause[] = [];
  const stop = loopSource.onPause((pause) => heard.push(pause));
  collectGarbage('major');
  collectGarbage('minor');
  while (!['major', 'minor'].every((kind) => heard.some((pause) => pause.kind === kind))) await nextTurn();
  assert.ok(heard.every(({ pauseMs }) => pauseMs >= 0 && pauseMs < 60_000));
  assert.ok(heard.some(({ pauseMs }) => pauseMs > 0));
  stop();
  const before = heard.length;
  collectGarbage('minor');
  await nextTurn();
  await nextTurn();
  assert.equal(heard.length, before);
});

test('the profiler tells of collections without a turn of the event loop, each once', () => {
  const source = new ProfilerSource();
  assert.deepEqual(source.takeCollections(), []);
  collectGarbage('minor');
  collectGarbage('major');
  const collections = source.takeCollections();
  const major = collections.find(({ kind }) => kind === 'major');
  assert.ok(major !== undefined && collections.some(({ kind }) => kind === 'minor'));
  assert.ok(major.pauseMs > 0.01 && major.pauseMs < 60_000, `${major.pauseMs} ms`);
  assert.ok(major.heapAfter > 1e6 && major.heapAfter < 1e9, `${major.heapAfter} bytes`);
  assert.ok(source.takeCollections().every(({ kind }) => kind !== 'major'));
});

test('what is allocated is counted, though it is collected again', () => {
  const before = loopSource.heap();
  let last: number[] = [];
  for (let i = 0; i < 1_000; i += 1) last = Array.from({ length: 10_000 }, () => i);
  const after = loopSource.heap();
  assert.equal(last.length, 10_000);
  // 1,000 arrays of 10,000 words; a word is 8 bytes at most, 4 where pointers are compressed.
  assert.ok(after.allocated - before.allocated > 40e6, `${after.allocated - before.allocated}`);
  assert.ok(after.used > 1e6 && after.used < after.allocated);
});
