/**
 * What group commit adds to Redis's own cost: the committer, its queue always full, against the
 * script alone, called with batches encoded beforehand, one after another from one connection.
 */
import { systemClock } from '../../src/clock/clock.ts';
import { COMMIT_INTERVAL_MS, Committer } from '../../src/committer/committer.ts';
import { engineShape } from '../../src/engine.ts';
import { EntryTable, NO_ENTRY } from '../../src/entries/entry-table.ts';
import { REDIS_BATCH_MAX_ITEMS } from '../../src/limits.ts';
import { EngineMemory } from '../../src/segment/engine-memory.ts';
import { RedisBatch } from '../../src/store/redis/batch.ts';
import { commitCall } from '../../src/store/redis/commits.ts';
import { RedisStore } from '../../src/store/redis/redis-store.ts';
import { RedisRegistry } from '../../src/store/redis/registry.ts';
import { callScript, type ScriptCall } from '../../src/store/redis/scripts.ts';
import { type RedisServer, startRedis } from '../../test/support/redis-server.ts';
import {
  EVERYSEC,
  epochNow,
  fillSubmit,
  MAX_CLOCK_SKEW_MS,
  MeasuredRegistry,
  RULES,
  requireAccepted,
  SEGMENTS,
  storeOptions,
} from '../measure/redis-registry.ts';
import { ratioSpread, spread } from '../measure/statistics.ts';
import type { BenchContext, BenchModule, BenchRow } from './bench-module.ts';
import { spreadRow } from './rows.ts';

const CLAIMS = 100_000;
const SHARDS = 16;
const RATIO_GOAL = { atLeast: 0.6 };

export const redisCommit: BenchModule = {
  name: 'redis-commit',
  title: `submits of ${CLAIMS} new claims into Redis (${SHARDS} shards, appendfsync everysec): the committer against the bare script call of ${REDIS_BATCH_MAX_ITEMS} items`,
  byDefault: true,
  run,
};

async function run(context: BenchContext): Promise<BenchRow[]> {
  const bare: number[] = [];
  const committed: number[] = [];
  // The first of each compiles the code that is measured.
  for (let round = -1; round < context.rounds; round += 1) {
    const redis = await startRedis(EVERYSEC);
    try {
      const [bareRate, committerRate] = [await bareScript(redis), await throughCommitter(redis)];
      if (round < 0) continue;
      bare.push(bareRate);
      committed.push(committerRate);
      context.say(`script ${bareRate.toFixed(0)} claims/s, committer ${committerRate.toFixed(0)}`);
    } finally {
      await redis.stop();
    }
  }
  return [
    spreadRow('bare script calls', spread(bare), 'claims/s'),
    spreadRow('committer', spread(committed), 'claims/s'),
    spreadRow('committer / bare script', ratioSpread(committed, bare), '', { goal: RATIO_GOAL }),
  ];
}

/** Claims per second of encoded script calls, each sent when the last was answered. */
export async function bareScript(redis: RedisServer): Promise<number> {
  const registry = await MeasuredRegistry.open(redis, SHARDS);
  const client = redis.client();
  try {
    const calls = encodedCalls(redis);
    const startUs = systemClock.monotonicUs();
    for (const call of calls) await callScript(client, call);
    return claimsPerS(startUs);
  } finally {
    await registry.close();
  }
}

function encodedCalls(redis: RedisServer): ScriptCall[] {
  const entries = EntryTable.allocate(REDIS_BATCH_MAX_ITEMS);
  const batch = Int32Array.from({ length: REDIS_BATCH_MAX_ITEMS }, (_, entry) => entry);
  const registry = new RedisRegistry({ ...storeOptions(redis, SHARDS, entries), replicaId: 'bare' });
  const { settings } = registry.options;
  const encoder = new RedisBatch(entries, settings, registry.sharding, SHARDS, REDIS_BATCH_MAX_ITEMS);
  const epoch = epochNow();
  const calls: ScriptCall[] = [];
  for (let number = 1; number * REDIS_BATCH_MAX_ITEMS <= CLAIMS; number += 1) {
    for (const entry of batch) fillSubmit(entries, entry, -number * REDIS_BATCH_MAX_ITEMS - entry);
    const parts = encoder.encode({ entries: batch, count: batch.length, epoch });
    calls.push(commitCall(registry, { number: String(number), place: 0 }, epoch, parts));
  }
  return calls;
}

/** Claims per second from the commit queue to the ingress's, with nothing else to do. */
async function throughCommitter(redis: RedisServer): Promise<number> {
  const memory = EngineMemory.allocate(
    engineShape({
      rules: RULES,
      partition: 'claim',
      segments: SEGMENTS,
      tableCapacity: 1_024,
      workers: 1,
      ingressThreads: 1,
      maxClockSkewMs: MAX_CLOCK_SKEW_MS,
      stealing: true,
      ingressEntries: CLAIMS,
    }),
  );
  const { entries, queues } = memory;
  const store = new RedisStore(storeOptions(redis, SHARDS, entries));
  await store.open();
  const unused = (): void => undefined;
  const feeder = { push: unused, pushPatient: unused, flush: unused, flushAll: unused };
  const done = Promise.withResolvers<void>();
  let home = 0;
  const committed = (): void => {
    let entry = queues.takeAll(memory.ingressQueue(0));
    for (; entry !== NO_ENTRY; entry = entries.next[entry]) {
      requireAccepted(entries, entry);
      home += 1;
    }
    if (home === CLAIMS) done.resolve();
    else committer.pump();
  };
  const events = { committed, failed: done.reject };
  const pace = { clock: systemClock, intervalMs: COMMIT_INTERVAL_MS };
  const committer = new Committer(memory, store, feeder, epochNow, events, pace);
  try {
    for (let entry = 0; entry < CLAIMS; entry += 1) {
      fillSubmit(entries, entry, entry);
      queues.push(memory.commitQueue, entry);
    }
    const startUs = systemClock.monotonicUs();
    committer.pump();
    await done.promise;
    return claimsPerS(startUs);
  } finally {
    await store.close();
  }
}

function claimsPerS(startUs: number): number {
  return (CLAIMS * 1e6) / (systemClock.monotonicUs() - startUs);
}
