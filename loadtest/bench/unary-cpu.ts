/**
 * What one SubmitClaim costs the server on each store, against a bare grpc-js echo of raw bytes. Both
 * servers run all the while and are measured in short slices by turns: the machine's pace changes
 * from one half minute to the next by more than what is looked for.
 */
import { startRedis } from '../../test/support/redis-server.ts';
import { applyLoad, type LoadSpec, type Measurement, measure, requireOutcomes } from '../measure/measure.ts';
import { compare, measurePaired, type PairedRounds } from '../measure/paired.ts';
import { EVERYSEC } from '../measure/redis-registry.ts';
import { claimdServer, echoServer, type MeasuredServer, type ServerSpec } from '../measure/servers.ts';
import { curveChart, middleCurve } from '../report/latency-charts.ts';
import type { BenchContext, BenchModule, BenchResult, BenchRow, Chart } from './bench-module.ts';
import { comparisonRows } from './rows.ts';

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
/** The goal of the first release: CPU per call against the floor. */
const RATIO_GOAL = { atMost: 1.6 };
/** More claims than can be submitted, and none expires: what is measured is the submits. */
const CLAIMD_ENV = {
  CLAIMS_TABLE_CAPACITY: String(2 ** 22),
  CLAIMS_VALIDATION_WINDOW_MS: '7200000',
};

const SATURATION: LoadSpec = { workload: 'submit', connections: CONNECTIONS, outstanding: OUTSTANDING };
const STEADY: LoadSpec = {
  workload: 'submit',
  connections: CONNECTIONS,
  rate: RATE,
  outstanding: OUTSTANDING_AT_MOST,
};

const HOW = `against a bare grpc-js echo, ${CONNECTIONS} connections, in alternating slices: ${OUTSTANDING} calls under way, and ${RATE} calls/s`;

export const unaryCpu: BenchModule = {
  name: 'unary-cpu',
  title: `SubmitClaim on SQLite ${HOW}`,
  byDefault: true,
  run: (context) => againstEcho(claimdServer('claimd', { env: CLAIMD_ENV }), context),
};

export const redisUnary: BenchModule = {
  name: 'redis-unary',
  title: `SubmitClaim on Redis (appendfsync everysec; its CPU is not counted) ${HOW}`,
  byDefault: true,
  run: onRedis,
};

async function onRedis(context: BenchContext): Promise<BenchResult> {
  const redis = await startRedis(EVERYSEC);
  try {
    const env = { ...CLAIMD_ENV, CLAIMS_STORE: redis.url };
    return await againstEcho(claimdServer('claimd', { env }), context);
  } finally {
    await redis.stop();
  }
}

interface RunningServer extends MeasuredServer {
  readonly name: string;
}

async function againstEcho(subject: ServerSpec, context: BenchContext): Promise<BenchResult> {
  const echo = await start(echoServer('echo'));
  try {
    const claimd = await start(subject);
    try {
      const saturated = await slices(echo, claimd, SATURATION, context);
      const steady = await slices(echo, claimd, STEADY, context);
      return {
        rows: [...saturationRows(saturated), ...steadyRows(steady)],
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

function saturationRows(rounds: PairedRounds): BenchRow[] {
  const rows = (what: string, figure: (m: Measurement) => number, unit: string, goal?: typeof RATIO_GOAL) =>
    comparisonRows(what, compare(rounds, figure), unit, goal);
  return [
    ...rows('CPU per call', (m) => m.cpuUsPerCall, 'µs', RATIO_GOAL),
    ...rows('calls at saturation', (m) => m.load.callsPerS, '/s'),
    ...rows('p99', (m) => m.load.latency.p99Ms, 'ms'),
    ...rows('RSS', (m) => m.rssMb, 'MB'),
  ];
}

function steadyRows(rounds: PairedRounds): BenchRow[] {
  const at = `at ${RATE} calls/s`;
  return [
    ...comparisonRows(
      `CPU per call ${at}`,
      compare(rounds, (m) => m.cpuUsPerCall),
      'µs',
    ),
    ...comparisonRows(
      `p99 ${at}`,
      compare(rounds, (m) => m.load.latency.p99Ms),
      'ms',
    ),
  ];
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
