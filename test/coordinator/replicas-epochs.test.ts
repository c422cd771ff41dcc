/** Epochs of replicas of one registry whose clocks differ: what each tells is the registry's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import type { EpochSummary } from '../../src/coordinator/epoch-reader.ts';
import { ClaimOperation, Outcome } from '../../src/domain/claim.ts';
import { START_MS, TEST_RULES, TestEngine } from '../support/engine.ts';

const { SUBMIT, VALIDATE } = ClaimOperation;
const EPOCH = START_MS / TEST_RULES.epochLengthMs;
const SKEW = { maxClockSkewMs: 5_000 };
const SHARED = { isShared: true, reconcileClaimsPerS: 10_000 };

test('an epoch is told as complete only once this replica has shown the store its end', async () => {
  const one = await new TestEngine(SKEW, SHARED).start();
  const other = new TestEngine(SKEW, { ...SHARED, beside: one.store });
  const lastComplete: number[] = [];
  one.store.before = (call) => {
    if (call === 'advanceEpoch') lastComplete.push(one.engine.epochs.lastComplete);
  };
  // It may have got through some shards only: this one has to go through all.
  await other.store.advanceEpoch(EPOCH + 4);
  await one.step(1_000);
  assert.deepEqual(lastComplete, [EPOCH - 1, EPOCH], 'not what the store said of the other');
  assert.equal(one.engine.epochs.lastComplete, EPOCH + 3);
  assert.equal(one.engine.epoch, EPOCH + 4);
  await one.step(6_000);
  assert.equal(one.engine.epochs.lastComplete, EPOCH + 6);
});

test('replicas tell the same summaries, whoever took the claims and whoever is ahead', async () => {
  const one = await new TestEngine(SKEW, SHARED).start();
  const clock = new SteppedClock(START_MS + 700);
  const two = await new TestEngine(SKEW, { ...SHARED, clock, beside: one.store }).start();
  const both = [one, two];
  for (let round = 0; round < 24; round += 1) {
    const [asks, validates] = round % 2 === 0 ? both : [two, one];
    const { outcome } = await asks.ask(SUBMIT, `c${round}`, 'p');
    assert.equal(outcome, Outcome.ACCEPTED);
    if (round % 3 === 0) await validates.ask(VALIDATE, `c${round}`, 'p');
    for (const t of both) await t.step(250);
  }
  const last = Math.min(...both.map((t) => t.engine.epochs.lastComplete));
  assert.ok(last >= EPOCH + 4, `${last}`);
  const told = await Promise.all(both.map((t) => t.engine.epochs.summaries(EPOCH, last)));
  const counts = told.map((summaries) => summaries.map(({ durationUs: _, ...rest }: EpochSummary) => rest));
  assert.deepEqual(counts[0], counts[1]);
  const sum = (of: (summary: EpochSummary) => number) => told[0].reduce((total, s) => total + of(s), 0);
  assert.ok(sum((s) => s.submitted) >= 12 && sum((s) => s.validated) >= 4 && sum((s) => s.expired) >= 2);
  await one.step(1_000);
  assert.deepEqual(await one.engine.epochs.summaries(EPOCH, last), told[0], 'they never change again');
});
