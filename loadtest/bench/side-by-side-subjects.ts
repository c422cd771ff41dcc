/**
 * The servers that are measured side by side, each started once, with a Redis of its own where it uses
 * one. Those on Node carry the sampler of heaps (measure/heap-sampler), which does nothing until asked.
 */
import { join } from 'node:path';
import { systemClock } from '../../src/clock/clock.ts';
import { startClaimd } from '../../test/support/claimd.ts';
import { type ProgramOptions, type RunningProgram, startProgram } from '../../test/support/program.ts';
import { type RedisServer, startRedis } from '../../test/support/redis-server.ts';
import type { EpochReport } from '../baseline/epoch-loop.ts';
import { ClaimsClient } from '../ghz/claims-client.ts';
import { CLAIMS_PROTO } from '../ghz/ghz.ts';
import { builtBaseline, builtClaimd, builtProgram } from '../measure/built-programs.ts';
import { type MeasuredServer, stopCleanly } from '../measure/servers.ts';
import type { WorkloadName } from '../measure/workload.ts';
import { RATELIMIT_CALL, startRateLimit } from '../ratelimit/ratelimit-server.ts';
import { GoHeap, type HeapProbe, InterpreterHeap, NodeHeap } from './side-by-side-heap.ts';

/** How a subject is asked, by its kind. */
export interface Asking {
  /** What is called at saturation: a new claim. */
  readonly saturating: WorkloadName;
  /** What is called in the open loop: the validation of a pending claim. */
  readonly steady: WorkloadName;
  /** The steady call as ghz names it. */
  readonly ghz: { readonly proto: string; readonly call: string };
  /** Whether the steady call is about claims that the saturating one has submitted. */
  readonly keepsClaims: boolean;
  /** Whether many claims can be submitted in one call. */
  readonly takesBatches: boolean;
}

export interface Subject {
  readonly name: SubjectName;
  readonly asking: Asking;
  readonly server: MeasuredServer;
  readonly redis?: RedisServer;
  readonly heap: HeapProbe;
  /** What it has written so far. */
  log(): string;
  /** How long its last epoch took, milliseconds; undefined where it has none. */
  epochMs(): Promise<number | undefined>;
  /** Whether its epochs would fall on the others' slices, so that it stands still meanwhile. */
  readonly disturbs: boolean;
  stop(): Promise<void>;
}

export const SUBJECT_NAMES = [
  'bare grpc-js echo',
  'Interpreter Defaults',
  'claimd on Redis',
  'claimd on Redis, fsync always',
  'claimd on SQLite',
  'ratelimit',
  'ratelimit, pipelining',
] as const;
export type SubjectName = (typeof SUBJECT_NAMES)[number];

export interface SubjectSettings {
  readonly epochLengthMs: number;
  /** For the files of the samplers. */
  readonly folder: string;
}

/** Nothing expires while it is measured: longer than the run, which grows with the epochs. */
const WINDOW_EPOCHS = 1_000;
/** Live claims, those submitted meanwhile, and the ended ones of the whole retention. */
const TABLE_CAPACITY = 2 ** 19;
const SAMPLER = 'loadtest/measure/heap-sampler.ts';
const VALIDATE = { proto: CLAIMS_PROTO, call: 'claims.v1.ClaimService.ValidateClaim' };
const CLAIMS = { saturating: 'submit', steady: 'validate', ghz: VALIDATE } as const;
const ECHO: Asking = { ...CLAIMS, keepsClaims: false, takesBatches: false };
const CLAIMD: Asking = { ...CLAIMS, keepsClaims: true, takesBatches: true };
const BASELINE: Asking = { ...CLAIMS, keepsClaims: true, takesBatches: false };
const RATELIMIT: Asking = {
  saturating: 'ratelimit',
  steady: 'ratelimit',
  ghz: RATELIMIT_CALL,
  keepsClaims: false,
  takesBatches: false,
};
/** As Redis is mostly run; a rate limiter's has no file, for its counts may be lost. */
const APPEND_FSYNC = { everysec: ['--appendfsync', 'everysec'], always: ['--appendfsync', 'always'] };
const NO_FILE = ['--appendonly', 'no'];
const PIPELINE_WINDOW = '150us';

/** Starts one. @throws Error with its log where it does not serve. */
export function startSubject(name: SubjectName, settings: SubjectSettings): Promise<Subject> {
  switch (name) {
    case 'bare grpc-js echo':
      return startEcho(name, settings);
    case 'Interpreter Defaults':
      return startBaseline(name, settings);
    case 'claimd on Redis':
      return startClaimdOn(name, settings, APPEND_FSYNC.everysec);
    case 'claimd on Redis, fsync always':
      return startClaimdOn(name, settings, APPEND_FSYNC.always);
    case 'claimd on SQLite':
      return startClaimdOn(name, settings, undefined);
    case 'ratelimit':
      return startRateLimitSubject(name, '0');
    case 'ratelimit, pipelining':
      return startRateLimitSubject(name, PIPELINE_WINDOW);
  }
}

