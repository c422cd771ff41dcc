/** A store that is measured changes nothing, and tells what the store within did. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import { ClaimOperation } from '../../src/domain/claim.ts';
import { ClockAhead, EpochOutOfRange, RegistryMismatch, StoreUnavailable } from '../../src/domain/errors.ts';
import { EntryTable } from '../../src/entries/entry-table.ts';
import { MeteredStore } from '../../src/store/metered-store.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { STORE_ERROR_CODES, STORE_OPERATIONS, StoreMeter } from '../../src/store/store-meter.ts';
import { fill } from '../support/entries.ts';
import { MemoryStore, type StoreCall } from '../support/memory-store.ts';
import { SETTINGS } from './registry-under-test.ts';
import { describeStoreContract } from './store-contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'metered-store-'));
after(() => rmSync(folder, { recursive: true }));

describeStoreContract('a MeteredStore', async ({ registry, settings, maxClockSkewMs, entries }) => {
  const clock = new SteppedClock(1_700_000_000_000);
  const path = join(folder, registry, 'claims.db');
  const within = new SqliteStore({ path, settings, maxClockSkewMs, maxBytes: 0, clock, entries });
  const store = new MeteredStore(within, new StoreMeter(), clock);
  return { store, nowMs: async () => clock.nowMs() };
});

const EPOCH = 1_700_000_000;

interface Metered {
  readonly clock: SteppedClock;
  readonly within: MemoryStore;
  readonly meter: StoreMeter;
  readonly store: MeteredStore;
}

function metered(): Metered {
  const clock = new SteppedClock(EPOCH * SETTINGS.epochLengthMs);
  const entries = EntryTable.allocate(8);
  const submit = { operation: ClaimOperation.SUBMIT, timestampMs: clock.nowMs(), expiresAtEpoch: EPOCH + 2 };
  for (let i = 0; i < 8; i += 1) fill(entries, i, { ...submit, claimId: `c${i}`, playerId: 'p' });
  const within = new MemoryStore(entries, SETTINGS, clock, { maxBatchItems: 7, isShared: true });
  const meter = new StoreMeter();
  return { clock, within, meter, store: new MeteredStore(within, meter, clock) };
}

const commitOf = (count: number) => ({ entries: Int32Array.of(0, 1, 2, 3), count, epoch: EPOCH });

test('it is bounded and shared as the store within', () => {
  const { store, within } = metered();
  assert.equal(store.maxBatchItems, 7);
  assert.equal(store.isShared, true);
  assert.equal(store.maxCommitsInFlight, within.maxCommitsInFlight);
});

test('each call is timed under its own name, from when it was made until it was answered', async () => {
  const { store, meter, clock, within } = metered();
  const calls: Readonly<Record<(typeof STORE_OPERATIONS)[number], () => Promise<unknown>>> = {
    open: () => store.open(),
    commit: () => store.commit(commitOf(1)),
    advance_epoch: () => store.advanceEpoch(EPOCH),
    epoch_counts: () => store.epochCounts(EPOCH - 1, EPOCH - 1),
    scan: () => store.scan(null, 10),
    reclaim: () => store.reclaim(10),
  };
  for (const [i, operation] of STORE_OPERATIONS.entries()) {
    const release = within.hold();
    const answered = calls[operation]();
    clock.step(i + 1);
    assert.equal(meter.duration(operation).count, 0, `${operation} is not answered yet`);
    release();
    await answered;
    assert.equal(meter.duration(operation).sum, (i + 1) / 1_000, operation);
  }
  for (const operation of STORE_OPERATIONS) assert.equal(meter.duration(operation).count, 1, operation);
});

test('commits are counted by their size, and as in flight until they are answered, well or not', async () => {
  const { store, meter, within } = metered();
  const release = within.hold();
  const commits = [store.commit(commitOf(1)), store.commit(commitOf(4))];
  assert.equal(meter.commitsInFlight, 2);
  release();
  await Promise.all(commits);
  assert.equal(meter.commitsInFlight, 0);
  assert.equal(meter.commitSizes.count, 2);
  assert.equal(meter.commitSizes.sum, 5);
  within.setFailing(true);
  await assert.rejects(store.commit(commitOf(2)), StoreUnavailable);
  assert.equal(meter.commitsInFlight, 0);
});

test('a failure comes back as it is, is timed, and counted by its code', async () => {
  const { store, meter, within } = metered();
  const errors = {
    STORE_UNAVAILABLE: new StoreUnavailable('away'),
    CLOCK_AHEAD: new ClockAhead('ahead'),
    REGISTRY_MISMATCH: new RegistryMismatch('other settings'),
    UNEXPECTED: new TypeError('a fault'),
  };
  for (const [code, error] of Object.entries(errors)) {
    within.before = () => {
      throw error;
    };
    await assert.rejects(store.advanceEpoch(EPOCH), (thrown) => thrown === error, code);
  }
  const counted = STORE_ERROR_CODES.map((code) => [code, meter.errors('advance_epoch', code)]);
  assert.deepEqual(Object.fromEntries(counted), {
    STORE_UNAVAILABLE: 1,
    CLOCK_AHEAD: 1,
    REGISTRY_MISMATCH: 1,
    STORE_NOT_USABLE: 0,
    UNEXPECTED: 1,
  });
  assert.equal(meter.errors('commit', 'STORE_UNAVAILABLE'), 0);
  assert.equal(meter.duration('advance_epoch').count, 4);
});

test('an epoch that is not there is the asker’s affair: no error of the store', async () => {
  const { store, meter } = metered();
  await store.open();
  await assert.rejects(store.epochCounts(EPOCH + 5, EPOCH + 5), EpochOutOfRange);
  for (const code of STORE_ERROR_CODES) assert.equal(meter.errors('epoch_counts', code), 0, code);
  assert.equal(meter.duration('epoch_counts').count, 1);
});

test('a closed store is the store’s own affair too', async () => {
  const { store, within } = metered();
  const asked: StoreCall[] = [];
  within.before = (call) => asked.push(call);
  await store.close();
  assert.deepEqual(asked, []);
  await assert.rejects(store.scan(null, 1), StoreUnavailable);
});
