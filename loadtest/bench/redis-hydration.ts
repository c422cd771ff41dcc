/**
 * What it takes to fill the table from a large registry in Redis: time, and memory beside the same
 * start over an empty registry. The table's own memory is taken off: it is reserved at start, and
 * the system hands it out as claims are written to it.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/clock/clock.ts';
import { tableBytes, tableShape } from '../../src/registry/table-layout.ts';
import { type Claimd, startClaimd } from '../../test/support/claimd.ts';
import { type RedisServer, startRedis } from '../../test/support/redis-server.ts';
import { builtClaimd } from '../measure/built-programs.ts';
import { readProcessUsage } from '../measure/process-usage.ts';
import { EVERYSEC, MeasuredRegistry, SEGMENTS } from '../measure/redis-registry.ts';
import { stopCleanly } from '../measure/servers.ts';
import { spread } from '../measure/statistics.ts';
import type { BenchContext, BenchModule, BenchRow } from './bench-module.ts';
import { spreadRow } from './rows.ts';

/** For a million claims on a busy machine. */
const START_TIMEOUT_MS = 120_000;
const CLAIMS = 1_000_000;
const SHARDS = 16;
/** Room for every claim also in the fullest segment. */
const TABLE_CAPACITY = 2 ** 21;
const WINDOW_EPOCHS = 362;
/** A start takes long enough that two of each tell as much as five. */
const ROUNDS_AT_MOST = 2;

const LOOK_EVERY_MS = 20;

const GROWTH_GOAL = { atMost: 60 };

export const redisHydration: BenchModule = {
  name: 'redis-hydration',
  title: `claimd fills its table from ${CLAIMS} claims in Redis (${SHARDS} shards), against a start over an empty registry`,
  byDefault: true,
  run,
};

interface Start {
  readonly readyS: number;
  readonly rssMb: number;
  readonly peakRssMb: number;
}

async function run(context: BenchContext): Promise<BenchRow[]> {
  const empty = await startRedis(EVERYSEC);
  const full = await startRedis(EVERYSEC);
  try {
    context.say(`writing ${CLAIMS} claims`);
    await fill(full);
    const starts = { empty: [] as Start[], full: [] as Start[] };
    for (let round = 0; round < Math.min(context.rounds, ROUNDS_AT_MOST); round += 1) {
      starts.empty.push(await startOver(empty));
      starts.full.push(await startOver(full));
      const { readyS, peakRssMb } = starts.full[round];
      context.say(`ready after ${readyS.toFixed(1)} s, RSS at most ${peakRssMb.toFixed(0)} MB`);
    }
    return rows(starts.empty, starts.full);
  } finally {
    await empty.stop();
    await full.stop();
  }
}

async function fill(redis: RedisServer): Promise<void> {
  const registry = await MeasuredRegistry.open(redis, SHARDS);
  try {
    await registry.grow(CLAIMS);
  } finally {
    await registry.close();
  }
}

/** Starts claimd, waits until it is ready, and reads its memory. */
async function startOver(redis: RedisServer): Promise<Start> {
  const startUs = systemClock.monotonicUs();
  const claimd = await startClaimd({
    file: await builtClaimd(),
    startTimeoutMs: START_TIMEOUT_MS,
    env: {
      CLAIMS_STORE: redis.url,
      CLAIMS_REGISTRY_SHARDS: String(SHARDS),
      CLAIMS_VALIDATION_WINDOW_MS: '3600000',
      CLAIMS_TABLE_CAPACITY: String(TABLE_CAPACITY),
      CLAIMS_RECONCILE_CLAIMS_PER_S: '0',
    },
  });
  try {
    await untilReady(claimd);
    const readyS = (systemClock.monotonicUs() - startUs) / 1e6;
    const { rssBytes, peakRssBytes } = await readProcessUsage(claimd.pid);
    return { readyS, rssMb: rssBytes / 1e6, peakRssMb: peakRssBytes / 1e6 };
  } finally {
    await stopCleanly('claimd', claimd);
  }
}

/** Looks at /readyz until it says so. */
async function untilReady(claimd: Claimd): Promise<void> {
  for (;;) {
    const response = await fetch(`http://${claimd.adminAddress}/readyz`);
    if (response.ok) return;
    await response.body?.cancel();
    await sleep(LOOK_EVERY_MS);
  }
}

function rows(empty: readonly Start[], full: readonly Start[]): BenchRow[] {
  const shape = tableShape(TABLE_CAPACITY, SEGMENTS, WINDOW_EPOCHS);
  // Records are used one after another, the index all over.
  const indexBytes = shape.buckets * shape.segments * Int32Array.BYTES_PER_ELEMENT;
  const recordBytes = ((tableBytes(shape) - indexBytes) * CLAIMS) / TABLE_CAPACITY;
  const tableMb = (indexBytes + recordBytes) / 1e6;
  const growth = full.map((start, round) => start.peakRssMb - empty[round].peakRssMb - tableMb);
  return [
    spreadRow('ready after, full', spread(full.map((start) => start.readyS)), 's'),
    spreadRow('ready after, empty', spread(empty.map((start) => start.readyS)), 's'),
    spreadRow('peak RSS, full', spread(full.map((start) => start.peakRssMb)), 'MB'),
    spreadRow('peak RSS, empty', spread(empty.map((start) => start.peakRssMb)), 'MB'),
    {
      measure: 'of it the table itself',
      value: tableMb,
      unit: 'MB',
      note: `${CLAIMS} of ${TABLE_CAPACITY} records of a table of ${(tableBytes(shape) / 1e6).toFixed(0)} MB`,
    },
    spreadRow('growth of peak RSS, the table apart', spread(growth), 'MB', { goal: GROWTH_GOAL }),
  ];
}
