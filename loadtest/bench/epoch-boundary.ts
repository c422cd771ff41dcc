/**
 * What an epoch boundary costs with 100,000 claims live and 50,000 of them overdue: how long the
 * segments take to advance, and the latency of calls that cross the boundary beside the others.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/clock/clock.ts';
import { type EpochRules, epochOf, epochStartMs, type TimestampMs } from '../../src/domain/epochs.ts';
import { ClaimsClient } from '../ghz/claims-client.ts';
import { applyLoad, type Measurement, measure, requireOutcomes } from '../measure/measure.ts';
import { claimdServer, type MeasuredServer } from '../measure/servers.ts';
import { ratioSpread, spread } from '../measure/statistics.ts';
import type { BenchContext, BenchModule, BenchRow } from './bench-module.ts';
import { spreadRow } from './rows.ts';

const RULES: EpochRules = { epochLengthMs: 4_000, validationWindowMs: 8_000, retentionEpochs: 60 };
const BATCH = 1_000;
/** Claims that fall due at each of two boundaries, one after the other. */
const DUE_AT_EACH = 50_000;
const RATE = 1_000;
/** A call crosses where it is under way within so long after a boundary. */
const CROSSING_MS = 250;
/** Into the epoch before the first of the two boundaries, the load begins. */
const LEAD_MS = 1_500;
const SECONDS = 8;

const ADVANCE_GOAL = { atMost: 5_000 };
const CROSSING_GOAL = { atMost: 1.5 };

export const epochBoundary: BenchModule = {
  name: 'epoch-boundary',
  title: `two boundaries, at the first of which ${2 * DUE_AT_EACH} claims are live and ${DUE_AT_EACH} overdue; open loop of ${RATE} SubmitClaim/s on SQLite`,
  byDefault: true,
  run,
};

interface Round {
  readonly advanceUs: number;
  readonly measurement: Measurement;
}

async function run(context: BenchContext): Promise<BenchRow[]> {
  const rounds: Round[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    const result = await runRound();
    rounds.push(result);
    const { crossing, notCrossing } = result.measurement.load;
    context.say(
      `advance ${result.advanceUs} µs; p99 crossing ${crossing?.p99Ms} ms, others ${notCrossing?.p99Ms} ms`,
    );
  }
  const crossing = rounds.map((r) => r.measurement.load.crossing?.p99Ms ?? Number.NaN);
  const others = rounds.map((r) => r.measurement.load.notCrossing?.p99Ms ?? Number.NaN);
  return [
    spreadRow('segments advanced in', spread(rounds.map((r) => r.advanceUs)), 'µs', { goal: ADVANCE_GOAL }),
    spreadRow(`p99 of calls within ${CROSSING_MS} ms after a boundary`, spread(crossing), 'ms'),
    spreadRow('p99 of the others', spread(others), 'ms'),
    spreadRow('crossing / others', ratioSpread(crossing, others), '', { goal: CROSSING_GOAL }),
  ];
}

async function runRound(): Promise<Round> {
  const spec = claimdServer('claimd', {
    env: {
      CLAIMS_EPOCH_LENGTH_MS: String(RULES.epochLengthMs),
      CLAIMS_VALIDATION_WINDOW_MS: String(RULES.validationWindowMs),
    },
  });
  const server = await spec.start();
  try {
    const first = await fill(server);
    await sleepUntil(epochStartMs(first, RULES) - LEAD_MS);
    const measurement = await measure(server, {
      workload: 'submit',
      rate: RATE,
      outstanding: 1_000,
      connections: 8,
      seconds: SECONDS,
      epochMs: RULES.epochLengthMs,
      boundarySpanMs: CROSSING_MS,
    });
    requireOutcomes(measurement.load, ['ACCEPTED']);
    return { advanceUs: await advanceUs(server, first), measurement };
  } finally {
    await server.stop();
  }
}

/** Half of the claims in one epoch, half in the next. @returns the epoch at which the first fall due. */
async function fill(server: MeasuredServer): Promise<number> {
  const now = systemClock.nowMs() as TimestampMs;
  const next = epochOf(now, RULES) + 1;
  for (const epoch of [next, next + 1]) {
    await sleepUntil(epochStartMs(epoch, RULES) + 50);
    const load = await applyLoad(server.address, {
      workload: 'batch-submit',
      items: BATCH,
      calls: DUE_AT_EACH / BATCH,
      outstanding: 4,
      connections: 1,
      seconds: RULES.epochLengthMs / 1000 - 1,
    });
    requireOutcomes(load, ['ACCEPTED']);
  }
  // A timestamp within an epoch and a window of two epochs: due at the beginning of the third.
  return next + 3;
}

async function advanceUs(server: MeasuredServer, epoch: number): Promise<number> {
  const client = new ClaimsClient(server.address, systemClock.nowMs);
  try {
    const summary = await client.getEpoch(epoch);
    if (summary.expired < DUE_AT_EACH) throw new Error(`only ${summary.expired} expired at the boundary`);
    return summary.durationUs;
  } finally {
    client.close();
  }
}

async function sleepUntil(wallMs: number): Promise<void> {
  await sleep(Math.max(0, wallMs - systemClock.nowMs()));
}