const none = async (): Promise<undefined> => undefined;

async function startEcho(name: SubjectName, settings: SubjectSettings): Promise<Subject> {
  const sampled = await sampledBy(name, settings);
  const file = await builtProgram('loadtest/echo-server.ts');
  const args = ['--batch-items', '1'];
  const { program, serving } = await startProgram({ file, args, env: sampled.env });
  const server = serverOf(name, program, serving.address);
  const heap = new NodeHeap(server.pid, sampled.file);
  const log = (): string => program.log();
  return { name, asking: ECHO, server, heap, log, epochMs: none, disturbs: false, stop: server.stop };
}

async function startBaseline(name: SubjectName, settings: SubjectSettings): Promise<Subject> {
  const redis = await startRedis({ args: APPEND_FSYNC.everysec });
  const sampled = await sampledBy(name, settings);
  const times = [
    ...['--epoch-length-ms', `${settings.epochLengthMs}`],
    ...['--validation-window-ms', `${WINDOW_EPOCHS * settings.epochLengthMs}`],
  ];
  const options = { args: ['--redis', redis.url, ...times], env: sampled.env };
  const { program, serving } = await startProgram({ file: await builtBaseline(), ...options });
  const server = serverOf(name, program, serving.address);
  const heap = new InterpreterHeap(new NodeHeap(server.pid, sampled.file), program);
  const epochMs = async (): Promise<number | undefined> => lastEpoch(program)?.durationMs;
  const log = (): string => program.log();
  const stop = (): Promise<void> => stopBoth(server, redis);
  return { name, asking: BASELINE, server, redis, heap, log, epochMs, disturbs: true, stop };
}

/** @param fsync how its Redis syncs; without, it is on SQLite. */
async function startClaimdOn(
  name: SubjectName,
  settings: SubjectSettings,
  fsync: readonly string[] | undefined,
): Promise<Subject> {
  const redis = fsync === undefined ? undefined : await startRedis({ args: fsync });
  const sampled = await sampledBy(name, settings);
  const env = {
    CLAIMS_EPOCH_LENGTH_MS: `${settings.epochLengthMs}`,
    CLAIMS_VALIDATION_WINDOW_MS: `${WINDOW_EPOCHS * settings.epochLengthMs}`,
    CLAIMS_TABLE_CAPACITY: `${TABLE_CAPACITY}`,
    ...(redis === undefined ? {} : { CLAIMS_STORE: redis.url }),
    ...sampled.env,
  };
  const claimd = await startClaimd({ file: await builtClaimd(), env });
  const server = serverOf(name, claimd, claimd.address);
  const client = new ClaimsClient(server.address, systemClock.nowMs);
  const stop = async (): Promise<void> => {
    client.close();
    await stopBoth(server, redis);
  };
  return {
    name,
    asking: CLAIMD,
    server,
    ...(redis === undefined ? {} : { redis }),
    heap: new NodeHeap(server.pid, sampled.file),
    log: () => claimd.log(),
    epochMs: async () => (await client.getEpoch()).durationUs / 1_000,
    disturbs: false,
    stop,
  };
}

async function startRateLimitSubject(name: SubjectName, pipelineWindow: string): Promise<Subject> {
  const redis = await startRedis({ args: NO_FILE });
  const server = await startRateLimit({ redis, pipelineWindow });
  const stop = (): Promise<void> => stopBoth(server, redis);
  const heap = new GoHeap(server);
  const { log } = server;
  return { name, asking: RATELIMIT, server, redis, heap, log, epochMs: none, disturbs: false, stop };
}

/** Where a subject's heap is sampled to, and the environment in which it is. */
async function sampledBy(
  name: SubjectName,
  { folder }: SubjectSettings,
): Promise<{ file: string; env: NonNullable<ProgramOptions['env']> }> {
  const file = join(folder, `${SUBJECT_NAMES.indexOf(name)}.ndjson`);
  const sampler = await builtProgram(SAMPLER);
  const env = { NODE_OPTIONS: `--import=${sampler}`, HEAP_SAMPLE_FILE: file, HEAP_SAMPLE_MS: '0' };
  return { file, env };
}

function serverOf(
  name: SubjectName,
  program: { readonly pid: number; stop(): Promise<number>; log(): string },
  address: string,
): MeasuredServer {
  return { address, pid: program.pid, stop: () => stopCleanly(name, program) };
}

async function stopBoth(server: MeasuredServer, redis: RedisServer | undefined): Promise<void> {
  try {
    await server.stop();
  } finally {
    await redis?.stop();
  }
}

function lastEpoch(program: RunningProgram): EpochReport | undefined {
  const line = program
    .log()
    .trimEnd()
    .split('\n')
    .findLast((text) => text.includes('"msg":"epoch"'));
  return line === undefined ? undefined : JSON.parse(line);
}
