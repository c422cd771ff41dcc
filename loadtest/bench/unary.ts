/**
 * What one SubmitClaim costs the server on each store, against a bare grpc-js echo of raw bytes. Both
 * servers run all the while and are measured in short slices by turns: the machine's pace changes
 * from one half minute to the next by more than what is looked for.
 */
import { type RedisServerOptions, startRedis } from '../../test/support/redis-server.ts';
import { applyLoad, type LoadSpec, type Measurement, measure, requireOutcomes } from '../measure/measure.ts';
import { compare, measurePaired, type PairedRounds } from '../measure/paired.ts';
import { ALWAYS, EVERYSEC } from '../measure/redis-registry.ts';
import { claimdServer, echoServer, type MeasuredServer, type ServerSpec } from '../measure/servers.ts';
import { spread } from '../measure/statistics.ts';
import { curveChart, middleCurve } from '../report/latency-charts.ts';
import type { BenchContext, BenchModule, BenchResult, BenchRow, Chart, Goal } from './bench-module.ts';
import { comparisonRows, spreadRow } from './rows.ts';

/** Connections that the calls are spread over, as of a few game servers. */
const CONNECTIONS = 8;
/** Closed loop: calls under way. */
const OUTSTANDING = 64;
/** Open loop: calls per second, and so many under way at most before one is given up. */
const RATE = 10_000;
const OUTSTANDING_AT_MOST = 2_000;
/** Until the code that serves a call is compiled and the heap has its size. */
const WARMUP_S = 6;
/** Between slices, until the connections are there. */
const SLICE_WARMUP_S = 0.5;
/** Slices for each round that was asked for, which share its time. */
const SLICES_A_ROUND = 3;
/** CPU per call against the floor's; SQLite's own thread is what it has more. */
const SQLITE_CPU_GOAL = { atMost: 1.6 };
const REDIS_CPU_GOAL = { atMost: 1.3 };
/** p99 at the steady rate: against the floor's, and with two ingress threads in milliseconds. */
const P99_RATIO_GOAL = { atMost: 1.5 };
const P99_GOAL = { atMost: 15 };
/** More claims than can be submitted, and none expires: what is measured is the submits. */
const CLAIMD_ENV = {
  CLAIMS_TABLE_CAPACITY: String(2 ** 22),
  CLAIMS_VALIDATION_WINDOW_MS: '7200000',
};
/** Below this a thread's share is not worth a row, µs per call. */
const THREAD_SHARE_US = 0.1;

const SATURATION: LoadSpec = { workload: 'submit', connections: CONNECTIONS, outstanding: OUTSTANDING };
const STEADY: LoadSpec = {
  workload: 'submit',
  connections: CONNECTIONS,
  rate: RATE,
  outstanding: OUTSTANDING_AT_MOST,
};

const HOW = `against a bare grpc-js echo with the same threads and heap settings, ${CONNECTIONS} connections, in alternating slices: ${OUTSTANDING} calls under way, and ${RATE} calls/s`;

interface Variant {
  readonly ingressThreads: number;
  readonly cpuGoal: Goal;
}

export const unaryCpu: BenchModule = {
  name: 'unary-cpu',
  title: `SubmitClaim on SQLite, served by the main thread, ${HOW}`,
  byDefault: true,
  run: (context) => againstEcho({}, { ingressThreads: 1, cpuGoal: SQLITE_CPU_GOAL }, context),
};

export const redisUnary: BenchModule = {
  name: 'redis-unary',
  title: `SubmitClaim on Redis (appendfsync everysec; its CPU is not counted), served by the main thread, ${HOW}`,
  byDefault: true,
  run: (context) => onRedis(EVERYSEC, { ingressThreads: 1, cpuGoal: REDIS_CPU_GOAL }, context),
};

export const redisUnaryAlways: BenchModule = {
  name: 'redis-unary-always',
  title: `SubmitClaim on Redis (appendfsync always; its CPU is not counted), served by the main thread, ${HOW}`,
  byDefault: true,
  run: (context) => onRedis(ALWAYS, { ingressThreads: 1, cpuGoal: REDIS_CPU_GOAL }, context),
};

export const redisUnaryThreads: BenchModule = {
  name: 'redis-unary-threads',
  title: `SubmitClaim on Redis (appendfsync everysec; its CPU is not counted), two ingress threads, ${HOW}`,
  byDefault: true,
  run: (context) => onRedis(EVERYSEC, { ingressThreads: 2, cpuGoal: REDIS_CPU_GOAL }, context),
};

