/**
 * Carries a soak out: a Redis and a claimd of its own, load on claimd, and everything looked at
 * while it goes on. Whatever happens, what it started is ended: children die with this process.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Redis } from 'ioredis';
import { type Clock, systemClock } from '../../src/clock/clock.ts';
import { type RedisServer, startRedis } from '../../test/support/redis-server.ts';
import { ClaimsClient } from '../ghz/claims-client.ts';
import { builtProgram } from '../measure/built-programs.ts';
import { parseSamples } from '../measure/heap-sampler.ts';
import { measure } from '../measure/measure.ts';
import { readProcessUsage } from '../measure/process-usage.ts';
import { EVERYSEC } from '../measure/redis-registry.ts';
import { claimdServer, type MeasuredServer } from '../measure/servers.ts';
import type { SoakPlan } from './plan.ts';
import { type LoadRecord, newRecord, type SoakRecord } from './record.ts';

/** How often the record is handed over while the load goes on. */
const CHECKPOINT_MS = 30_000;

export interface SoakEvents {
  /** What was seen so far, every half minute. */
  checkpoint(record: SoakRecord): Promise<void>;
  /** Ends the load early; what was seen until then is the result. */
  readonly signal: AbortSignal;
}

/** @throws Error where a server or load generator ends before its time. */
export async function runSoak(plan: SoakPlan, events: SoakEvents): Promise<SoakRecord> {
  const folder = await mkdtemp(join(tmpdir(), 'claimd-soak-'));
  try {
    const redis = await startRedis(EVERYSEC);
    try {
      const heapFile = join(folder, 'heap.ndjson');
      const env = { ...plan.serverEnv, ...(await samplerEnv(plan, heapFile)), CLAIMS_STORE: redis.url };
      const server = await claimdServer('claimd', { env }).start();
      try {
        return await observe(plan, { server, redis, heapFile }, events);
      } finally {
        await server.stop();
      }
    } finally {
      await redis.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function samplerEnv(plan: SoakPlan, file: string): Promise<Record<string, string>> {
  const sampler = pathToFileURL(await builtProgram('loadtest/measure/heap-sampler.ts'));
  return {
    NODE_OPTIONS: `--import=${sampler.href}`,
    HEAP_SAMPLE_FILE: file,
    HEAP_SAMPLE_MS: String(plan.sampleEveryMs),
    HEAP_SAMPLE_OFFSET_MS: String(plan.sampleOffsetMs),
  };
}

interface Observed {
  readonly server: MeasuredServer;
  readonly redis: RedisServer;
  readonly heapFile: string;
}

/** Puts the loads on the server, and looks at it until they have ended. */
async function observe(plan: SoakPlan, observed: Observed, events: SoakEvents): Promise<SoakRecord> {
  const record = newRecord(plan, observed.server.pid, systemClock.nowMs());
  const claims = new ClaimsClient(observed.server.address, systemClock.nowMs);
  const redis = observed.redis.client();
  const readHeap = async (): Promise<void> => {
    if (existsSync(observed.heapFile)) record.heap = parseSamples(await readFile(observed.heapFile, 'utf8'));
  };
  // Where one thing fails, the others are ended.
  const failed = new AbortController();
  const over = new AbortController();
  const guarded = async (work: Promise<void>): Promise<void> => {
    await work.catch((error: unknown) => {
      failed.abort();
      throw error;
    });
  };
  const watch = (everyMs: number, work: () => Promise<void>): Promise<void> =>
    guarded(repeatedly(everyMs, over.signal, work));
  const watching = Promise.allSettled([
    watch(plan.lookEveryMs, () => look(record, observed.server.pid, redis, systemClock)),
    watch(plan.epochMs, () => lookAtEpoch(record, claims, systemClock)),
    watch(CHECKPOINT_MS, async () => {
      await readHeap();
      await events.checkpoint(record);
    }),
  ]);
  const signal = AbortSignal.any([events.signal, failed.signal]);
  const loads = await Promise.allSettled(
    record.loads.map((load) => guarded(putLoad(load, observed.server, signal))),
  );
  over.abort();
  claims.close();
  throwFirst([...loads, ...(await watching)]);
  await readHeap();
  if (plan.otlp === 'unreachable') record.spans = await spansOf(observed.server);
  record.interrupted = events.signal.aborted;
  return record;
}

async function putLoad(load: LoadRecord, server: MeasuredServer, signal: AbortSignal): Promise<void> {
  load.measurement = await measure(server, load.load.spec, {
    onPeriod: (period) => load.periods.push(period),
    signal,
  });
}

async function look(record: SoakRecord, pid: number, redis: Redis, clock: Clock): Promise<void> {
  const [usage, info] = await Promise.all([readProcessUsage(pid), redis.info('memory')]);
  record.looks.push({
    wallMs: clock.nowMs(),
    rssMb: usage.rssBytes / 1e6,
    redisMb: usedMemoryBytes(info) / 1e6,
  });
}

/** From what Redis answers INFO with. */
export function usedMemoryBytes(info: string): number {
  const bytes = Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
  if (!Number.isFinite(bytes)) throw new Error(`no used_memory in what Redis says of its memory:\n${info}`);
  return bytes;
}

/** What became of its spans, as /metrics has it. */
async function spansOf({ adminAddress }: MeasuredServer): Promise<NonNullable<SoakRecord['spans']>> {
  const page = await (await fetch(`http://${adminAddress}/metrics`)).text();
  const sum = (name: string): number => {
    const values = [...page.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'gm'))];
    if (values.length === 0) throw new Error(`claimd tells no ${name}`);
    return values.reduce((total, [, value]) => total + Number(value), 0);
  };
  return { exported: sum('claims_traces_exported_total'), dropped: sum('claims_traces_dropped_total') };
}

async function lookAtEpoch(record: SoakRecord, claims: ClaimsClient, clock: Clock): Promise<void> {
  const { epoch, durationUs, pending } = await claims.getEpoch();
  if (record.epochs.at(-1)?.epoch === epoch) return;
  record.epochs.push({ wallMs: clock.nowMs(), epoch, durationMs: durationUs / 1000, pending });
}

/** Does something again and again until it is told to end. @throws what the work throws */
async function repeatedly(everyMs: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  const told = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  while (!signal.aborted) {
    await Promise.race([sleep(everyMs, undefined, { ref: false }), told]);
    if (!signal.aborted) await work();
  }
}

/** @throws what the first of them threw that failed */
function throwFirst(settled: readonly PromiseSettledResult<void>[]): void {
  const failure = settled.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
