import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/clock/clock.ts';
import { ClaimOperation } from '../../src/domain/claim.ts';
import { ThreadedPool } from '../../src/pool/threaded-pool.ts';
import { WorkerCounter } from '../../src/segment/engine-memory.ts';
import { testMemory } from '../support/memory.ts';
import { describePoolContract, PoolDriver } from './pool-contract.ts';

for (const workers of [1, 2, 5]) {
  describePoolContract(`${workers} threads`, () => new ThreadedPool(testMemory({ workers }), systemClock));
}
describePoolContract('3 threads that do not steal', () => {
  return new ThreadedPool(testMemory({ workers: 3, stealing: false }), systemClock);
});

const ROUNDS = 50;
const ROUNDS_AT_MOST = 10_000;

describe('stealing', () => {
  let driver: PoolDriver;
  /** Entries that were served in all. */
  let served = 0;
  afterEach(() => driver.pool.stop());

  /** Pushes `count` claims that all belong to the segments of worker 0. */
  async function serveSkewed(stealing: boolean, count: number): Promise<PoolDriver> {
    driver = new PoolDriver(new ThreadedPool(testMemory({ workers: 2, stealing }), systemClock));
    await driver.start();
    const all: number[] = [];
    for (let i = 0; all.length < count; i += 1) {
      driver.fill(all.length, ClaimOperation.VALIDATE, `c${i}`);
      if (driver.memory.entries.segment[all.length] < driver.memory.segments / 2) all.push(all.length);
    }
    const stolen = () => driver.memory.counter(1, WorkerCounter.STOLEN_RUNS) > 0;
    // The thief must get a processor while the other is busy: rarely at once where both are scarce.
    let rounds = 0;
    while (rounds < ROUNDS || (stealing && !stolen() && rounds < ROUNDS_AT_MOST)) {
      rounds += 1;
      driver.committed.length = 0;
      driver.push(...all);
      await driver.until(() => driver.committed.length === count);
    }
    served = rounds * count;
    // A worker counts a run after it has passed it on.
    const counted = () => [0, 1].reduce((sum, w) => sum + driver.memory.counter(w, WorkerCounter.ENTRIES), 0);
    for (let look = 0; counted() < served && look < 1_000; look += 1) await delay(5);
    return driver;
  }

  test('an idle worker takes runs from a busy one', async () => {
    const { memory } = await serveSkewed(true, 4_000);
    assert.ok(memory.counter(1, WorkerCounter.STOLEN_RUNS) > 0);
    const byWorker = [0, 1].map((worker) => memory.counter(worker, WorkerCounter.ENTRIES));
    assert.equal(byWorker[0] + byWorker[1], served);
  });

  test('and does not where stealing is off', async () => {
    const { memory } = await serveSkewed(false, 4_000);
    assert.equal(memory.counter(1, WorkerCounter.ENTRIES), 0);
    assert.equal(memory.counter(0, WorkerCounter.ENTRIES), served);
  });
});
