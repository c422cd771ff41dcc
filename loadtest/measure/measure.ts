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
import type { WorkloadName } from './workload.ts';

/** The load generator's options (measure/client), by their flags. */
export interface LoadSpec {
  readonly workload?: WorkloadName;
  /** Frames of ExchangeClaims instead of calls. */
  readonly stream?: boolean;
  readonly connections?: number;
  readonly outstanding?: number;
  /** Calls per second of an open loop. */
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
  readonly epochMs?: number;
  readonly boundarySpanMs?: number;
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
export async function measure(server: MeasuredServer, load: LoadSpec): Promise<Measurement> {
  const usage = async (): Promise<ProcessUsage> => readProcessUsage(server.pid);
  let before: ProcessUsage | undefined;
  let after: ProcessUsage | undefined;
  const result = await runClient(server.address, load, async (event) => {
    if (event === 'measuring') before = await usage();
    else after = await usage();
  });
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
  throw new Error(`not every call was answered well: ${JSON.stringify(result)}`);
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
): Promise<LoadResult> {
  const argv = ['loadtest/measure/client.ts', '--address', address, ...clientArgs(load)];
  const child = spawn(process.execPath, argv, { cwd: REPOSITORY, stdio: ['ignore', 'pipe', 'pipe'] });
  const endClient = (): void => void child.kill('SIGKILL');
  process.once('exit', endClient);
  const errors: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  const exited = once(child, 'close');
  let result: LoadResult | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const event: LoadEvent = JSON.parse(line);
    if (event.event === 'result') result = event;
    else await onEvent(event.event);
  }
  const [code]: number[] = await exited;
  process.off('exit', endClient);
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