async function onRedis(
  durability: RedisServerOptions,
  variant: Variant,
  context: BenchContext,
): Promise<BenchResult> {
  const redis = await startRedis(durability);
  try {
    return await againstEcho({ CLAIMS_STORE: redis.url }, variant, context);
  } finally {
    await redis.stop();
  }
}

interface RunningServer extends MeasuredServer {
  readonly name: string;
}

/** @param store where the registry is; a database of its own by default. */
async function againstEcho(
  store: Readonly<Record<string, string>>,
  variant: Variant,
  context: BenchContext,
): Promise<BenchResult> {
  const threads = variant.ingressThreads;
  const env = { ...CLAIMD_ENV, ...store, CLAIMS_INGRESS_THREADS: String(threads) };
  const echo = await start(echoServer('echo', { threads }));
  try {
    const claimd = await start(claimdServer('claimd', { env }));
    try {
      const saturated = await slices(echo, claimd, SATURATION, context);
      const steady = await slices(echo, claimd, STEADY, context);
      return {
        rows: [...saturationRows(saturated, variant), ...steadyRows(steady, variant)],
        charts: [
          distribution(`Latencies with ${OUTSTANDING} calls under way`, saturated),
          distribution(`Latencies at ${RATE} calls/s`, steady),
        ],
      };
    } finally {
      await claimd.stop();
    }
  } finally {
    await echo.stop();
  }
}

async function start(spec: ServerSpec): Promise<RunningServer> {
  const server = await spec.start();
  await applyLoad(server.address, { ...SATURATION, warmupS: 0, seconds: WARMUP_S });
  return { ...server, name: spec.name };
}

function slices(
  echo: RunningServer,
  claimd: RunningServer,
  load: LoadSpec,
  context: BenchContext,
): Promise<PairedRounds> {
  const slice = { ...load, warmupS: SLICE_WARMUP_S, seconds: context.seconds / SLICES_A_ROUND };
  return measurePaired(echo, claimd, context.rounds * SLICES_A_ROUND, async (server) => {
    const measurement = await measure(server, slice);
    requireOutcomes(measurement.load, ['ACCEPTED']);
    context.say(summary(server.name, measurement));
    return measurement;
  });
}

function saturationRows(rounds: PairedRounds, variant: Variant): BenchRow[] {
  const rows = (what: string, figure: (m: Measurement) => number, unit: string, goal?: Goal) =>
    comparisonRows(what, compare(rounds, figure), unit, goal);
  return [
    ...rows('CPU per call', (m) => m.cpuUsPerCall, 'µs', variant.cpuGoal),
    ...threadRows(rounds, 'CPU per call'),
    ...rows('calls at saturation', (m) => m.load.callsPerS, '/s'),
    ...rows('p99', (m) => m.load.latency.p99Ms, 'ms'),
    ...rows('RSS', (m) => m.rssMb, 'MB'),
  ];
}

function steadyRows(rounds: PairedRounds, { ingressThreads }: Variant): BenchRow[] {
  const at = `at ${RATE} calls/s`;
  const p99 = compare(rounds, (m) => m.load.latency.p99Ms);
  const [claimd, ...others] = comparisonRows(`p99 ${at}`, p99, 'ms', P99_RATIO_GOAL);
  return [
    ...comparisonRows(
      `CPU per call ${at}`,
      compare(rounds, (m) => m.cpuUsPerCall),
      'µs',
    ),
    ...threadRows(rounds, `CPU per call ${at}`),
    ingressThreads > 1 ? { ...claimd, goal: P99_GOAL } : claimd,
    ...others,
  ];
}

/** What each kind of claimd's threads takes of a call. */
function threadRows({ subject }: PairedRounds, what: string): BenchRow[] {
  const names = new Set(subject.flatMap(({ threadUsPerCall }) => Object.keys(threadUsPerCall)));
  return [...names].flatMap((name) => {
    const share = spread(subject.map(({ threadUsPerCall }) => threadUsPerCall[name] ?? 0));
    return share.median < THREAD_SHARE_US ? [] : [spreadRow(`of that, thread ${name}: ${what}`, share, 'µs')];
  });
}

/** Of the slice of each whose p99 is in the middle. */
function distribution(title: string, { floor, subject }: PairedRounds): Chart {
  const curve = (name: string, measured: readonly Measurement[]) =>
    middleCurve(
      name,
      measured.map(({ load }) => load),
    );
  return curveChart(title, [curve('claimd', subject), curve('echo', floor)]);
}

function summary(name: string, { cpuUsPerCall, cores, load }: Measurement): string {
  const perCall = `${cpuUsPerCall.toFixed(1)} µs/call`;
  return `${name}: ${perCall}, ${load.callsPerS.toFixed(0)} calls/s, ${cores.toFixed(2)} cores`;
}
