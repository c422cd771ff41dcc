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
interface CommitLoad {
  readonly claims: number;
  readonly everyMs: number;
}
/** Full batches, as group commit sends them under load; the goal is about these. */
const FULL: CommitLoad = { claims: 500, everyMs: 10 };
/** Small ones, which Redis answers in less time than it takes for a page. */
const SMALL: CommitLoad = { claims: 50, everyMs: 5 };

const PAGE_P50_GOAL = { atMost: 1.5 };
const HYDRATION_GOAL = { atMost: 1.5 };

export const redisScan: BenchModule = {
  name: 'redis-scan',
  title: `one EVALSHA over ${FIELDS} fields against HSCAN pages of ${SCAN_PAGE_RECORDS}, on Redis, while claims are committed: ${named(FULL)}, and ${named(SMALL)}`,
  byDefault: true,
  run,
};

/** Latencies of the reading calls and of the commits beside them. */
interface Phase {
  readonly reads?: LatencySummary;
  readonly commits: LatencySummary;
}
const WAYS = ['script', 'pages', 'hydration'] as const;
const BESIDE = { script: 'the script', pages: 'the pages', hydration: 'hydration' };
type Round = Record<'alone' | (typeof WAYS)[number], Phase>;

async function run(context: BenchContext): Promise<BenchRow[]> {
  const full: Round[] = [];
  const small: Round[] = [];
  const redis = await startRedis(EVERYSEC);
  try {
    const place = { host: redis.host, port: redis.port, url: redis.url, keyPrefix: READ_PREFIX };
    await grow(place);
    const registry = await MeasuredRegistry.open(redis, 1);
    // Compiles what is measured.
    await commitSteadily(registry, FULL, context.seconds);
    for (let round = 0; round < context.rounds; round += 1) {
      full.push(await runRound(registry, place, FULL, context));
      small.push(await runRound(registry, place, SMALL, context));
    }
    await registry.close();
  } finally {
    await redis.stop();
  }
  return [...readRows(small), ...commitRows(full, FULL, HYDRATION_GOAL), ...commitRows(small, SMALL)];
}

async function grow(place: RedisPlace): Promise<void> {
  const registry = await MeasuredRegistry.open(place, 1);
  await registry.grow(FIELDS);
  await registry.close();
}

async function runRound(
  registry: MeasuredRegistry,
  place: RedisPlace,
  load: CommitLoad,
  context: BenchContext,
): Promise<Round> {
  const alone = { commits: await commitSteadily(registry, load, context.seconds) };
  context.say(`alone: commits p50 ${alone.commits.p50Ms} ms, p99 ${alone.commits.p99Ms} ms`);
  const phases: Phase[] = [];
  for (const way of WAYS) {
    const { reads, commits } = await beside({ redis: place, way }, registry, load, context.seconds);
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
  load: CommitLoad,
  seconds: number,
): Promise<{ reads: LatencySummary; commits: LatencySummary }> {
  const thread = new Worker(new URL('../measure/reading-thread.ts', import.meta.url), { workerData: task });
  const exited = once(thread, 'exit');
  await once(thread, 'message');
  const commits = await commitSteadily(registry, load, seconds);
  thread.postMessage('end');
  const [reads] = await once(thread, 'message');
  await exited;
  return { reads, commits };
}

/** A latency counts from when the commit was due. */
async function commitSteadily(
  registry: MeasuredRegistry,
  { claims, everyMs }: CommitLoad,
  seconds: number,
): Promise<LatencySummary> {
  const latency = new LatencyHistogram();
  const beginUs = systemClock.monotonicUs();
  const commits = Math.floor((seconds * 1_000) / everyMs);
  for (let i = 0; i < commits; i += 1) {
    const dueUs = beginUs + i * everyMs * 1_000;
    const waitMs = (dueUs - systemClock.monotonicUs()) / 1_000;
    if (waitMs > 0) await sleep(waitMs);
    // A timer that comes late is not the commit's fault, a commit that holds up the next is.
    const startUs = waitMs > 0 ? systemClock.monotonicUs() : dueUs;
    await registry.submit(claims);
    latency.record(systemClock.monotonicUs() - startUs);
  }
  return latency.summary();
}

function named({ claims, everyMs }: CommitLoad): string {
  return `${claims} every ${everyMs} ms`;
}

function readRows(rounds: readonly Round[]): BenchRow[] {
  const read = (name: (typeof WAYS)[number], figure: 'p50Ms' | 'p99Ms') =>
    spread(rounds.map((round) => round[name].reads?.[figure] ?? Number.NaN));
  const page = `HSCAN page of ${SCAN_PAGE_RECORDS}`;
  const script = `EVALSHA over ${FIELDS} fields`;
  return [
    spreadRow(`${script}, p50`, read('script', 'p50Ms'), 'ms'),
    spreadRow(`${script}, p99`, read('script', 'p99Ms'), 'ms'),
    spreadRow(`${page}, p50`, read('pages', 'p50Ms'), 'ms', { goal: PAGE_P50_GOAL }),
    spreadRow(`${page}, p99`, read('pages', 'p99Ms'), 'ms'),
  ];
}

function commitRows(rounds: readonly Round[], load: CommitLoad, goal?: typeof HYDRATION_GOAL): BenchRow[] {
  const p99 = (name: keyof Round) => rounds.map((round) => round[name].commits.p99Ms);
  const of = `commits of ${named(load)}, p99`;
  const ratios = WAYS.map((way) => {
    const extra = way === 'hydration' && goal !== undefined ? { goal } : {};
    return spreadRow(`${of}, beside ${BESIDE[way]} / alone`, ratioSpread(p99(way), p99('alone')), '', extra);
  });
  return [
    spreadRow(`${of}, alone`, spread(p99('alone')), 'ms'),
    ...WAYS.map((way) => spreadRow(`${of}, beside ${BESIDE[way]}`, spread(p99(way)), 'ms')),
    ...ratios,
  ];
}
