/** What the engine tells of its epochs, hydration and reconciliation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimOperation } from '../../src/domain/claim.ts';
import { ClockAhead } from '../../src/domain/errors.ts';
import { START_MS, TEST_RULES, TestEngine, type TestEngineOptions } from '../support/engine.ts';
import { KeptActivities } from '../support/kept-activities.ts';

const { epochLengthMs: EPOCH_MS } = TEST_RULES;
/** The epoch in which tests begin. */
const EPOCH = START_MS / EPOCH_MS;

function told(options: TestEngineOptions = {}): { t: TestEngine; activities: KeptActivities } {
  const activities = new KeptActivities();
  return { t: new TestEngine({}, { ...options, activities }), activities };
}

test('each epoch is told once, with how long the segments took and how late they were', async () => {
  const { t, activities } = told();
  await t.start();
  t.clock.step(EPOCH_MS + 40);
  await t.settle();
  t.clock.step(EPOCH_MS - 40);
  await t.settle();
  assert.deepEqual(
    activities.of('epoch').map(({ attributes, error }) => [attributes, error]),
    [
      [{ 'claims.epoch': EPOCH, 'claims.epoch.duration_us': 0 }, undefined],
      [
        { 'claims.epoch': EPOCH + 1, 'claims.epoch.duration_us': 0, 'claims.epoch.lateness_ms': 40 },
        undefined,
      ],
      [
        { 'claims.epoch': EPOCH + 2, 'claims.epoch.duration_us': 0, 'claims.epoch.lateness_ms': 0 },
        undefined,
      ],
    ],
  );
});

test('an epoch that the store did not take says why', async () => {
  const { t, activities } = told();
  await t.start();
  t.store.setFailing(true);
  await t.step(EPOCH_MS);
  t.store.setFailing(false);
  await t.step(EPOCH_MS);
  const [, failed, taken] = activities.of('epoch');
  assert.match(failed.error ?? '', /^STORE_UNAVAILABLE: /);
  assert.equal(failed.attributes?.['claims.epoch'], EPOCH + 1);
  assert.equal(failed.attributes?.['claims.epoch.duration_us'], 0, 'the segments moved on by themselves');
  assert.equal(taken.error, undefined);
});

test('an epoch that the store refuses, since our clock is ahead, is told once, however often it is tried', async () => {
  const activities = new KeptActivities();
  const rules = { epochLengthMs: 10_000, validationWindowMs: 20_000, retentionEpochs: 5 };
  const t = await new TestEngine({ rules }, { activities }).start();
  let tried = 0;
  t.store.before = (call) => {
    if (call !== 'advanceEpoch') return;
    tried += 1;
    throw new ClockAhead('told to');
  };
  await t.step(15_000);
  assert.ok(tried > 3, `tried ${tried} times`);
  const [, ...refused] = activities.of('epoch');
  assert.equal(refused.length, 1);
  assert.match(refused[0].error ?? '', /^CLOCK_AHEAD: /);
  assert.deepEqual(refused[0].attributes, { 'claims.epoch': START_MS / 10_000 + 1 });
});

test('hydration is told with the claims that were read, also where it fails', async () => {
  const first = await new TestEngine({}, { isShared: true }).start();
  for (const claimId of ['a', 'b', 'c']) await first.ask(ClaimOperation.SUBMIT, claimId, 'p');
  const { t, activities } = told({ beside: first.store });
  await t.start();
  assert.deepEqual(activities.of('hydration'), [
    { kind: 'hydration', attributes: { 'claims.read': 3 }, error: undefined },
  ]);

  const failing = told();
  failing.t.store.before = (call) => {
    if (call === 'scan') throw new RangeError('a fault');
  };
  await assert.rejects(failing.t.start(), RangeError);
  assert.deepEqual(failing.activities.of('hydration'), [
    { kind: 'hydration', attributes: { 'claims.read': 0 }, error: 'a fault' },
  ]);
});

test('each pass of reconciliation is told with the claims that it read', async () => {
  const first = await new TestEngine({}, { isShared: true }).start();
  await first.ask(ClaimOperation.SUBMIT, 'a', 'p');
  const { t, activities } = told({ beside: first.store, isShared: true, reconcileClaimsPerS: 1_000 });
  await t.start();
  await t.step(2_100);
  const stopped = t.engine.stop();
  await t.step(250);
  await stopped;
  const passes = activities.of('reconciliation');
  assert.deepEqual(
    passes.map(({ attributes, error }) => [attributes, error]),
    [
      [{ 'claims.read': 1 }, undefined],
      [{ 'claims.read': 1 }, undefined],
      [{ 'claims.read': 1 }, undefined],
    ],
  );
});
