/**
 * Measures a server under load: starts the load generator against it and reads what the server
 * used between the generator's "measuring" and "measured" lines.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { REPOSITORY } from '../../test/support/program.ts';
import type { LoadEvent, LoadResult } from './client.ts';
import { type ProcessUsage, readProcessUsage } from './process-usage.ts';
import type { MeasuredServer, ServerSpec } from './servers.ts';
import type { LatencyPeriod } from './timeline.ts';
import type { WorkloadName } from './workload.ts';

/** The load generator's options (measure/client), by their flags. */
export interface LoadSpec {
  readonly workload?: WorkloadName;
  /** Frames of ExchangeClaims instead of calls. */
  readonly stream?: boolean;
  readonly connections?: number;
  readonly outstanding?: number;
  /** Calls, or frames of a stream, per second of an open loop. */
  readonly rate?: number;
  /** Ends after so many calls. */
  readonly calls?: number;
  readonly warmupS?: number;
  readonly seconds?: number;
  /** Items of a batch or frame. */
  readonly items?: number;
  /** Prefix of the claim ids; one of its own for every run by default. */
  readonly run?: string;
  readonly first?: number;
  readonly lag?: number;
  /** Claim ids in no order. */
  readonly scattered?: boolean;
  /** Nine of ten claims in the first half of the segments. */
  readonly skewed?: boolean;
  readonly epochMs?: number;
  readonly boundarySpanMs?: number;
  readonly setAsideEveryMs?: number;
  readonly setAsideOffsetMs?: number;
  readonly setAsideSpanMs?: number;
  readonly periodMs?: number;
}

/** What else may be done while a load goes on. */
export interface LoadWatch {
  /** Hears of every period of the measured time, once it is over. */
  readonly onPeriod?: (period: LatencyPeriod) => void;
  /** Ends the measured time early; what was measured until then is the result. */
  readonly signal?: AbortSignal;
}

export interface Measurement {
  readonly load: LoadResult;
  /** CPU of the server process, microseconds per call and per claim that was answered. */
  readonly cpuUsPerCall: number;
  readonly cpuUsPerClaim: number;
  /** Cores that the server kept busy. */
  readonly cores: number;
  /** CPU per call of its threads by name, microseconds. */
  readonly threadUsPerCall: Readonly<Record<string, number>>;
  readonly rssMb: number;
  readonly peakRssMb: number;
}

/** Starts a server, measures it once, and ends it. */
export async function measureFresh(server: ServerSpec, load: LoadSpec): Promise<Measurement> {
  const started = await server.start();
  try {
    return await measure(started, load);
  } finally {
    await started.stop();
  }
}

/** Measures a server that runs. @throws Error with the load generator's output where that fails. */
export async function measure(
  server: MeasuredServer,
  load: LoadSpec,
  watch: LoadWatch = {},
): Promise<Measurement> {
  const usage = async (): Promise<ProcessUsage> => readProcessUsage(server.pid);
  let before: ProcessUsage | undefined;
  let after: ProcessUsage | undefined;
  const onEvent = async (event: 'measuring' | 'measured'): Promise<void> => {
    if (event === 'measuring') before = await usage();
    else after = await usage();
  };
  const result = await runClient(server.address, load, onEvent, watch);
  if (before === undefined || after === undefined) throw new Error('the load generator measured nothing');
  return measurement(result, before, after);
}

/** Puts load on "host:port" without measuring the server; for warming up and filling. */
export function applyLoad(address: string, load: LoadSpec): Promise<LoadResult> {
  return runClient(address, load, async () => undefined);
}

/** @throws Error that tells the rest where a call was not OK or a claim's outcome is none of those. */
export function requireOutcomes(result: LoadResult, allowed: readonly string[]): void {
  const { statuses, outcomes, unanswered, skipped } = result;
  const otherStatus = Object.keys(statuses).some((name) => name !== 'OK');
  const otherOutcome = Object.keys(outcomes).some((name) => !allowed.includes(name));
  if (!otherStatus && !otherOutcome && unanswered === 0 && skipped === 0) return;
  const came = { calls: result.calls, statuses, outcomes, unanswered, skipped, latency: result.latency };
  throw new Error(`not every call was answered well: ${JSON.stringify(came)}`);
}

function measurement(load: LoadResult, before: ProcessUsage, after: ProcessUsage): Measurement {
  const cpuUs = after.cpuUs - before.cpuUs;
  const threads = [...after.threadsUs].map(([name, us]): [string, number] => [
    name,
    (us - (before.threadsUs.get(name) ?? 0)) / load.callsMeasured,
  ]);
  return {
    load,
    cpuUsPerCall: cpuUs / load.callsMeasured,
    cpuUsPerClaim: cpuUs / load.claimsMeasured,
    cores: cpuUs / 1e6 / load.seconds,
    threadUsPerCall: Object.fromEntries(threads),
    rssMb: after.rssBytes / 1e6,
    peakRssMb: after.peakRssBytes / 1e6,
  };
}

/** Runs the load generator and gives its result; `onEvent` hears "measuring" and "measured". */
async function runClient(
  address: string,
  load: LoadSpec,
  onEvent: (event: 'measuring' | 'measured') => Promise<void>,
  { onPeriod, signal }: LoadWatch = {},
): Promise<LoadResult> {
  const argv = ['loadtest/measure/client.ts', '--address', address, ...clientArgs(load)];
  if (onPeriod !== undefined) argv.push('--progress');
  const child = spawn(process.execPath, argv, { cwd: REPOSITORY, stdio: ['ignore', 'pipe', 'pipe'] });
  const endClient = (): void => void child.kill('SIGKILL');
  const endEarly = (): void => void child.kill('SIGTERM');
  process.once('exit', endClient);
  signal?.addEventListener('abort', endEarly, { once: true });
  if (signal?.aborted) endEarly();
  const errors: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  const exited = once(child, 'close');
  let result: LoadResult | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const event: LoadEvent = JSON.parse(line);
    if (event.event === 'result') result = event;
    else if (event.event === 'period') onPeriod?.(event.period);
    else await onEvent(event.event);
  }
  const [code]: number[] = await exited;
  process.off('exit', endClient);
  signal?.removeEventListener('abort', endEarly);
  if (result === undefined)
    throw new Error(`the load generator ended with code ${code}:\n${errors.join('')}`);
  return result;
}

function clientArgs(load: LoadSpec): string[] {
  return Object.entries(load).flatMap(([name, value]) => {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (typeof value === 'boolean') return value ? [flag] : [];
    return [flag, String(value)];
  });
}
