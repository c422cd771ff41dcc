import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
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

describe('stealing', () => {
  let driver: PoolDriver;
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
    for (let round = 0; round < 50; round += 1) {
      driver.committed.length = 0;
      driver.push(...all);
      await driver.until(() => driver.committed.length === count);
    }
    return driver;
  }

  test('an idle worker takes runs from a busy one', async () => {
    const { memory } = await serveSkewed(true, 4_000);
    assert.ok(memory.counter(1, WorkerCounter.STOLEN_RUNS) > 0);
    const served = [0, 1].map((worker) => memory.counter(worker, WorkerCounter.ENTRIES));
    assert.equal(served[0] + served[1], 50 * 4_000);
  });

  test('and does not where stealing is off', async () => {
    const { memory } = await serveSkewed(false, 4_000);
    assert.equal(memory.counter(1, WorkerCounter.ENTRIES), 0);
    assert.equal(memory.counter(0, WorkerCounter.ENTRIES), 50 * 4_000);
  });
});
