/** Those who wait for entries to come free: in order, and not held up by those who have gone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimOperation } from '../../src/domain/claim.ts';
import { TestEngine } from '../support/engine.ts';

const ENTRIES = 256;

test('who has gone does not stand in front of those behind', async () => {
  const t = await new TestEngine({ ingressEntries: ENTRIES }).start();
  const release = t.store.hold();
  const asked = Array.from({ length: ENTRIES - 16 }, (_, n) => t.ask(ClaimOperation.SUBMIT, `c${n}`, 'p'));
  await t.settle();
  const called: string[] = [];
  const large = (): void => void called.push('large');
  t.ingress.onceRoom(ENTRIES, large);
  t.ingress.onceRoom(8, () => called.push('small'));
  assert.deepEqual(called, [], 'in order: the small one waits for the large one');
  t.ingress.forget(() => undefined);
  assert.deepEqual(called, []);
  t.ingress.forget(large);
  assert.deepEqual(called, ['small']);
  release();
  await Promise.all(asked);
  await t.settle();
  assert.deepEqual(called, ['small']);
  assert.equal(t.memory.eager[0], 0);
});
