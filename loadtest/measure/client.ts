/**
 * The load generator: a process of its own that costs little, so that what is measured is the
 * server. Prints JSON lines: `{"event":"measuring"}` when the warm-up is over,
 * `{"event":"measured"}` when the measured time is, then `{"event":"result", …}` (LoadResult). With
 * `--progress` also a line for every period of the measured time, once it is over.
 *
 *   node loadtest/measure/client.ts --address 127.0.0.1:50051 --workload submit \
 *     --connections 8 --outstanding 64 --warmup-s 2 --seconds 5
 *
 * `--rate R` makes it an open loop of R calls/s (or frames/s); `--stream` sends frames of ExchangeClaims;
 * `--calls N` ends after N calls; `--epoch-ms L --boundary-span-ms S` tells latencies of calls that
 * are under way within S after an epoch boundary from the others; `--set-aside-every-ms` and its
 * companions leave out those of calls under way in certain windows (measure/tally.ts).
 *
 * SIGTERM ends the measured time early; what was measured is reported.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/clock/clock.ts';
import { CallLoad } from './call-load.ts';
import { Connections } from './rpc/connections.ts';
import { StreamLoad } from './stream-load.ts';
import { Tally, type TallyResult, type WindowRule } from './tally.ts';
import { type LatencyPeriod, PERIODS_MAX } from './timeline.ts';
import { makeWorkload, WORKLOADS, type WorkloadName } from './workload.ts';

/** How long calls under way at the end may take, milliseconds. */
const DRAIN_MS = 10_000;

/** What the load generator reports. */
export interface LoadResult extends TallyResult {
  /** Measured time. */
  readonly seconds: number;
  /** Calls, and claims answered, per second of measured time. */
  readonly callsPerS: number;
  readonly claimsPerS: number;
  /** Calls that ended, and claims that were answered, in the measured time, whenever they began. */
  readonly callsMeasured: number;
  readonly claimsMeasured: number;
  /** Calls or frames begun since the start, the warm-up's too: how far the claims' numbers have come. */
  readonly started: number;
  /** Calls of an open loop that were not started, because `outstanding` were under way. */
  readonly skipped: number;
  /** Calls without an answer long after the end. */
  readonly unanswered: number;
  /** CPU of the load generator itself, seconds, in the measured time. */
  readonly clientCpuS: number;
}

export type LoadEvent =
  | { readonly event: 'measuring' | 'measured' }
  | { readonly event: 'period'; readonly period: LatencyPeriod }
  | ({ readonly event: 'result' } & LoadResult);

type Options = ReturnType<typeof readOptions>;

function readOptions() {
  const { values } = parseArgs({
    options: {
      address: { type: 'string' },
      workload: { type: 'string', default: 'submit' },
      stream: { type: 'boolean', default: false },
      connections: { type: 'string', default: '1' },
      outstanding: { type: 'string', default: '1' },
      rate: { type: 'string', default: '0' },
      calls: { type: 'string', default: '0' },
      'warmup-s': { type: 'string', default: '0' },
      seconds: { type: 'string', default: '5' },
      items: { type: 'string', default: '1000' },
      run: { type: 'string', default: '' },
      first: { type: 'string', default: '0' },
      lag: { type: 'string', default: '1000' },
      scattered: { type: 'boolean', default: false },
      skewed: { type: 'boolean', default: false },
      'epoch-ms': { type: 'string', default: '0' },
      'boundary-span-ms': { type: 'string', default: '100' },
      'set-aside-every-ms': { type: 'string', default: '0' },
      'set-aside-offset-ms': { type: 'string', default: '0' },
      'set-aside-span-ms': { type: 'string', default: '0' },
      'period-ms': { type: 'string', default: '0' },
      progress: { type: 'boolean', default: false },
    },
  });
  if (values.address === undefined) throw new Error('--address host:port is missing');
  const measuredMs = 1000 * count('seconds', values.seconds, 0);
  return {
    address: values.address,
    workload: workloadName(values.workload),
    stream: values.stream,
    connections: count('connections', values.connections, 1),
    outstanding: count('outstanding', values.outstanding, 1),
    rate: count('rate', values.rate, 0),
    calls: count('calls', values.calls, 0),
    warmupMs: 1000 * count('warmup-s', values['warmup-s'], 0),
    measuredMs,
    items: count('items', values.items, 1),
    run: values.run === '' ? newRun() : values.run,
    first: count('first', values.first, 0),
    lag: count('lag', values.lag, 0),
    scattered: values.scattered,
    skewed: values.skewed,
    boundary: windowRule({
      everyMs: count('epoch-ms', values['epoch-ms'], 0),
      offsetMs: 0,
      spanMs: count('boundary-span-ms', values['boundary-span-ms'], 0),
    }),
    setAside: windowRule({
      everyMs: count('set-aside-every-ms', values['set-aside-every-ms'], 0),
      offsetMs: count('set-aside-offset-ms', values['set-aside-offset-ms'], 0),
      spanMs: count('set-aside-span-ms', values['set-aside-span-ms'], 0),
    }),
    periodMs: periodMs(count('period-ms', values['period-ms'], 0), measuredMs),
    progress: values.progress,
  };
}

