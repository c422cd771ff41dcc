/**
 * Whether an epoch boundary shows in the latency of calls: 10,000 SubmitClaim/s on Redis, which keep
 * 100,000 claims live and let 40,000 expire at every boundary; calls under way in a window after a
 * boundary beside the others.
 */
import { startRedis } from '../../test/support/redis-server.ts';
import type { LoadResult } from '../measure/client.ts';
import { type LoadSpec, type Measurement, measureFresh, requireOutcomes } from '../measure/measure.ts';
import { EVERYSEC } from '../measure/redis-registry.ts';
import { claimdServer } from '../measure/servers.ts';
import { ratioSpread, spread } from '../measure/statistics.ts';
import { curveChart, periodChart, phaseChart } from '../report/latency-charts.ts';
import type { BenchContext, BenchModule, BenchResult, BenchRow, Mark } from './bench-module.ts';
import { spreadRow } from './rows.ts';

const EPOCH_MS = 4_000;
const WINDOW_MS = 8_000;
const RATE = 10_000;
/** Until claims have expired at two boundaries: from then on as many come as go. */
const WARMUP_S = 16;
/** Six boundaries a round. */
const SECONDS = 24;
/** A call crosses where it is under way within so long after a boundary. */
const CROSSING_MS = 250;
/** So short that a window after a boundary is a point of its own in charts. */
const PERIOD_MS = 250;
const RATIO_GOAL = { atMost: 1.2 };

const LOAD: LoadSpec = {
  workload: 'submit',
  rate: RATE,
  outstanding: 2_000,
  connections: 8,
  warmupS: WARMUP_S,
  seconds: SECONDS,
  epochMs: EPOCH_MS,
  boundarySpanMs: CROSSING_MS,
  periodMs: PERIOD_MS,
};

export const redisBoundary: BenchModule = {
  name: 'redis-boundary',
  title: `open loop of ${RATE} SubmitClaim/s on Redis (appendfsync everysec) with ${(RATE * EPOCH_MS) / 1000} claims expiring every ${EPOCH_MS / 1000} s: calls under way within ${CROSSING_MS} ms after an epoch boundary, and the others`,
  byDefault: true,
  run,
};

async function run(context: BenchContext): Promise<BenchResult> {
  const rounds: LoadResult[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    const { load, cores } = await measureRound();
    // Those that the load generator had no room for are a row of their own.
    requireOutcomes({ ...load, skipped: 0 }, ['ACCEPTED']);
    rounds.push(load);
    const [crossing, others] = [load.crossing?.p99Ms, load.notCrossing?.p99Ms];
    context.say(`p99 crossing ${crossing} ms, others ${others} ms; ${cores.toFixed(2)} cores`);
  }
  return { rows: rows(rounds), charts: charts(rounds) };
}

async function measureRound(): Promise<Measurement> {
  const redis = await startRedis(EVERYSEC);
  try {
    const env = {
      CLAIMS_STORE: redis.url,
      CLAIMS_EPOCH_LENGTH_MS: String(EPOCH_MS),
      CLAIMS_VALIDATION_WINDOW_MS: String(WINDOW_MS),
    };
    return await measureFresh(claimdServer('claimd', { env }), LOAD);
  } finally {
    await redis.stop();
  }
}

function rows(rounds: readonly LoadResult[]): BenchRow[] {
  const crossing = rounds.map((load) => load.crossing?.p99Ms ?? Number.NaN);
  const others = rounds.map((load) => load.notCrossing?.p99Ms ?? Number.NaN);
  return [
    spreadRow('p99 within windows after epoch boundaries', spread(crossing), 'ms'),
    spreadRow('p99 elsewhere', spread(others), 'ms'),
    spreadRow('p99 within windows / elsewhere', ratioSpread(crossing, others), '', { goal: RATIO_GOAL }),
    spreadRow(
      'calls not begun, because too many were under way',
      spread(rounds.map((load) => load.skipped)),
      '',
      {
        goal: { atMost: 0 },
      },
    ),
  ];
}

/** Of the last round, but for the one over all boundaries. */
function charts(rounds: readonly LoadResult[]) {
  const last = rounds[rounds.length - 1];
  const { beginMs, periods, crossingCurve = [], notCrossingCurve = [] } = last;
  const curves = [
    { name: 'within windows after epoch boundaries', curve: crossingCurve },
    { name: 'elsewhere', curve: notCrossingCurve },
  ];
  return [
    periodChart('Latencies over time, one round', periods, boundaries(beginMs)),
    phaseChart('p99 by the time since an epoch boundary, all rounds', rounds, EPOCH_MS, PERIOD_MS),
    curveChart('Distribution of latencies, one round', curves),
  ];
}

/** Epoch boundaries at seconds since the measured time began. */
function boundaries(beginMs: number): Mark[] {
  const first = Math.ceil(beginMs / EPOCH_MS);
  return Array.from({ length: (SECONDS * 1000) / EPOCH_MS }, (_, i) => ({
    x: ((first + i) * EPOCH_MS - beginMs) / 1000,
    label: `epoch ${first + i}`,
  }));
}
