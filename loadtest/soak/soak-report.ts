/** The report of a soak: its verdict, its rows, and its tables. The charts are soak-charts'. */

import { type Trend, type Verdict, verdict } from '../../src/telemetry/runtime/trend.ts';
import type { BenchResult, BenchRow, Table } from '../bench/bench-module.ts';
import type { HeapSample } from '../measure/heap-sampler.ts';
import type { Measurement } from '../measure/measure.ts';
import { spread } from '../measure/statistics.ts';
import type { GcPauses } from '../measure/thread-probe.ts';
import { figure } from '../table.ts';
import { heapPoints, heapTrend, perHour, threadHeaps, totalHeapPoints } from './growth.ts';
import { afterWarmup, type LoadRecord, minuteOf, type SoakRecord } from './record.ts';
import { soakCharts } from './soak-charts.ts';

/** What the heap may grow by, MB/h. */
export const GROWTH_MOST = 1;
/** The service level: p95 of a call, milliseconds. */
const P95_MOST_MS = 50;
const NONE = { atMost: 0 };

export interface SoakReport extends BenchResult {
  readonly verdict: Verdict;
}

/** Also of a soak that still goes on. */
export function soakReport(record: SoakRecord): SoakReport {
  const growth = heapTrend(record);
  const said = verdict(growth, GROWTH_MOST);
  return {
    verdict: said,
    rows: [
      growthRow(growth, said),
      ...heapRows(record),
      ...memoryRows(record),
      ...pauseRows(record),
      ...epochRows(record),
      ...cpuRows(record),
      ...spanRows(record),
      ...record.loads.flatMap(loadRows),
    ],
    tables: [heapTable(record), pauseTable(record)],
    charts: soakCharts(record),
  };
}

const SAID: Readonly<Record<Verdict, string>> = {
  grows: `it grows: the whole interval lies above ${GROWTH_MOST} MB/h`,
  flat: `it does not grow by more than ${GROWTH_MOST} MB/h: the whole interval lies below`,
  undecided: `the run was too short to say: the interval holds ${GROWTH_MOST} MB/h`,
};

/** The goal is held against the slope only where its interval allows saying something. */
function growthRow(growth: Trend, said: Verdict): BenchRow {
  const { slope, samples, effectiveSamples } = growth;
  const counted = `${samples} samples, as good as ${effectiveSamples.toFixed(0)} independent ones`;
  return {
    measure: 'heap growth, all threads, with its 95 % interval',
    value: slope,
    unit: 'MB/h',
    ...interval(growth),
    ...(said === 'undecided' ? {} : { goal: { atMost: GROWTH_MOST } }),
    note: `${SAID[said]}; ${counted}`,
  };
}

function interval({ low, high }: Trend): { min?: number; max?: number } {
  return Number.isFinite(low) ? { min: low, max: high } : {};
}

function heapRows(record: SoakRecord): BenchRow[] {
  const total = totalHeapPoints(record, afterWarmup(record, record.heap)).map(([, mb]) => mb);
  return spreadRows('heap, all threads', total, 'MB');
}

function memoryRows(record: SoakRecord): BenchRow[] {
  const looks = afterWarmup(record, record.looks);
  const growth = perHour(looks.map((look) => [minuteOf(record, look.wallMs), look.rssMb]));
  return [
    ...spreadRows(
      'RSS of claimd',
      looks.map(({ rssMb }) => rssMb),
      'MB',
    ),
    { measure: 'RSS growth, with its 95 % interval', value: growth.slope, unit: 'MB/h', ...interval(growth) },
    ...spreadRows(
      'memory of Redis, by its own account',
      looks.map(({ redisMb }) => redisMb),
      'MB',
    ),
  ];
}

function pauseRows(record: SoakRecord): BenchRow[] {
  const samples = afterWarmup(record, record.heap);
  const pauses = samples.flatMap((sample) => Object.values(sample.pauses));
  const delays = samples.flatMap(({ loopDelay }) => (loopDelay === undefined ? [] : [loopDelay]));
  if (samples.length === 0) return [];
  return [
    { measure: 'GC pauses over 100 ms', value: total(pauses, 'over100Ms'), unit: '', goal: NONE },
    {
      measure: 'longest GC pause',
      value: Math.max(0, ...pauses.map(({ longestMs }) => longestMs)),
      unit: 'ms',
    },
    ...spreadRows(
      'event-loop delay, p99 of each thread between samples',
      delays.map(({ p99Ms }) => p99Ms),
      'ms',
    ),
    {
      measure: 'event-loop delay, longest',
      value: Math.max(0, ...delays.map(({ longestMs }) => longestMs)),
      unit: 'ms',
    },
  ];
}

function epochRows(record: SoakRecord): BenchRow[] {
  const epochs = afterWarmup(record, record.epochs);
  return [
    ...spreadRows(
      `epoch duration, ${epochs.length} epochs`,
      epochs.map(({ durationMs }) => durationMs),
      'ms',
    ),
    ...spreadRows(
      "claims live at epochs' ends",
      epochs.map(({ pending }) => pending),
      '',
    ),
  ];
}

