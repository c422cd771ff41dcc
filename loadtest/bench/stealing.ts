/**
 * What stealing is worth: throughput of the engine (segments on worker threads, no store behind
 * them) with the claims spread evenly, and with nine of ten in one worker's segments. Each claim
 * is one that its table knows, asked for by another player: a probe, two comparisons, an answer.
 */
import { systemClock } from '../../src/clock/clock.ts';
import { ClaimOperation, ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import { EntryStep } from '../../src/entries/entry-table.ts';
import { SegmentMap } from '../../src/partitioner/segment-map.ts';
import { ThreadedPool } from '../../src/pool/threaded-pool.ts';
import { PoolDriver } from '../../test/pool/pool-contract.ts';
import { testMemory } from '../../test/support/memory.ts';
import { ratioSpread, spread } from '../measure/statistics.ts';
import type { BenchContext, BenchModule, BenchRow } from './bench-module.ts';
import { spreadRow } from './rows.ts';

const WORKERS = 2;
const SEGMENTS = 64;
/** Claims in flight: the entries of one ingress thread. */
const ENTRIES = 32_768;
/** Of ten claims, how many belong to the segments of worker 0. */
const SKEWED_SHARE = 9;
/** Claims handed over between two wake-ups, as a turn of the event loop under load would. */
const PER_FLUSH = 1_000;

export const stealing: BenchModule = {
  name: 'stealing',
  title: `the engine without a store, ${WORKERS} workers: ${SKEWED_SHARE} of 10 claims in one worker's segments against an even spread`,
  byDefault: true,
  run,
};

async function run(context: BenchContext): Promise<BenchRow[]> {
  const even: number[] = [];
  const skewed: number[] = [];
  const skewedAlone: number[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    even.push(await claimsPerS(5, true, context.seconds));
    skewed.push(await claimsPerS(SKEWED_SHARE, true, context.seconds));
    skewedAlone.push(await claimsPerS(SKEWED_SHARE, false, context.seconds));
    const [a, b, c] = [even, skewed, skewedAlone].map((rates) => `${Math.round(rates[round] / 1000)} k/s`);
    context.say(`even ${a}, skewed ${b}, skewed without stealing ${c}`);
  }
  return [
    spreadRow('even', spread(even), 'claims/s'),
    spreadRow('skewed', spread(skewed), 'claims/s'),
    spreadRow('skewed, stealing off', spread(skewedAlone), 'claims/s'),
    spreadRow('skewed / even', ratioSpread(skewed, even), '', { goal: { atLeast: 0.75 } }),
    spreadRow('stealing on / off, skewed', ratioSpread(skewed, skewedAlone), ''),
  ];
}

/** @param share of ten claims, how many belong to worker 0's segments. */
async function claimsPerS(share: number, stealingOn: boolean, seconds: number): Promise<number> {
  const memory = testMemory({
    workers: WORKERS,
    segments: SEGMENTS,
    tableCapacity: 4 * ENTRIES,
    ingressEntries: ENTRIES,
    stealing: stealingOn,
  });
  const driver = new PoolDriver(new ThreadedPool(memory, systemClock));
  await driver.start();
  try {
    fill(driver, share);
    await learnAll(driver);
    await serveAll(driver);
    const startUs = systemClock.monotonicUs();
    let rounds = 0;
    let elapsedUs = 0;
    while (elapsedUs < (seconds * 1e6) / 4) {
      await serveAll(driver);
      rounds += 1;
      elapsedUs = systemClock.monotonicUs() - startUs;
    }
    return (rounds * ENTRIES * 1e6) / elapsedUs;
  } finally {
    await driver.pool.stop();
  }
}

function fill(driver: PoolDriver, share: number): void {
  const map = new SegmentMap(SEGMENTS, WORKERS);
  const { segment } = driver.memory.entries;
  for (let entry = 0, id = 0; entry < ENTRIES; id += 1) {
    driver.fill(entry, ClaimOperation.VALIDATE, `treasure-${id}-of-island-${id % 77}`, `player-${id % 997}`);
    const wanted = entry % 10 < share ? 0 : 1;
    if (map.homeOf(segment[entry]) === wanted) entry += 1;
  }
}

/** Has the tables learn every claim, then makes the entries those of another player. */
async function learnAll(driver: PoolDriver): Promise<void> {
  const { entries } = driver.memory;
  for (let entry = 0; entry < ENTRIES; entry += 1) {
    entries.outcome[entry] = Outcome.FOUND;
    entries.status[entry] = ClaimStatus.PENDING;
    entries.step[entry] = EntryStep.LEARN;
  }
  await serveAll(driver);
  for (let entry = 0; entry < ENTRIES; entry += 1) {
    entries.setPlayerId(entry, 'somebody-else');
    entries.step[entry] = EntryStep.REQUEST;
  }
}

/** Sends every entry once round: from its queue through its segment and home. */
async function serveAll(driver: PoolDriver): Promise<void> {
  driver.home.length = 0;
  for (let from = 0; from < ENTRIES; from += PER_FLUSH) {
    const to = Math.min(from + PER_FLUSH, ENTRIES);
    for (let entry = from; entry < to; entry += 1) driver.pool.push(entry);
    driver.pool.flush();
  }
  // Returns of what was learned ring no bell: look for them as the next call would.
  while (driver.home.length < ENTRIES) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    driver.drain();
  }
}
