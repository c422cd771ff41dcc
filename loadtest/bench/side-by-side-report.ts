/** What the rounds side by side say: the goals, a table of all subjects, their latencies as a chart. */

import { type Trend, trend } from '../../src/telemetry/runtime/trend.ts';
import { ratioSpread, type Spread, spread } from '../measure/statistics.ts';
import { figure } from '../table.ts';
import type { BenchResult, BenchRow, Chart, Goal, Table } from './bench-module.ts';
import { spreadRow } from './rows.ts';
import type { SubjectRounds } from './side-by-side-rounds.ts';
import { LIVE_CLAIMS, OUTSTANDING, OUTSTANDING_AT_MOST, RATE, type Slice } from './side-by-side-slices.ts';
import type { SubjectName } from './side-by-side-subjects.ts';

/** What each subject gave, in the order of the table; without ratelimit where it is not installed. */
export type SideBySide = ReadonlyMap<SubjectName, SubjectRounds>;

const ECHO = 'bare grpc-js echo';
const BASELINE = 'Interpreter Defaults';
const OURS = 'claimd on Redis';
const OURS_ALWAYS = 'claimd on Redis, fsync always';
const RATELIMITS = ['ratelimit', 'ratelimit, pipelining'] as const;

const CPU_GOAL = { atMost: 1.3 };
const RATELIMIT_CPU_GOAL = { atMost: 0.7 };
const RATELIMIT_P99_GOAL = { atMost: 1 };
const BASELINE_P99_GOAL = { atLeast: 10 };
const BASELINE_EPOCH_GOAL = { atLeast: 20 };
/** None, beside the baseline's; how near to none it is, hours of soak tell, not minutes. */
const HEAP_GOAL = { atMost: 0.05 };

const SECONDS_PER_HOUR = 3_600;

export function sideBySideResult(results: SideBySide): BenchResult {
  return {
    rows: [...goalRows(results), ...[...results].flatMap(([name, rounds]) => subjectRows(name, rounds))],
    tables: [table(results)],
    charts: [latencyChart(results)],
  };
}

type Values = (name: SubjectName) => number[];

function goalRows(results: SideBySide): BenchRow[] {
  const cpu: Values = (name) => roundsOf(results, name).saturated.map((slice) => slice.cpuUsPerCall);
  const p99: Values = (name) => roundsOf(results, name).steady.map(p99Ms);
  const busyP99: Values = (name) => roundsOf(results, name).saturated.map(p99Ms);
  const epochs: Values = (name) => roundsOf(results, name).epochsMs;
  const row = (what: string, a: SubjectName, b: SubjectName, of: Values, goal: Goal): BenchRow =>
    spreadRow(`${what}: ${a} / ${b}`, ratioSpread(of(a), of(b)), '', { goal });
  /** Against the setting of ratelimit that is better at it. */
  const againstRateLimit = (what: string, of: Values, goal: Goal): BenchRow[] => {
    const settings = RATELIMITS.filter((name) => results.has(name));
    const [better] = settings.toSorted((a, b) => median(of(a)) - median(of(b)));
    return better === undefined ? [] : [row(what, OURS, better, of, goal)];
  };
  const steady = `at ${RATE} calls/s`;
  return [
    row('CPU per call', OURS, ECHO, cpu, CPU_GOAL),
    row('CPU per call', OURS_ALWAYS, ECHO, cpu, CPU_GOAL),
    ...againstRateLimit('CPU per call', cpu, RATELIMIT_CPU_GOAL),
    ...againstRateLimit(`p99 ${steady}`, p99, RATELIMIT_P99_GOAL),
    ...againstRateLimit(`p99 with ${OUTSTANDING} calls under way`, busyP99, RATELIMIT_P99_GOAL),
    row(`p99 of validation ${steady}`, BASELINE, OURS, p99, BASELINE_P99_GOAL),
    row('epoch', BASELINE, OURS, epochs, BASELINE_EPOCH_GOAL),
    heapRow(results),
  ];
}

/** @throws Error where the subject was not measured. */
function roundsOf(results: SideBySide, name: SubjectName): SubjectRounds {
  const rounds = results.get(name);
  if (rounds === undefined) throw new Error(`${name} was not measured`);
  return rounds;
}

function heapRow(results: SideBySide): BenchRow {
  const ours = heapTrend(roundsOf(results, OURS));
  const baseline = heapTrend(roundsOf(results, BASELINE));
  return {
    measure: `heap growth: ${OURS} / ${BASELINE}`,
    // Where the baseline does not grow there is nothing to be less than.
    value: baseline.slope > 0 ? ours.slope / baseline.slope : Infinity,
    unit: '',
    goal: HEAP_GOAL,
    note: `of minutes: ${interval(ours)} against ${interval(baseline)} MB/h of load`,
  };
}