/** Of claimd, over all claims that were answered; once the loads have ended. */
function cpuRows(record: SoakRecord): BenchRow[] {
  const measured = record.loads.flatMap(({ measurement }) => measurement ?? []);
  if (measured.length === 0) return [];
  const claimsPerS = measured.reduce((sum, { load }) => sum + load.claimsPerS, 0);
  const { cores } = measured[0];
  return [
    { measure: 'claims answered, submits and validates', value: claimsPerS, unit: '/s' },
    { measure: 'CPU of claimd', value: cores, unit: 'cores' },
    { measure: 'CPU of claimd per claim', value: (cores * 1e6) / claimsPerS, unit: 'µs' },
  ];
}

/** Where claimd was to export spans to nobody: that it has made some, and dropped them. */
function spanRows({ spans }: SoakRecord): BenchRow[] {
  if (spans === undefined) return [];
  return [
    {
      measure: 'spans dropped, of traces that nobody took',
      value: spans.dropped,
      unit: '',
      goal: { atLeast: 1 },
    },
    { measure: 'spans exported', value: spans.exported, unit: '', goal: NONE },
  ];
}

/** The median with least and greatest; nothing of nothing. */
function spreadRows(measure: string, values: readonly number[], unit: string): BenchRow[] {
  if (values.length === 0) return [];
  const { median, min, max } = spread(values);
  return [{ measure, value: median, min, max, unit }];
}

function loadRows({ load, measurement }: LoadRecord): BenchRow[] {
  return measurement === undefined
    ? []
    : [...answerRows(load.name, measurement), ...latencyRows(load.name, measurement)];
}

function answerRows(name: string, { load }: Measurement): BenchRow[] {
  const { OK: ok = 0 } = load.statuses;
  const { ACCEPTED: accepted = 0 } = load.outcomes;
  return [
    { measure: name, value: load.calls, unit: '', note: `${figure(load.callsPerS)}/s` },
    { measure: `${name}: claims answered`, value: load.claimsPerS, unit: '/s' },
    {
      measure: `${name} not OK`,
      value: load.calls - ok,
      unit: '',
      goal: NONE,
      note: JSON.stringify(load.statuses),
    },
    {
      measure: `${name} skipped or never answered`,
      value: load.skipped + load.unanswered,
      unit: '',
      goal: NONE,
    },
    {
      measure: `${name}: claims not ACCEPTED`,
      value: load.claims - accepted,
      unit: '',
      goal: NONE,
      note: JSON.stringify(load.outcomes),
    },
  ];
}

function latencyRows(name: string, { load }: Measurement): BenchRow[] {
  const { p50Ms, p95Ms, p99Ms, p999Ms, maxMs } = load.latency;
  return [
    { measure: `${name}, p50`, value: p50Ms, unit: 'ms' },
    { measure: `${name}, p95`, value: p95Ms, unit: 'ms', goal: { atMost: P95_MOST_MS } },
    { measure: `${name}, p99`, value: p99Ms, unit: 'ms' },
    { measure: `${name}, p99.9`, value: p999Ms, unit: 'ms' },
    { measure: `${name}, longest`, value: maxMs, unit: 'ms' },
    {
      measure: `${name} set aside`,
      value: load.setAside?.count ?? 0,
      unit: '',
      note: 'under way while heaps were sampled',
    },
  ];
}

function heapTable(record: SoakRecord): Table {
  const rows = threadHeaps(afterWarmup(record, record.heap)).map(({ name, samples }) => {
    const { median, min, max } = spread(heapPoints(record, samples).map(([, mb]) => mb));
    const { slope, low, high } = perHour(heapPoints(record, samples));
    return [name, ...[median, min, max, slope].map(figure), `${bound(low)} to ${bound(high)}`];
  });
  const columns = ['thread', 'median, MB', 'least', 'greatest', 'growth, MB/h', '95 % interval'];
  return { title: 'Heap after full collections', columns, rows };
}

function bound(value: number): string {
  return Number.isFinite(value) ? figure(value) : '?';
}

/** Pauses that collections made of their own accord, by thread and kind. */
function pauseTable(record: SoakRecord): Table {
  const rows = threadHeaps(afterWarmup(record, record.heap)).flatMap(({ name, samples }) =>
    [...pausesByKind(samples)].map(([kind, pauses]) => [
      name,
      kind,
      ...[total(pauses, 'count'), total(pauses, 'totalMs')].map(figure),
      figure(Math.max(...pauses.map(({ longestMs }) => longestMs))),
      figure(total(pauses, 'over100Ms')),
    ]),
  );
  const columns = ['thread', 'kind', 'pauses', 'together, ms', 'longest, ms', 'over 100 ms'];
  return { title: 'GC pauses, without those of forced collections', columns, rows };
}

function pausesByKind(samples: readonly HeapSample[]): Map<string, GcPauses[]> {
  const byKind = Map.groupBy(
    samples.flatMap((sample) => Object.entries(sample.pauses)),
    ([kind]) => kind,
  );
  return new Map([...byKind].map(([kind, entries]) => [kind, entries.map(([, pauses]) => pauses)]));
}

function total(pauses: readonly GcPauses[], what: 'count' | 'totalMs' | 'over100Ms'): number {
  return pauses.reduce((sum, one) => sum + one[what], 0);
}
