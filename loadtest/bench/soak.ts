/**
 * Minutes of steady load: whether the heap after full collections keeps its level. The server runs
 * with its default settings, apart from a sampler that forces a collection every few seconds.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HeapGrowth, heapGrowth, parseSamples } from '../measure/heap-growth.ts';
import type { HeapSample } from '../measure/heap-sampler.ts';
import { type Measurement, measureFresh } from '../measure/measure.ts';
import { claimdServer } from '../measure/servers.ts';
import type { BenchContext, BenchModule, BenchRow } from './bench-module.ts';

const CLAIMS_PER_S = 2_000;
/** Half of the claims are validated as well. */
const CALLS_PER_S = CLAIMS_PER_S * 1.5;
/** A claim is validated two seconds after its submit. */
const LAG_CLAIMS = 2 * CLAIMS_PER_S;
const CONNECTIONS = 8;
/** Calls under way at most: what one second of a stalled store leaves waiting. */
const OUTSTANDING = CALLS_PER_S;
/** The part of the time whose level later heaps are held against: of ten minutes the first two. */
const LEVEL_SHARE = 1 / 5;
const SAMPLES_PER_LEVEL = 12;
const GROWTH_GOAL = { atMost: 2 };

export const soak: BenchModule = {
  name: 'soak',
  title: `${CLAIMS_PER_S} claims/s submitted one by one in an open loop, half of them validated two seconds later; heap after full collections (thread 0 is the main one): median of each fifth of the time against that of the first`,
  byDefault: false,
  run,
};

async function run(context: BenchContext): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'claimd-soak-'));
  try {
    const seconds = context.minutes * 60;
    const levelMs = seconds * 1000 * LEVEL_SHARE;
    const file = join(folder, 'heap.ndjson');
    context.say(`${CLAIMS_PER_S} claims/s for ${context.minutes} minutes`);
    const measurement = await underSoak(seconds, file, levelMs / SAMPLES_PER_LEVEL);
    const samples = parseSamples(await readFile(file, 'utf8'));
    return [
      ...heapRows(heapGrowth(samples, levelMs)),
      ...memoryRows(samples, measurement),
      ...loadRows(measurement),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function underSoak(seconds: number, file: string, everyMs: number): Promise<Measurement> {
  const sampler = new URL('../measure/heap-sampler.ts', import.meta.url).href;
  const env = {
    NODE_OPTIONS: `--import=${sampler}`,
    HEAP_SAMPLE_FILE: file,
    HEAP_SAMPLE_MS: String(Math.round(everyMs)),
  };
  return measureFresh(claimdServer('claimd', { env }), {
    workload: 'mixed',
    rate: CALLS_PER_S,
    lag: LAG_CLAIMS,
    connections: CONNECTIONS,
    outstanding: OUTSTANDING,
    seconds,
  });
}

function heapRows(threads: readonly HeapGrowth[]): BenchRow[] {
  const total = threads.reduce((sum, thread) => sum + thread.growthMb, 0);
  const samples = threads.map((thread) => thread.samples).join(', ');
  return [
    {
      measure: 'heap growth, all threads',
      value: total,
      unit: 'MB',
      goal: GROWTH_GOAL,
      note: `threads sampled: ${threads.length}; samples: ${samples}`,
    },
    ...threads.flatMap(({ threadId, levelMb, laterMb, greatestMb, slopeMbPerHour }) => [
      { measure: `thread ${threadId}, heap in the first fifth`, value: levelMb, unit: 'MB' },
      {
        measure: `thread ${threadId}, heap in the greatest later fifth`,
        value: laterMb,
        unit: 'MB',
        note: `greatest sample ${greatestMb.toFixed(1)}`,
      },
      { measure: `thread ${threadId}, slope of the later heap`, value: slopeMbPerHour, unit: 'MB/h' },
    ]),
  ];
}

function memoryRows(samples: readonly HeapSample[], measurement: Measurement): BenchRow[] {
  const rssMb = samples.map((sample) => sample.rssBytes / 1e6);
  return [
    { measure: 'RSS at the first sample', value: rssMb[0], unit: 'MB' },
    { measure: 'RSS at the last sample', value: rssMb[rssMb.length - 1], unit: 'MB' },
    { measure: 'RSS, greatest ever', value: measurement.peakRssMb, unit: 'MB' },
  ];
}

function loadRows({ load, cpuUsPerCall }: Measurement): BenchRow[] {
  const { OK: ok = 0 } = load.statuses;
  const { ACCEPTED: accepted = 0 } = load.outcomes;
  const statuses = JSON.stringify(load.statuses);
  return [
    { measure: 'calls', value: load.calls, unit: '' },
    { measure: 'calls not OK', value: load.calls - ok, unit: '', goal: { atMost: 0 }, note: statuses },
    {
      measure: 'claims not ACCEPTED',
      value: load.claims - accepted,
      unit: '',
      note: JSON.stringify(load.outcomes),
    },
    { measure: 'calls skipped or never answered', value: load.skipped + load.unanswered, unit: '' },
    { measure: 'CPU per call', value: cpuUsPerCall, unit: 'µs' },
    { measure: 'p50', value: load.latency.p50Ms, unit: 'ms' },
    { measure: 'p99', value: load.latency.p99Ms, unit: 'ms' },
    { measure: 'longest', value: load.latency.maxMs, unit: 'ms' },
  ];
}
