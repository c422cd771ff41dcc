/** How an engine starts over a store that is away, fails midway, or is not to be used at all. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClaimOperation, ClaimStatus, Outcome } from '../src/domain/claim.ts';
import { ClockAhead, RegistryMismatch, StoreNotUsable, StoreUnavailable } from '../src/domain/errors.ts';
import { SCAN_PAGE_RECORDS } from '../src/limits.ts';
import { START_MS, TEST_RULES, TestEngine } from './support/engine.ts';

const SHARED = { isShared: true, reconcileClaimsPerS: 0 };
const EPOCH = START_MS / TEST_RULES.epochLengthMs;

/** Begins to start; a start that must not end yet is only looked at. */
function starting(t: TestEngine): { ended: boolean; done: Promise<void> } {
  const start = { ended: false, done: Promise.resolve() };
  start.done = t.engine.start().finally(() => {
    start.ended = true;
  });
  return start;
}

function plant(t: TestEngine, count: number): void {
  for (let i = 0; i < count; i += 1) {
    const claimId = `c${i}`;
    const claim = { claimId, playerId: 'p', timestampMs: START_MS, status: ClaimStatus.VALIDATED };
    t.store.claims.set(claimId, { ...claim, endEpoch: EPOCH + 20 });
  }
}

function live(t: TestEngine): number {
  return t.memory.tables.reduce((sum, table) => sum + table.liveCount, 0);
}

function logged(t: TestEngine, words: string): string[] {
  return t.log.filter(({ text }) => text.includes(words)).map(({ level, text }) => `${level}: ${text}`);
}

describe('a shared store that is away at start', () => {
  test('is waited for, as long as it takes; readiness says why; the log says it once', async () => {
    const t = new TestEngine({}, SHARED);
    t.store.setFailing(true);
    const start = starting(t);
    await t.settle();
    await t.step(30_000);
    assert.equal(start.ended, false);
    assert.deepEqual(t.engine.readiness(), {
      ready: false,
      reason: 'starting; STORE_UNAVAILABLE: the store was told to fail',
    });
    assert.deepEqual(logged(t, 'the start'), ['warn: the store does not answer: the start waits for it']);
    assert.ok(t.store.calls.open >= 15 && t.store.calls.open <= 25, `${t.store.calls.open} calls`);
    t.store.setFailing(false);
    await t.step(2_000);
    await start.done;
    assert.equal(t.engine.readiness().ready, true);
    assert.deepEqual(logged(t, 'the start goes on'), ['info: the store answers: the start goes on']);
    assert.equal((await t.ask(ClaimOperation.SUBMIT, 'c', 'p')).outcome, Outcome.ACCEPTED);
  });

  test('a stop while it waits ends the start, without an error', async () => {
    const t = new TestEngine({}, SHARED);
    t.store.setFailing(true);
    const start = starting(t);
    await t.step(5_000);
    await t.engine.stop();
    assert.equal(start.ended, true);
    await start.done;
    const { open } = t.store.calls;
    await t.step(10_000);
    assert.equal(t.store.calls.open, open, 'it is asked no more');
    assert.deepEqual(t.engine.readiness(), { ready: false, reason: 'stopped' });
  });

  test('a stop while it is being asked waits for the answer', async () => {
    for (const failing of [false, true]) {
      const t = new TestEngine({}, SHARED);
      const release = t.store.hold();
      const start = starting(t);
      await t.settle();
      const stopped = t.engine.stop();
      await t.settle();
      assert.equal(start.ended, false);
      t.store.setFailing(failing);
      release();
      await stopped;
      await start.done;
      assert.equal(t.store.calls.advanceEpoch, 0);
    }
  });

  test('one that fails after it was opened is waited for at the epoch too', async () => {
    const t = new TestEngine({}, SHARED);
    t.store.before = (call) => {
      if (call === 'advanceEpoch' && t.store.calls.advanceEpoch < 4) throw new StoreUnavailable('no answer');
    };
    const start = starting(t);
    await t.settle();
    assert.match(t.engine.readiness().reason, /^starting; STORE_UNAVAILABLE: no answer$/);
    await t.step(3_000);
    await start.done;
    assert.equal(t.engine.epoch, EPOCH + 3);
    await t.step(2_000);
    assert.equal(t.engine.epochs.lastComplete, EPOCH + 4, 'the epochs go on');
  });

  test('a clock that is ahead of it is not ready, and starts when it was set right', async () => {
    const t = new TestEngine({}, SHARED);
    let ahead = true;
    t.store.before = (call) => {
      if (call === 'advanceEpoch' && ahead) throw new ClockAhead('an hour ahead');
    };
    const start = starting(t);
    await t.step(5_000);
    assert.match(t.engine.readiness().reason, /CLOCK_AHEAD: an hour ahead/);
    ahead = false;
    await t.step(2_000);
    await start.done;
    assert.equal(t.engine.readiness().ready, true);
  });
});

describe('a store that fails while the table is filled', () => {
  test('filling goes on where it was, and its progress is told', async () => {
    const t = new TestEngine({ tableCapacity: 16_384 }, SHARED);
    plant(t, 10 * SCAN_PAGE_RECORDS);
    let away = false;
    t.store.before = (call) => {
      if (call === 'scan' && t.store.calls.scan === 4) away = true;
      if (away) throw new StoreUnavailable('connection reset');
    };
    const start = starting(t);
    await t.step(11_000);
    assert.equal(start.ended, false);
    assert.deepEqual(t.engine.readiness(), {
      ready: false,
      reason: 'hydrating: 3000 claims read; STORE_UNAVAILABLE: connection reset',
    });
    away = false;
    t.store.before = () => undefined;
    await t.step(2_000);
    await start.done;
    assert.equal(live(t), 10 * SCAN_PAGE_RECORDS);
    assert.equal(t.engine.claimsHydrated, 10 * SCAN_PAGE_RECORDS, 'no page was read twice');
    assert.equal(logged(t, 'hydrating').length, 1);
  });

  test('a stop in the middle of it ends the start', async () => {
    const t = new TestEngine({}, SHARED);
    plant(t, 5 * SCAN_PAGE_RECORDS);
    let stopped: Promise<void> | undefined;
    t.store.before = (call) => {
      if (call === 'scan' && t.store.calls.scan === 2) stopped = t.engine.stop();
    };
    await t.engine.start();
    await stopped;
    assert.equal(t.store.calls.scan, 2);
    assert.equal(t.engine.readiness().reason, 'stopped');
  });

  test('a stop at the end of it does not make the replica ready', async () => {
    const t = new TestEngine({}, SHARED);
    let stopped: Promise<void> | undefined;
    t.store.before = (call) => {
      if (call === 'scan') stopped = t.engine.stop();
    };
    await t.engine.start();
    await stopped;
    assert.deepEqual(logged(t, 'hydrated'), []);
  });
});

describe('a start that can not be', () => {
  test('a registry of other settings, or a store that is none, ends it at once', async () => {
    for (const error of [new RegistryMismatch('epoch length 5000'), new StoreNotUsable('no registry')]) {
      const t = new TestEngine({}, SHARED);
      t.store.before = () => {
        throw error;
      };
      await assert.rejects(t.engine.start(), error);
      assert.equal(t.store.calls.open, 1);
    }
  });

  test('a store of its own is not waited for', async () => {
    for (const call of ['open', 'advanceEpoch', 'scan']) {
      const t = new TestEngine();
      t.store.before = (made) => {
        if (made === call) throw new StoreUnavailable('disk full');
      };
      await assert.rejects(t.engine.start(), { message: 'disk full' }, call);
    }
  });
});