/** Undefined where there are no such windows. */
function windowRule(rule: WindowRule): WindowRule | undefined {
  return rule.everyMs === 0 ? undefined : rule;
}

/** As asked for, else a second; longer where there would be too many. */
function periodMs(asked: number, measuredMs: number): number {
  return Math.max(asked === 0 ? 1000 : asked, Math.ceil(measuredMs / PERIODS_MAX));
}

function count(name: string, text: string, min: number): number {
  const value = Number(text);
  if (text === '' || !(value >= min)) throw new Error(`--${name} ${text}: a number from ${min} is allowed`);
  return value;
}

function workloadName(text: string): WorkloadName {
  const name = WORKLOADS.find((known) => known === text);
  if (name === undefined) throw new Error(`--workload ${text}: ${WORKLOADS.join(', ')} are allowed`);
  return name;
}

/** A prefix of claim ids that no other run on this machine has had. */
function newRun(): string {
  return `load-${systemClock.nowMs().toString(36)}-${process.pid}`;
}

function makeTally({ boundary, setAside, periodMs }: Options): Tally {
  return new Tally({
    wallOffsetMs: systemClock.nowMs() - systemClock.monotonicUs() / 1000,
    periodMs,
    ...(boundary === undefined ? {} : { boundary }),
    ...(setAside === undefined ? {} : { setAside }),
  });
}

function makeLoad(options: Options, tally: Tally): CallLoad | StreamLoad {
  if (options.stream) return new StreamLoad(options, tally, systemClock);
  return new CallLoad(options, makeWorkload(options), tally, systemClock);
}

/** Prints an event; waits until it is out, so that the parent reads the server's CPU in time. */
async function say(event: LoadEvent): Promise<void> {
  if (!process.stdout.write(`${JSON.stringify(event)}\n`)) await once(process.stdout, 'drain');
}

/** Prints every period that is over, until the timer it gives is cleared. */
function tellPeriods(tally: Tally, periodMs: number): NodeJS.Timeout {
  let told = 0;
  return setInterval(() => {
    const over = tally.periods().slice(told, -1);
    told += over.length;
    for (const period of over) process.stdout.write(`${JSON.stringify({ event: 'period', period })}\n`);
  }, periodMs);
}

/** Measures until the measured time is over, `told` to end, or the load has ended by itself. */
async function measure(
  options: Options,
  load: CallLoad | StreamLoad,
  tally: Tally,
  begin: () => void,
  told: Promise<unknown>,
) {
  await say({ event: 'measuring' });
  const cpuBefore = process.cpuUsage();
  const beginUs = systemClock.monotonicUs();
  tally.begin(beginUs);
  begin();
  const telling = options.progress ? tellPeriods(tally, options.periodMs) : undefined;
  const over = new AbortController();
  await Promise.race([sleep(options.measuredMs, undefined, { signal: over.signal }), load.finished, told]);
  over.abort();
  clearInterval(telling);
  const cpu = process.cpuUsage(cpuBefore);
  const seconds = (systemClock.monotonicUs() - beginUs) / 1e6;
  const { endedCalls, answeredClaims } = tally;
  await say({ event: 'measured' });
  return { seconds, endedCalls, answeredClaims, clientCpuS: (cpu.user + cpu.system) / 1e6 };
}

async function main(): Promise<void> {
  const options = readOptions();
  const tally = makeTally(options);
  const load = makeLoad(options, tally);
  const connections = await Connections.open(options.address, options.connections, load);
  const broken = connections.failed;
  const told = once(process, 'SIGTERM');
  const warmsUp = options.warmupMs > 0;
  if (warmsUp) {
    load.start(connections);
    await Promise.race([sleep(options.warmupMs), told, broken]);
  }
  const begin = (): void => (warmsUp ? undefined : load.start(connections));
  const measured = await Promise.race([measure(options, load, tally, begin, told), broken]);
  load.stop();
  await Promise.race([load.finished, sleep(DRAIN_MS, undefined, { ref: false }), broken]);
  await say({
    event: 'result',
    seconds: measured.seconds,
    callsPerS: measured.endedCalls / measured.seconds,
    claimsPerS: measured.answeredClaims / measured.seconds,
    callsMeasured: measured.endedCalls,
    claimsMeasured: measured.answeredClaims,
    started: load.started,
    skipped: load.skipped,
    unanswered: load.underWay,
    clientCpuS: measured.clientCpuS,
    ...tally.result(),
  });
  connections.close();
}

await main();
