/**
 * The rebuild's finding: reading a registry by one big script call stops Redis for everybody,
 * pages of HSCAN don't. Commits go on all the while, into a registry of their own on the same
 * server, and are measured alone, beside the script, beside the pages, and beside a replica that
 * hydrates again and again. Whoever reads is a thread of its own, as another replica would be.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../src/clock/clock.ts';
import { SCAN_PAGE_RECORDS } from '../../src/limits.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import { LatencyHistogram, type LatencySummary } from '../measure/latency.ts';
import type { ReadingTask } from '../measure/reading-thread.ts';
import { EVERYSEC, MeasuredRegistry, type RedisPlace } from '../measure/redis-registry.ts';
import { ratioSpread, spread } from '../measure/statistics.ts';
import type { BenchContext, BenchModule, BenchRow } from './bench-module.ts';
import { spreadRow } from './rows.ts';

/** Of the registry that is read. */
const FIELDS = 20_000;
const READ_PREFIX = 'read:';
/** Open loop: a commit of so many claims, so often. */
const COMMIT_CLAIMS = 50;
const COMMIT_EVERY_MS = 5;

const PAGE_P50_GOAL = { atMost: 1.5 };
const HYDRATION_GOAL = { atMost: 1.5 };

export const redisScan: BenchModule = {
  name: 'redis-scan',
  title: `one EVALSHA over ${FIELDS} fields against HSCAN pages of ${SCAN_PAGE_RECORDS}, on Redis, while ${COMMIT_CLAIMS} claims are committed every ${COMMIT_EVERY_MS} ms`,
  byDefault: true,
  run,
};

/** Latencies of the reading calls and of the commits beside them. */
interface Phase {
  readonly reads?: LatencySummary;
  readonly commits: LatencySummary;
}
const WAYS = ['script', 'pages', 'hydration'] as const;
type Round = Record<'alone' | (typeof WAYS)[number], Phase>;

async function run(context: BenchContext): Promise<BenchRow[]> {
  const rounds: Round[] = [];
  const redis = await startRedis(EVERYSEC);
  try {
    const place = { host: redis.host, port: redis.port, url: redis.url, keyPrefix: READ_PREFIX };
    await grow(place);
    const registry = await MeasuredRegistry.open(redis, 1);
    // Compiles what is measured.
    await commitSteadily(registry, context.seconds);
    for (let round = 0; round < context.rounds; round += 1) {
      rounds.push(await runRound(registry, place, context));
    }
    await registry.close();
  } finally {
    await redis.stop();
  }
  return rows(rounds);
}

async function grow(place: RedisPlace): Promise<void> {
  const registry = await MeasuredRegistry.open(place, 1);
  await registry.grow(FIELDS);
  await registry.close();
}

async function runRound(
  registry: MeasuredRegistry,
  place: RedisPlace,
  context: BenchContext,
): Promise<Round> {
  const alone = { commits: await commitSteadily(registry, context.seconds) };
  context.say(`alone: commits p50 ${alone.commits.p50Ms} ms, p99 ${alone.commits.p99Ms} ms`);
  const phases: Phase[] = [];
  for (const way of WAYS) {
    const { reads, commits } = await beside({ redis: place, way }, registry, context.seconds);
    phases.push({ reads, commits });
    context.say(`${way}: reads p50 ${reads.p50Ms} ms, commits p50 ${commits.p50Ms}, p99 ${commits.p99Ms} ms`);
  }
  const [script, pages, hydration] = phases;
  return { alone, script, pages, hydration };
}

/** Commits while a thread reads. */
async function beside(
  task: ReadingTask,
  registry: MeasuredRegistry,
  seconds: number,
): Promise<{ reads: LatencySummary; commits: LatencySummary }> {
  const thread = new Worker(new URL('../measure/reading-thread.ts', import.meta.url), { workerData: task });
  const exited = once(thread, 'exit');
  await once(thread, 'message');
  const commits = await commitSteadily(registry, seconds);
  thread.postMessage('end');
  const [reads] = await once(thread, 'message');
  await exited;
  return { reads, commits };
}

/** A latency counts from when the commit was due. */
async function commitSteadily(registry: MeasuredRegistry, seconds: number): Promise<LatencySummary> {
  const latency = new LatencyHistogram();
  const beginUs = systemClock.monotonicUs();
  const commits = Math.floor((seconds * 1_000) / COMMIT_EVERY_MS);
  for (let i = 0; i < commits; i += 1) {
    const dueUs = beginUs + i * COMMIT_EVERY_MS * 1_000;
    const waitMs = (dueUs - systemClock.monotonicUs()) / 1_000;
    if (waitMs > 0) await sleep(waitMs);
    // A timer that comes late is not the commit's fault, a commit that holds up the next is.
    const startUs = waitMs > 0 ? systemClock.monotonicUs() : dueUs;
    await registry.submit(COMMIT_CLAIMS);
    latency.record(systemClock.monotonicUs() - startUs);
  }
  return latency.summary();
}

function rows(rounds: readonly Round[]): BenchRow[] {
  const read = (name: (typeof WAYS)[number], figure: 'p50Ms' | 'p99Ms') =>
    spread(rounds.map((round) => round[name].reads?.[figure] ?? Number.NaN));
  const p99 = (name: keyof Round) => rounds.map((round) => round[name].commits.p99Ms);
  const ratio = (name: keyof Round) => ratioSpread(p99(name), p99('alone'));
  return [
    spreadRow(`EVALSHA over ${FIELDS} fields, p50`, read('script', 'p50Ms'), 'ms'),
    spreadRow(`EVALSHA over ${FIELDS} fields, p99`, read('script', 'p99Ms'), 'ms'),
    spreadRow(`HSCAN page of ${SCAN_PAGE_RECORDS}, p50`, read('pages', 'p50Ms'), 'ms', {
      goal: PAGE_P50_GOAL,
    }),
    spreadRow(`HSCAN page of ${SCAN_PAGE_RECORDS}, p99`, read('pages', 'p99Ms'), 'ms'),
    spreadRow('commit p99, alone', spread(p99('alone')), 'ms'),
    spreadRow('commit p99, beside the script', spread(p99('script')), 'ms'),
    spreadRow('commit p99, beside the pages', spread(p99('pages')), 'ms'),
    spreadRow('commit p99, beside hydration', spread(p99('hydration')), 'ms'),
    spreadRow('beside the script / alone', ratio('script'), ''),
    spreadRow('beside the pages / alone', ratio('pages'), ''),
    spreadRow('beside hydration / alone', ratio('hydration'), '', { goal: HYDRATION_GOAL }),
  ];
}