function subjectRows(name: SubjectName, rounds: SubjectRounds): BenchRow[] {
  const of = (what: string, slices: readonly Slice[], value: (slice: Slice) => number, unit: string) =>
    spreadRow(`${name}, ${what}`, spread(slices.map(value)), unit);
  const { saturated, steady, epochsMs } = rounds;
  const skipped = steady.reduce((sum, slice) => sum + slice.load.skipped, 0);
  const late =
    skipped === 0 ? {} : { note: `${skipped} more calls not begun, as ${OUTSTANDING_AT_MOST} waited` };
  const epochs = epochsMs.length === 0 ? [] : [spreadRow(`${name}, epoch`, spread(epochsMs), 'ms')];
  return [
    of('CPU per call', saturated, (slice) => slice.cpuUsPerCall, 'µs'),
    of('calls at saturation', saturated, (slice) => slice.load.callsPerS, '/s'),
    { ...of(`p99 at ${RATE} calls/s`, steady, p99Ms, 'ms'), ...late },
    of('RSS', steady, (slice) => slice.rssMb, 'MB'),
    ...epochs,
  ];
}

function table(results: SideBySide): Table {
  const columns = [
    '',
    'CPU µs/call',
    'Redis µs/call',
    'calls/s',
    'p50 / p95 / p99 ms',
    'by ghz',
    `p99 ms, ${OUTSTANDING} under way`,
    'epoch ms',
    'heap growth MB/h',
    'RSS MB',
    'GC pauses > 100 ms',
  ];
  const title = `Side by side: medians; ${LIVE_CLAIMS} live claims in those that keep claims; latencies of validation at ${RATE} calls/s (of their own call for the echo and ratelimit); RSS of those on Node with the sampler in them, 10 to 25 MB`;
  return { title, columns, rows: [...results].map(([name, rounds]) => [name, ...tableCells(rounds)]) };
}

function tableCells({ saturated, steady, ghz, epochsMs, heap }: SubjectRounds): string[] {
  const cell = (values: readonly number[]) => (values.length === 0 ? '–' : figure(median(values)));
  const redis = saturated.flatMap(({ redisUsPerCall }) => redisUsPerCall ?? []);
  const own = steady.map((slice) => slice.load.latency);
  const three = (of: readonly { p50Ms: number; p95Ms: number; p99Ms: number }[]) =>
    [of.map((one) => one.p50Ms), of.map((one) => one.p95Ms), of.map((one) => one.p99Ms)]
      .map(cell)
      .join(' / ');
  return [
    cell(saturated.map((slice) => slice.cpuUsPerCall)),
    cell(redis),
    cell(saturated.map((slice) => slice.load.callsPerS)),
    three(own),
    three(ghz),
    cell(saturated.map(p99Ms)),
    cell(epochsMs),
    interval(heapTrend({ heap })),
    cell(steady.map((slice) => slice.rssMb)),
    pauses(heap),
  ];
}

/** Pauses counted after the first reading, which is of the warm-up. */
function pauses(heap: SubjectRounds['heap']): string {
  const counted = heap.slice(1);
  const long = counted.reduce((sum, { longPauses }) => sum + longPauses, 0);
  const longestMs = Math.max(...counted.map(({ longestPauseMs }) => longestPauseMs));
  const seconds = heap[heap.length - 1].loadS - heap[0].loadS;
  return `${long} in ${figure(seconds)} s (longest ${figure(longestMs)} ms)`;
}

/** MB per hour of load. */
function heapTrend({ heap }: Pick<SubjectRounds, 'heap'>): Trend {
  return trend(heap.map(({ loadS, heapMb }) => [loadS / SECONDS_PER_HOUR, heapMb]));
}

function interval({ slope, low, high }: Trend): string {
  const whole = (value: number) => value.toLocaleString('en-GB', { maximumFractionDigits: 0 });
  const known = Number.isFinite(low) && Number.isFinite(high);
  return known ? `${whole(slope)} (${whole(low)} to ${whole(high)})` : whole(slope);
}

function latencyChart(results: SideBySide): Chart {
  return {
    title: `Latency at ${RATE} calls/s: one call in so many takes as long or longer (of each the round of median p99)`,
    xLabel: 'one call in',
    yLabel: 'ms',
    logX: true,
    logY: true,
    series: [...results].map(([name, rounds]) => ({ name, points: medianSlice(rounds.steady).load.curve })),
  };
}

/** The slice of the median p99; of two in the middle the better. */
function medianSlice(slices: readonly Slice[]): Slice {
  const sorted = slices.toSorted((a, b) => p99Ms(a) - p99Ms(b));
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

function p99Ms(slice: Slice): number {
  return slice.load.latency.p99Ms;
}

function median(values: readonly number[]): Spread['median'] {
  return spread(values).median;
}
