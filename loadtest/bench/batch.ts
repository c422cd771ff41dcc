/** Durable claims per second through BatchSubmitClaims, against a bare grpc-js echo of the same bytes. */
import { applyLoad, type Measurement, measure, requireOutcomes } from '../measure/measure.ts';
import { compare, measurePaired } from '../measure/paired.ts';
import { claimdServer, echoServer, type ServerSpec } from '../measure/servers.ts';
import { spread } from '../measure/statistics.ts';
import type { BenchContext, BenchModule, BenchRow } from './bench-module.ts';
import { comparisonRows, spreadRow } from './rows.ts';

const ITEMS = 1_000;
const OUTSTANDING = 8;
const CONNECTIONS = 2;
const WARMUP_CALLS = 200;
const CALLS = 800;
/** Twice the claims of a round, so that no segment of the table is full before the round is over. */
const TABLE_CAPACITY = 2 ** 21;
const CLAIMS_PER_S_GOAL = { atLeast: 150_000 };

export const batch: BenchModule = {
  name: 'batch',
  title: `BatchSubmitClaims of ${ITEMS} on SQLite against a bare grpc-js echo: closed loop, ${OUTSTANDING} calls under way on ${CONNECTIONS} connections, ${CALLS} calls`,
  byDefault: true,
  run,
};

async function run(context: BenchContext): Promise<BenchRow[]> {
  const claimd = claimdServer('claimd', { env: { CLAIMS_TABLE_CAPACITY: String(TABLE_CAPACITY) } });
  const rounds = await measurePaired(
    echoServer('echo', { batchItems: ITEMS }),
    claimd,
    context.rounds,
    async (server) => {
      const measurement = await measureBatches(server);
      const { cpuUsPerClaim, load } = measurement;
      const perS = `${load.claimsPerS.toFixed(0)} claims/s`;
      context.say(`${server.name}: ${perS}, ${cpuUsPerClaim.toFixed(2)} µs CPU/claim`);
      return measurement;
    },
  );
  const scattered: number[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    scattered.push((await measureBatches(claimd, true)).load.claimsPerS);
    context.say(`claimd, ids in no order: ${scattered[round].toFixed(0)} claims/s`);
  }
  const [durable, floor, ratio] = comparisonRows(
    'claims',
    compare(rounds, (m) => m.load.claimsPerS),
    '/s',
  );
  return [
    {
      ...durable,
      goal: CLAIMS_PER_S_GOAL,
      note: 'ids in order; each acknowledged after its transaction was synced',
    },
    { ...floor, note: 'no claim is decoded, decided or kept' },
    ratio,
    spreadRow('claimd, claims with ids in no order', spread(scattered), '/s', {
      note: 'each commit changes about a page of the index per claim',
    }),
    ...comparisonRows(
      'CPU per claim',
      compare(rounds, (m) => m.cpuUsPerClaim),
      'µs',
    ),
    ...comparisonRows(
      'p99 of a batch',
      compare(rounds, (m) => m.load.latency.p99Ms),
      'ms',
    ),
  ];
}

/** Warms a fresh server up, then measures so many batches from the first to the last reply. */
async function measureBatches(spec: ServerSpec, scattered = false): Promise<Measurement> {
  const server = await spec.start();
  try {
    await applyLoad(server.address, batches(WARMUP_CALLS, scattered));
    const measurement = await measure(server, batches(CALLS, scattered));
    requireOutcomes(measurement.load, ['ACCEPTED']);
    return measurement;
  } finally {
    await server.stop();
  }
}

/** A bounded number of batches; the time is only a bound on how long they may take. */
function batches(calls: number, scattered: boolean) {
  return {
    workload: 'batch-submit',
    items: ITEMS,
    outstanding: OUTSTANDING,
    connections: CONNECTIONS,
    calls,
    scattered,
    seconds: 60,
  } as const;
}
