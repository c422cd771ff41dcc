/** Charts of latencies, alike in every benchmark. */
import type { Chart, Mark } from '../bench/bench-module.ts';
import type { LatencyCurve, LatencySummary } from '../measure/latency.ts';
import { spread } from '../measure/statistics.ts';
import type { LatencyPeriod } from '../measure/timeline.ts';
import { thinned } from './thinning.ts';

export interface NamedCurve {
  readonly name: string;
  readonly curve: LatencyCurve;
}

/** Distributions as HdrHistogram plots them: the 99th percentile stands at 100, the 99.9th at 1,000. */
export function curveChart(title: string, curves: readonly NamedCurve[]): Chart {
  return {
    title,
    xLabel: 'one call in … took at least so long (100: p99; 1,000: p99.9)',
    yLabel: 'ms',
    logX: true,
    logY: true,
    series: curves.map(({ name, curve }) => ({ name, points: curve })),
  };
}

/** The curve of that measurement, of several, whose p99 is in the middle. @throws where there is none */
export function middleCurve(
  name: string,
  measured: readonly { readonly latency: LatencySummary; readonly curve: LatencyCurve }[],
): NamedCurve {
  const ordered = measured.toSorted((a, b) => a.latency.p99Ms - b.latency.p99Ms);
  if (ordered.length === 0) throw new Error(`${name}: nothing was measured`);
  return { name, curve: ordered[Math.floor(ordered.length / 2)].curve };
}

/** p50 and p99 of each period. @param marks at seconds since the measured time began. */
export function periodChart(title: string, periods: readonly LatencyPeriod[], marks: readonly Mark[]): Chart {
  const points = (what: 'p50Ms' | 'p99Ms') =>
    thinned(periods.map((period) => [period.startMs / 1000, period[what]]));
  return {
    title,
    xLabel: 'seconds',
    yLabel: 'ms',
    series: [
      { name: 'p99', points: points('p99Ms') },
      { name: 'p50', points: points('p50Ms') },
    ],
    marks,
  };
}

/** One measured time with its latencies. */
export interface TimedPeriods {
  /** When it began, by the wall clock, milliseconds. */
  readonly beginMs: number;
  readonly periods: readonly LatencyPeriod[];
}

/** The medians of p50 and p99 over all epochs of several runs, by how long their epoch had lasted. */
export function phaseChart(
  title: string,
  runs: readonly TimedPeriods[],
  epochMs: number,
  stepMs: number,
): Chart {
  const phased = runs.flatMap(({ beginMs, periods }) =>
    periods.map((period) => {
      const middleMs = beginMs + period.startMs + stepMs / 2;
      return { ...period, phase: Math.floor((middleMs % epochMs) / stepMs) };
    }),
  );
  const phases = [...Map.groupBy(phased, ({ phase }) => phase)].sort(([a], [b]) => a - b);
  const points = (what: 'p50Ms' | 'p99Ms') =>
    phases.map(([phase, periods]): [number, number] => [
      (phase * stepMs) / 1000,
      spread(periods.map((period) => period[what])).median,
    ]);
  return {
    title,
    xLabel: 'seconds since the boundary',
    yLabel: 'ms',
    series: [
      { name: 'p99', points: points('p99Ms') },
      { name: 'p50', points: points('p50Ms') },
    ],
  };
}
