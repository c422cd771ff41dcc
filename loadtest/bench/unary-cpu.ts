/** What one SubmitClaim costs the server on SQLite, against a bare grpc-js echo of raw bytes. */
import { type Measurement, measureFresh, requireOutcomes } from '../measure/measure.ts';
import { compare, measurePaired } from '../measure/paired.ts';
import { claimdServer, echoServer } from '../measure/servers.ts';
import type { BenchContext, BenchModule, BenchRow } from './bench-module.ts';
import { comparisonRows } from './rows.ts';

/** Calls under way, and the connections they are spread over, as of a few game servers. */
const OUTSTANDING = 64;
const CONNECTIONS = 8;
/** Until the code that serves a call is compiled and the heap has its size. */
const WARMUP_S = 5;
/** The goal of the first release: CPU per call against the floor. */
const RATIO_GOAL = { atMost: 1.6 };
/** More claims than a round can submit, so that what is measured is not a full table. */
const TABLE_CAPACITY = 2 ** 20;

export const unaryCpu: BenchModule = {
  name: 'unary-cpu',
  title: `SubmitClaim on SQLite against a bare grpc-js echo: closed loop, ${OUTSTANDING} calls under way on ${CONNECTIONS} connections`,
  byDefault: true,
  run,
};

async function run(context: BenchContext): Promise<BenchRow[]> {
  const load = {
    workload: 'submit',
    outstanding: OUTSTANDING,
    connections: CONNECTIONS,
    warmupS: WARMUP_S,
    seconds: context.seconds,
  } as const;
  const claimd = claimdServer('claimd', { env: { CLAIMS_TABLE_CAPACITY: String(TABLE_CAPACITY) } });
  const rounds = await measurePaired(echoServer('echo', 1), claimd, context.rounds, async (server) => {
    const measurement = await measureFresh(server, load);
    requireOutcomes(measurement.load, ['ACCEPTED']);
    context.say(summary(server.name, measurement));
    return measurement;
  });
  return [
    ...comparisonRows(
      'CPU per call',
      compare(rounds, (m) => m.cpuUsPerCall),
      'µs',
      RATIO_GOAL,
    ),
    ...comparisonRows(
      'calls at saturation',
      compare(rounds, (m) => m.load.callsPerS),
      '/s',
    ),
    ...comparisonRows(
      'p99',
      compare(rounds, (m) => m.load.latency.p99Ms),
      'ms',
    ),
    ...comparisonRows(
      'RSS',
      compare(rounds, (m) => m.rssMb),
      'MB',
    ),
  ];
}

function summary(name: string, { cpuUsPerCall, cores, load }: Measurement): string {
  const perCall = `${cpuUsPerCall.toFixed(1)} µs/call`;
  return `${name}: ${perCall}, ${load.callsPerS.toFixed(0)} calls/s, ${cores.toFixed(2)} cores`;
}
