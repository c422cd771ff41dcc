/** Runs ghz for one load and reads its report. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { toolPath } from '../../scripts/tools.ts';
import { SERVICE_NAME } from '../../src/wire/definitions.ts';
import { REPOSITORY } from '../../test/support/program.ts';
import type { Load } from './scenario.ts';

/** How much longer than its schedule ghz may take before it is ended. */
const OVERTIME_S = 15;
const CALL_TIMEOUT_S = 10;
const NS_PER_MS = 1e6;
export const CLAIMS_PROTO = 'proto/claims/v1/claims.proto';

export interface GhzResult {
  readonly calls: number;
  /** Calls per second that were reached. */
  readonly rps: number;
  /** Of the calls that ended OK, from when ghz sent them. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Calls that did not end OK, by name of their status. */
  readonly errors: Readonly<Record<string, number>>;
}

/** The parts of ghz's JSON report that are read. */
interface GhzReport {
  readonly count: number;
  readonly rps: number;
  readonly statusCodeDistribution: Readonly<Record<string, number>> | null;
  readonly latencyDistribution: readonly { readonly percentage: number; readonly latency: number }[] | null;
}

/** What ghz is to send: an open loop, bounded in calls and so in time. */
export interface GhzCalls {
  /** The file that defines the service, from the repository's root. */
  readonly proto: string;
  /** "package.Service.Method". */
  readonly call: string;
  /** Calls, and calls per second. */
  readonly calls: number;
  readonly rps: number;
  readonly connections: number;
  /** The requests (ghz/call-data). */
  readonly dataFile: string;
}

/** Sends `calls` calls of claimd's service with the requests in a file; see sendByGhz. */
export function runGhz(address: string, load: Load, calls: number, dataFile: string): Promise<GhzResult> {
  const { method, rps, connections } = load;
  const call = `${SERVICE_NAME}.${method}`;
  return sendByGhz(address, { proto: CLAIMS_PROTO, call, calls, rps, connections, dataFile });
}

/**
 * Sends calls to "host:port".
 * @throws Error with ghz's words where it fails or takes too long; calls that fail are in the result.
 */
export async function sendByGhz(address: string, load: GhzCalls): Promise<GhzResult> {
  const child = spawn(toolPath('ghz'), [...ghzArgs(load), address], {
    cwd: REPOSITORY,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const endGhz = (): void => void child.kill('SIGKILL');
  process.once('exit', endGhz);
  const late = setTimeout(endGhz, (load.calls / load.rps + OVERTIME_S) * 1000);
  const output: string[] = [];
  const errors: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  const [code]: (number | null)[] = await once(child, 'close');
  clearTimeout(late);
  process.off('exit', endGhz);
  if (code !== 0) throw new Error(`ghz ended with code ${code}: ${errors.join('')}${output.join('')}`);
  return readReport(JSON.parse(output.join('')));
}

/**
 * Calls are bounded by --total and --rps, and so in time; --max-duration is no use, because ghz
 * 0.121 takes any duration as leave to make calls without end.
 */
function ghzArgs(load: GhzCalls): string[] {
  const options = {
    proto: load.proto,
    call: load.call,
    'binary-file': load.dataFile,
    total: load.calls,
    timeout: `${CALL_TIMEOUT_S}s`,
    rps: load.rps,
    connections: load.connections,
    // Of an open loop these are no bound on the calls under way; each connection needs one.
    concurrency: load.connections,
    format: 'json',
  };
  const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  return ['--insecure', '--async', ...flags];
}

export function readReport(report: GhzReport): GhzResult {
  const statuses = Object.entries(report.statusCodeDistribution ?? {});
  const latencyMs = (percentage: number): number => {
    const found = report.latencyDistribution?.find((entry) => entry.percentage === percentage);
    return (found?.latency ?? 0) / NS_PER_MS;
  };
  return {
    calls: report.count,
    rps: report.rps,
    p50Ms: latencyMs(50),
    p95Ms: latencyMs(95),
    p99Ms: latencyMs(99),
    errors: Object.fromEntries(statuses.filter(([name]) => name !== 'OK')),
  };
}
