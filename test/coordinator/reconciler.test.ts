/** Reconciliation between replicas in one process: inline engines over one registry in memory. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import { ClaimOperation, ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import { RegistryMismatch } from '../../src/domain/errors.ts';
import type { EngineSettings } from '../../src/engine.ts';
import { RECLAIM_PAGE_RECORDS, SCAN_PAGE_RECORDS } from '../../src/limits.ts';
import { START_MS, TEST_RULES, TestEngine, type TestEngineOptions } from '../support/engine.ts';

const { SUBMIT, VALIDATE } = ClaimOperation;
const { PENDING, VALIDATED, EXPIRED } = ClaimStatus;
const { epochLengthMs: EPOCH_MS, retentionEpochs } = TEST_RULES;
/** The epoch in which tests begin. */
const EPOCH = START_MS / EPOCH_MS;
const RATE = 10_000;

function replica(settings: Partial<EngineSettings> = {}, options: TestEngineOptions = {}): TestEngine {
  return new TestEngine(settings, { isShared: true, reconcileClaimsPerS: RATE, ...options });
}

/** Another replica of the same registry, with a clock of its own. */
function besides(first: TestEngine, settings: Partial<EngineSettings> = {}): TestEngine {
  return replica(settings, { beside: first.store });
}

/** Puts claims straight into the registry, as another replica would have. */
function plant(t: TestEngine, prefix: string, count: number, status: ClaimStatus, endEpoch: number): void {
  for (let i = 0; i < count; i += 1) {
    const claimId = `${prefix}${i}`;
    t.store.claims.set(claimId, { claimId, playerId: 'p', timestampMs: START_MS, status, endEpoch });
  }
}

function live(t: TestEngine): number {
  return t.memory.tables.reduce((sum, table) => sum + table.liveCount, 0);
}

function pending(t: TestEngine): number {
  return t.memory.tables.reduce((sum, table) => sum + table.pendingCount, 0);
}

function statuses(t: TestEngine): Set<ClaimStatus> {
  return new Set([...t.store.claims.values()].map(({ status }) => status));
}

