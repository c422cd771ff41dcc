/**
 * Envoy's rate limit service (scripts/tools.json) as a user would run it for "who comes first": a
 * claim's id is limited to one hit, which Redis counts in one decision a call. All settings that are
 * not named here are its defaults.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toolPath } from '../../scripts/tools.ts';
import { freePort, LOOPBACK } from '../../test/support/free-port.ts';
import { ServerProcess } from '../../test/support/server-process.ts';
import { RATELIMIT_DOMAIN, RATELIMIT_KEY } from '../measure/ratelimit-messages.ts';
import type { MeasuredServer } from '../measure/servers.ts';

export interface RateLimitOptions {
  readonly redis: { readonly host: string; readonly port: number };
  /** How long Redis commands of several calls are gathered, such as "150us"; "0" is its default, off. */
  readonly pipelineWindow: string;
}

/** What Go says of the process's memory (runtime.MemStats). */
export interface GoMemory {
  /** After a full collection. */
  readonly heapBytes: number;
  /** Stops of the world in the last 256 collections, of which Go keeps account, milliseconds. */
  readonly pausesMs: readonly number[];
}

export interface RateLimitServer extends MeasuredServer {
  /** What it has written so far. */
  log(): string;
  /** Collects the garbage and tells. */
  memory(): Promise<GoMemory>;
}

/** Its one call, as ghz names it. */
export const RATELIMIT_CALL = {
  proto: 'loadtest/ratelimit/rls.proto',
  call: 'envoy.service.ratelimit.v3.RateLimitService.ShouldRateLimit',
} as const;

const RULES = `domain: ${RATELIMIT_DOMAIN}
descriptors:
  - key: ${RATELIMIT_KEY}
    rate_limit:
      unit: day
      requests_per_unit: 1
`;
/** Below the folder that it is told, it looks for rules in <subdirectory>/config. */
const SUBDIRECTORY = 'ratelimit';

/** @throws Error where it is not installed, or with what it wrote where it does not serve. */
export async function startRateLimit(options: RateLimitOptions): Promise<RateLimitServer> {
  const folder = await mkdtemp(join(tmpdir(), 'ratelimit-'));
  const rules = join(folder, SUBDIRECTORY, 'config');
  await mkdir(rules, { recursive: true });
  await writeFile(join(rules, 'claims.yaml'), RULES);
  const ports = { grpc: await freePort(), http: await freePort(), debug: await freePort() };
  const server = await ServerProcess.start({
    program: 'ratelimit',
    path: toolPath('ratelimit'),
    args: [],
    env: environment(options, folder, ports),
    servingLine: 'Listening for gRPC',
  });
  const stop = async (): Promise<void> => {
    await server.end();
    await rm(folder, { recursive: true });
  };
  const memory = (): Promise<GoMemory> => readMemory(`http://${LOOPBACK}:${ports.debug}`);
  return { address: `${LOOPBACK}:${ports.grpc}`, pid: server.pid, log: () => server.log(), stop, memory };
}

function environment(
  { redis, pipelineWindow }: RateLimitOptions,
  folder: string,
  ports: { readonly grpc: number; readonly http: number; readonly debug: number },
): Record<string, string> {
  return {
    GRPC_HOST: LOOPBACK,
    GRPC_PORT: `${ports.grpc}`,
    HOST: LOOPBACK,
    PORT: `${ports.http}`,
    DEBUG_HOST: LOOPBACK,
    DEBUG_PORT: `${ports.debug}`,
    LOG_LEVEL: 'warn',
    USE_STATSD: 'false',
    RUNTIME_ROOT: folder,
    RUNTIME_SUBDIRECTORY: SUBDIRECTORY,
    REDIS_SOCKET_TYPE: 'tcp',
    REDIS_URL: `${redis.host}:${redis.port}`,
    REDIS_PIPELINE_WINDOW: pipelineWindow,
  };
}

/** Reads Go's heap profile in text, which ends with MemStats. */
async function readMemory(debugUrl: string): Promise<GoMemory> {
  const reply = await fetch(`${debugUrl}/debug/pprof/heap?gc=1&debug=1`);
  return memoryOf(await reply.text());
}

/** @throws Error where a heap profile does not have the figures. */
export function memoryOf(profile: string): GoMemory {
  const stat = (name: string): string => {
    const value = new RegExp(`^# ${name} = (.+)$`, 'm').exec(profile)?.[1];
    if (value !== undefined) return value;
    throw new Error(`no ${name} in a heap profile of ${profile.length} characters`);
  };
  const pauses = stat('PauseNs').replace(/[[\]]/g, '').split(' ');
  const collections = Number(stat('NumGC'));
  // The list has 256 places from the start on; those of collections to come are 0.
  const pausesMs = pauses.slice(0, collections).map((ns) => Number(ns) / 1e6);
  return { heapBytes: Number(stat('HeapAlloc')), pausesMs };
}
