/**
 * ExchangeClaims and BatchSubmitClaims on Redis, each claim durable when it is answered: latency of
 * frames at a rate that a service would have, what is reached at saturation beside the bare script
 * calls of the same round, and the same with nine of ten claims in one worker's segments.
 */
import { type RedisServer, startRedis } from '../../test/support/redis-server.ts';
import { applyLoad, type LoadSpec, type Measurement, measure, requireOutcomes } from '../measure/measure.ts';
import { EVERYSEC } from '../measure/redis-registry.ts';
import { claimdServer } from '../measure/servers.ts';
import { ratioSpread, type Spread, spread } from '../measure/statistics.ts';
import type { BenchContext, BenchModule, BenchRow } from './bench-module.ts';
import { bareScript } from './redis-commit.ts';
import { spreadRow } from './rows.ts';

const FRAME_ITEMS = 100;
const BATCH_ITEMS = 1_000;
/** Frames per second of the open loop: 100,000 claims/s. */
const FRAMES_PER_S = 1_000;
/** So many under way at most before one is given up: what comes in two seconds. */
const FRAMES_AT_MOST = 2 * FRAMES_PER_S;
const WARMUP_S = 4;
const SLICE_WARMUP_S = 0.5;
/** Of a slice at saturation: skewed claims are found beforehand, and those of a slice are bounded. */
const SATURATION_MAX_S = 4;
/** More claims than a round submits, and none expires: what is measured is the submits. */
const CLAIMD_ENV = {
  // Two, so that one can have more of the load than the other.
  CLAIMS_WORKERS: '2',
  CLAIMS_TABLE_CAPACITY: String(2 ** 23),
  CLAIMS_VALIDATION_WINDOW_MS: '7200000',
};

const FRAMES: LoadSpec = { stream: true, connections: 4, items: FRAME_ITEMS };
const STEADY: LoadSpec = { ...FRAMES, rate: FRAMES_PER_S, outstanding: FRAMES_AT_MOST };
const SATURATED: LoadSpec = { ...FRAMES, outstanding: 64 };
const BATCHES: LoadSpec = { workload: 'batch-submit', connections: 4, outstanding: 8, items: BATCH_ITEMS };

const CLAIMS_PER_S_GOAL = { atLeast: 300_000 };
const SCRIPT_RATIO_GOAL = { atLeast: 0.6 };
const SKEW_GOAL = { atLeast: 0.9 };
const P99_GOAL = { atMost: 15 };

/** What one round measures, by slice. */
interface Round {
  /** Bare script calls, claims/s. */
  readonly script: number;
  readonly steady: Measurement;
  readonly frames: Measurement;
  readonly skewed: Measurement;
  readonly batches: Measurement;
}

export const stream: BenchModule = {
  name: 'stream',
  title: `claims by frames of ${FRAME_ITEMS} and batches of ${BATCH_ITEMS} on Redis (appendfsync everysec; its CPU is not counted), ${FRAMES.connections} connections: ${FRAMES_PER_S} frames/s, then as many as go`,
  byDefault: true,
  run,
};

async function run(context: BenchContext): Promise<BenchRow[]> {
  const rounds: Round[] = [];
  while (rounds.length < context.rounds) rounds.push(await oneRound(context));
  const figures = (figure: (round: Round) => number): number[] => rounds.map(figure);
  const perS = (slice: 'frames' | 'skewed' | 'batches'): number[] => figures((r) => r[slice].load.claimsPerS);
  const cpu = (slice: 'steady' | 'frames' | 'batches'): Spread =>
    spread(figures((r) => r[slice].cpuUsPerClaim));
  const script = figures((r) => r.script);
  const at = `at ${FRAMES_PER_S * FRAME_ITEMS} claims/s`;
  return [
    spreadRow(`p50 of a frame ${at}`, spread(figures((r) => r.steady.load.latency.p50Ms)), 'ms'),
    spreadRow(`p99 of a frame ${at}`, spread(figures((r) => r.steady.load.latency.p99Ms)), 'ms', {
      goal: P99_GOAL,
    }),
    spreadRow(`CPU per claim ${at}`, cpu('steady'), 'µs'),
    spreadRow('bare script calls', spread(script), 'claims/s'),
    spreadRow('frames', spread(perS('frames')), 'claims/s', { goal: CLAIMS_PER_S_GOAL }),
    spreadRow('frames / bare script', ratioSpread(perS('frames'), script), '', { goal: SCRIPT_RATIO_GOAL }),
    spreadRow('frames, CPU per claim', cpu('frames'), 'µs'),
    spreadRow('batches', spread(perS('batches')), 'claims/s', { goal: CLAIMS_PER_S_GOAL }),
    spreadRow('batches / bare script', ratioSpread(perS('batches'), script), '', { goal: SCRIPT_RATIO_GOAL }),
    spreadRow('batches, CPU per claim', cpu('batches'), 'µs'),
    spreadRow('frames, skewed', spread(perS('skewed')), 'claims/s', {
      note: 'nine of ten claims in one worker’s segments, and in half of the shards',
    }),
    spreadRow('skewed / even', ratioSpread(perS('skewed'), perS('frames')), '', { goal: SKEW_GOAL }),
  ];
}

/** A server and its Redis made anew, so that no round has the last one's claims. */
async function oneRound(context: BenchContext): Promise<Round> {
  const script = await onRedis(bareScript);
  return onRedis(async (redis) => {
    const claimd = await claimdServer('claimd', { env: { ...CLAIMD_ENV, CLAIMS_STORE: redis.url } }).start();
    try {
      await applyLoad(claimd.address, { ...SATURATED, seconds: WARMUP_S });
      const slice = async (name: string, load: LoadSpec, seconds: number): Promise<Measurement> => {
        const measured = await measure(claimd, { ...load, warmupS: SLICE_WARMUP_S, seconds });
        requireOutcomes(measured.load, ['ACCEPTED']);
        context.say(`${name}: ${summary(measured)}`);
        return measured;
      };
      const short = Math.min(context.seconds, SATURATION_MAX_S);
      return {
        script,
        steady: await slice('steady', STEADY, context.seconds),
        frames: await slice('frames', SATURATED, short),
        skewed: await slice('skewed', { ...SATURATED, skewed: true }, short),
        batches: await slice('batches', BATCHES, short),
      };
    } finally {
      await claimd.stop();
    }
  });
}

async function onRedis<T>(work: (redis: RedisServer) => Promise<T>): Promise<T> {
  const redis = await startRedis(EVERYSEC);
  try {
    return await work(redis);
  } finally {
    await redis.stop();
  }
}

function summary({ load, cpuUsPerClaim, cores }: Measurement): string {
  const latency = `p50 ${load.latency.p50Ms} ms, p99 ${load.latency.p99Ms} ms`;
  return `${load.claimsPerS.toFixed(0)} claims/s, ${cpuUsPerClaim.toFixed(2)} µs/claim, ${cores.toFixed(2)} cores, ${latency}`;
}
