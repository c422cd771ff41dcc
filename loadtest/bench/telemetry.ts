/**
 * What telemetry costs a call: claimd as it ships, its traces and metrics sent to a receiver and its
 * metrics read as Prometheus mostly does, against the same program without what times calls and
 * watches threads. Medians of slices leave out those few in which metrics are read; means do not.
 * Left in both are the marks of a segment's run and of a commit: two looks at the clock each.
 * Both run all the while and are measured in short slices by turns (see unary).
 */
import { type Claimd, startClaimd } from '../../test/support/claimd.ts';
import { OtlpReceiver } from '../../test/support/otlp-receiver.ts';
import { type RedisServer, startRedis } from '../../test/support/redis-server.ts';
import { builtClaimd, builtWithoutTelemetry } from '../measure/built-programs.ts';
import { applyLoad, type LoadSpec, type Measurement, measure, requireOutcomes } from '../measure/measure.ts';
import { compare, measurePaired, type PairedRounds } from '../measure/paired.ts';
import { EVERYSEC } from '../measure/redis-registry.ts';
import type { MeasuredServer } from '../measure/servers.ts';
import type { BenchContext, BenchModule, BenchRow } from './bench-module.ts';
import { comparisonRows } from './rows.ts';

const CLAIMD_ENV = { CLAIMS_TABLE_CAPACITY: String(2 ** 23), CLAIMS_VALIDATION_WINDOW_MS: '7200000' };
const WARMUP_S = 6;
const SLICE_WARMUP_S = 0.5;
const SLICES_A_ROUND = 3;
/** As most have it; metrics are sent as often. */
const SCRAPE_MS = 15_000;
const CPU_GOAL = { atMost: 1.03 };
const NAMES = { subject: 'with', floor: 'without' };

const UNARY: LoadSpec = { workload: 'submit', connections: 8, outstanding: 64 };
const STEADY: LoadSpec = { workload: 'submit', connections: 8, rate: 10_000, outstanding: 2_000 };
const FRAMES: LoadSpec = { stream: true, connections: 4, items: 100, rate: 1_000, outstanding: 2_000 };

export const telemetry: BenchModule = {
  name: 'telemetry',
  title:
    'SubmitClaim and ExchangeClaims on Redis with all of telemetry (traces and metrics by OTLP, /metrics read every 15 s) against a build without, in alternating slices',
  byDefault: true,
  run,
};

interface Subject extends MeasuredServer {
  readonly name: string;
}

async function run(context: BenchContext): Promise<BenchRow[]> {
  const receiver = await OtlpReceiver.start();
  const redises = [await startRedis(EVERYSEC), await startRedis(EVERYSEC)];
  const off = await startClaimd(offOptions(await builtWithoutTelemetry(), redises[0]));
  const on = await startClaimd(onOptions(await builtClaimd(), redises[1], receiver));
  const scraping = setInterval(() => void scrape(on), SCRAPE_MS);
  try {
    const subjects = [subject('without', off), subject('with', on)] as const;
    for (const { address } of subjects) {
      await applyLoad(address, { ...UNARY, warmupS: 0, seconds: WARMUP_S });
    }
    const rows = async (what: string, load: LoadSpec): Promise<BenchRow[]> => {
      const rounds = await slices(...subjects, load, context);
      const cpu = compare(rounds, (m) => m.cpuUsPerCall);
      const p99 = compare(rounds, (m) => m.load.latency.p99Ms);
      return [
        ...comparisonRows(`CPU per ${what}`, cpu, 'µs', CPU_GOAL, NAMES),
        { measure: `the same by means, CPU per ${what}`, value: meanRatio(rounds), unit: '' },
        ...comparisonRows(`p99 per ${what}`, p99, 'ms', undefined, NAMES),
      ];
    };
    return [
      ...(await rows('call, 64 under way', UNARY)),
      ...(await rows('call, 10,000/s', STEADY)),
      ...(await rows('frame of 100 claims, 1,000/s', FRAMES)),
      { measure: 'spans that arrived', value: receiver.spans.length, unit: '' },
      { measure: 'of these, of calls and frames', value: callSpans(receiver), unit: '' },
    ];
  } finally {
    clearInterval(scraping);
    await off.stop();
    await on.stop();
    await Promise.all(redises.map((redis) => redis.stop()));
    await receiver.stop();
  }
}

function offOptions(file: string, redis: RedisServer) {
  return { file, env: { ...CLAIMD_ENV, CLAIMS_STORE: redis.url, CLAIMS_ADMIN_LISTEN: 'off' } };
}

function onOptions(file: string, redis: RedisServer, receiver: OtlpReceiver) {
  const env = {
    ...CLAIMD_ENV,
    CLAIMS_STORE: redis.url,
    CLAIMS_OTLP_ENDPOINT: receiver.endpoint,
    CLAIMS_OTLP_METRICS_INTERVAL_MS: String(SCRAPE_MS),
  };
  return { file, env };
}

function subject(name: string, claimd: Claimd): Subject {
  return { name, address: claimd.address, pid: claimd.pid, stop: async () => void (await claimd.stop()) };
}

async function scrape({ adminAddress }: Claimd): Promise<void> {
  const response = await fetch(`http://${adminAddress}/metrics`);
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
  await response.text();
}

function slices(without: Subject, withAll: Subject, load: LoadSpec, context: BenchContext) {
  const slice = { ...load, warmupS: SLICE_WARMUP_S, seconds: context.seconds / SLICES_A_ROUND };
  return measurePaired(without, withAll, context.rounds * SLICES_A_ROUND, async (server) => {
    const measurement = await measure(server, slice);
    requireOutcomes(measurement.load, ['ACCEPTED']);
    context.say(summary(server.name, measurement));
    return measurement;
  });
}

function summary(name: string, { cpuUsPerCall, load }: Measurement): string {
  return `${name} telemetry: ${cpuUsPerCall.toFixed(1)} µs/call, ${load.callsPerS.toFixed(0)} calls/s`;
}

function meanRatio({ subject, floor }: PairedRounds): number {
  const total = (measured: readonly Measurement[]) => measured.reduce((sum, m) => sum + m.cpuUsPerCall, 0);
  return total(subject) / total(floor);
}

function callSpans({ spans }: OtlpReceiver): number {
  return spans.filter(({ kind }) => kind === 'SPAN_KIND_SERVER').length;
}