describe('reconciliation', () => {
  test('what another replica validated is answered from the table', async () => {
    const one = await replica().start();
    const two = await besides(one).start();
    await one.ask(SUBMIT, 'c', 'p');
    await one.ask(VALIDATE, 'c', 'p');
    await two.step(1_500);
    const answer = await two.ask(VALIDATE, 'c', 'p');
    assert.deepEqual([answer.outcome, answer.status, answer.fromStore], [2, VALIDATED, false]);
  });

  test('a claim that another replica validated is not sent to expire', async () => {
    const one = await replica().start();
    const two = await besides(one).start();
    await one.ask(SUBMIT, 'c', 'p');
    await two.ask(VALIDATE, 'c', 'p');
    await one.step(1_500);
    assert.equal(pending(one), 0);
    const { commit } = one.store.calls;
    await one.step(3_000);
    assert.equal(one.store.calls.commit, commit);
  });

  test('overdue claims of a replica that died expire lastingly, a live one’s are left to it', async () => {
    const dead = await replica({}, { reconcileClaimsPerS: 0 }).start();
    const alive = await besides(dead).start();
    await Promise.all(Array.from({ length: 500 }, (_, i) => dead.ask(SUBMIT, `c${i}`, 'p')));
    await alive.step(1_500);
    assert.equal(live(alive), 0, 'what is pending is learned by nobody else');
    await alive.step(1_250);
    assert.deepEqual(
      statuses(dead),
      new Set([PENDING]),
      'in the epoch of expiry its own replica has its turn',
    );
    await alive.step(2_000);
    assert.deepEqual(statuses(dead), new Set([EXPIRED]));
    assert.equal(pending(alive), 0);
    const [summary] = await alive.engine.epochs.summaries(EPOCH + 2, EPOCH + 2);
    assert.deepEqual([summary.expired, summary.pending], [500, 0]);
  });

  test('what is found overdue is sent to expire at once, not at the next boundary', async () => {
    const clock = new SteppedClock(START_MS + EPOCH_MS / 2);
    const t = await replica({}, { clock }).start();
    await t.step(EPOCH_MS - 1);
    plant(t, 'c', 300, PENDING, EPOCH - 1);
    await t.step(1);
    assert.deepEqual(statuses(t), new Set([EXPIRED]));
  });

  test('claims past retention are reclaimed', async () => {
    const t = await replica().start();
    plant(t, 'old', 3 * RECLAIM_PAGE_RECORDS, VALIDATED, EPOCH - 1);
    plant(t, 'young', 10, VALIDATED, EPOCH + 20);
    await t.step((retentionEpochs + 1) * EPOCH_MS);
    assert.equal(t.store.claims.size, 10);
  });

  test('the rate is kept: so many claims in a second, and no more calls than pages need', async () => {
    const t = await replica({}, { reconcileClaimsPerS: 1_000 }).start();
    plant(t, 'c', 5 * SCAN_PAGE_RECORDS, VALIDATED, EPOCH);
    const before = t.engine.claimsReconciled;
    await t.step(4_000);
    const perSecond = (t.engine.claimsReconciled - before) / 4;
    assert.ok(perSecond <= 1_250 && perSecond >= 750, `${perSecond} claims in a second`);
  });

  test('an empty registry is read once a second', async () => {
    const t = await replica().start();
    const { scan } = t.store.calls;
    await t.step(10_000);
    const scans = t.store.calls.scan - scan;
    assert.ok(scans >= 9 && scans <= 11, `${scans} scans in 10 s`);
  });

  test('pages of claims past retention are followed at once', async () => {
    // Half an epoch after boundaries, at which the coordinator reclaims as well.
    const clock = new SteppedClock(START_MS + EPOCH_MS / 2);
    const t = await replica({}, { reconcileClaimsPerS: 1, clock }).start();
    await t.step(EPOCH_MS - 1);
    plant(t, 'old', 20 * SCAN_PAGE_RECORDS, EXPIRED, EPOCH - retentionEpochs - 1);
    plant(t, 'young', 1, VALIDATED, EPOCH);
    const { scan } = t.store.calls;
    await t.step(1);
    assert.equal(t.store.calls.scan - scan, 21);
    assert.equal(t.store.claims.size, 1);
  });

  test('a registry of its own is never read again, nor any at rate 0', async () => {
    for (const options of [{ isShared: false }, { reconcileClaimsPerS: 0 }]) {
      const t = await replica({}, options).start();
      const { scan } = t.store.calls;
      await t.step(5_000);
      assert.equal(t.store.calls.scan, scan);
      assert.equal(t.engine.claimsReconciled, 0);
    }
  });

  test('while the store is away it waits, says so once, and goes on', async () => {
    const t = await replica().start();
    t.store.setFailing(true);
    await t.step(20_000);
    const said = () => t.log.filter(({ text }) => text.includes('reconciliation')).map(({ level }) => level);
    assert.deepEqual(said(), ['warn']);
    t.store.setFailing(false);
    plant(t, 'c', 10, VALIDATED, EPOCH + 20);
    await t.step(4_000);
    assert.deepEqual(said(), ['warn', 'info']);
    assert.equal(live(t), 10);
  });

  test('also a registry that is not this replica’s any more is only waited for', async () => {
    const t = await replica().start();
    let foreign = true;
    t.store.before = (call) => {
      if (call === 'scan' && foreign) throw new RegistryMismatch('epoch length 5000');
    };
    await t.step(5_000);
    foreign = false;
    plant(t, 'c', 10, VALIDATED, EPOCH + 20);
    await t.step(4_000);
    assert.equal(live(t), 10);
  });

  test('it stops with the engine: between pages, in a pause, and while the store is away', async () => {
    const waits: [string, (t: TestEngine) => Promise<void>][] = [
      ['in a pause', (t) => t.step(300)],
      [
        'while the store is away',
        async (t) => {
          t.store.setFailing(true);
          await t.step(3_000);
        },
      ],
      [
        'in a call',
        async (t) => {
          const release = t.store.hold();
          await t.step(3_000);
          setImmediate(release);
        },
      ],
    ];
    for (const [what, wait] of waits) {
      const t = await replica({}, { reconcileClaimsPerS: 100 }).start();
      plant(t, 'c', 100, VALIDATED, EPOCH + 20);
      await wait(t);
      await t.engine.stop();
      const { scan } = t.store.calls;
      await t.step(5_000);
      assert.equal(t.store.calls.scan, scan, what);
    }
  });
});

describe('a table smaller than its registry', () => {
  const small = { segments: 1, tableCapacity: 64 };

  test('claims admitted here stay, and new ones find room, whatever others have', async () => {
    const t = await replica(small, { reconcileClaimsPerS: 1_000_000 }).start();
    const ids = Array.from({ length: 40 }, (_, i) => `own${i}`);
    for (const id of ids) assert.equal((await t.ask(SUBMIT, id, 'p')).outcome, Outcome.ACCEPTED);
    plant(t, 'overdue', 5_000, PENDING, EPOCH - 1);
    plant(t, 'final', 5_000, VALIDATED, EPOCH + 1);
    await t.step(1_000);
    // A page of so fast a pass falls due each millisecond.
    for (let ms = 0; ms < 100; ms += 1) await t.step(1);
    assert.ok(t.engine.claimsReconciled >= 10_000, `${t.engine.claimsReconciled}`);
    for (let i = 0; i < 8; i += 1) {
      assert.equal((await t.ask(SUBMIT, `new${i}`, 'p')).outcome, Outcome.ACCEPTED, `new${i}`);
    }
    await t.step(3_000);
    for (const id of ids) assert.equal(t.store.claims.get(id)?.status, EXPIRED, id);
  });

  test('the overdue claims of others expire in the room that there is', async () => {
    const t = await replica(small).start();
    plant(t, 'overdue', 3_000, PENDING, EPOCH - 1);
    await t.step(20_000);
    const left = [...t.store.claims.values()].filter(({ status }) => status === PENDING);
    assert.equal(left.length, 0);
  });
});
