/** The charts of a soak. */
import { CHART_SERIES_MAX, type Chart, type Series } from '../bench/bench-module.ts';
import { curveChart } from '../report/latency-charts.ts';
import { thinned } from '../report/thinning.ts';
import { heapPoints, type Points, threadHeaps, totalHeapPoints } from './growth.ts';
import { minuteOf, type SoakRecord } from './record.ts';

const X_LABEL = 'minutes since the load began';

export function soakCharts(record: SoakRecord): Chart[] {
  const charts = [
    timeChart(record, 'Heap after full collections', 'MB', heapSeries(record)),
    timeChart(record, 'Memory of the processes', 'MB', memorySeries(record)),
    timeChart(record, 'Latencies over time', 'ms', latencySeries(record)),
    ...distribution(record),
    timeChart(record, 'Epoch durations', 'ms', [
      { name: 'segments advanced in', points: epochPoints(record, 'durationMs') },
    ]),
    timeChart(record, 'Claims live at the end of each epoch', 'claims', [
      { name: 'live claims', points: epochPoints(record, 'pending') },
    ]),
    timeChart(
      record,
      'Longest GC pause between samples, without forced collections',
      'ms',
      pauseSeries(record),
    ),
    timeChart(record, 'Event-loop delay between samples, p99', 'ms', delaySeries(record)),
  ];
  return charts.filter(({ series }) => series.length > 0);
}

/** The end of the warm-up is marked. */
function timeChart(record: SoakRecord, title: string, yLabel: string, series: readonly Series[]): Chart {
  const drawn = series.filter(({ points }) => points.length > 0).slice(0, CHART_SERIES_MAX);
  return {
    title,
    xLabel: X_LABEL,
    yLabel,
    series: drawn.map(({ name, points }) => ({ name, points: thinned(points) })),
    marks: [{ x: record.plan.warmupMs / 60_000, label: 'warm-up over' }],
  };
}

function heapSeries(record: SoakRecord): Series[] {
  const threads = threadHeaps(record.heap).map(({ name, samples }) => ({
    name,
    points: heapPoints(record, samples),
  }));
  return [{ name: 'all threads', points: totalHeapPoints(record, record.heap) }, ...threads];
}

function memorySeries(record: SoakRecord): Series[] {
  const points = (what: 'rssMb' | 'redisMb'): Points =>
    record.looks.map((look) => [minuteOf(record, look.wallMs), look[what]]);
  return [
    { name: 'RSS of claimd', points: points('rssMb') },
    { name: 'memory of Redis, by its own account', points: points('redisMb') },
  ];
}

function latencySeries(record: SoakRecord): Series[] {
  return record.loads.flatMap(({ load, periods }) =>
    (['p50Ms', 'p99Ms'] as const).map((what) => ({
      name: `${load.name}, ${what.slice(0, -2)}`,
      points: periods.map((period): [number, number] => [
        (record.plan.warmupMs + period.startMs) / 60_000,
        period[what],
      ]),
    })),
  );
}

function distribution(record: SoakRecord): Chart[] {
  const curves = record.loads.flatMap(({ load, measurement }) =>
    measurement === undefined ? [] : [{ name: load.name, curve: measurement.load.curve }],
  );
  return curves.length === 0 ? [] : [curveChart('Distribution of latencies', curves)];
}

function epochPoints(record: SoakRecord, what: 'durationMs' | 'pending'): Points {
  return record.epochs.map((epoch) => [minuteOf(record, epoch.wallMs), epoch[what]]);
}

function pauseSeries(record: SoakRecord): Series[] {
  return threadHeaps(record.heap).map(({ name, samples }) => ({
    name,
    points: samples.map((sample): [number, number] => [
      minuteOf(record, sample.wallMs),
      Math.max(0, ...Object.values(sample.pauses).map(({ longestMs }) => longestMs)),
    ]),
  }));
}

function delaySeries(record: SoakRecord): Series[] {
  return threadHeaps(record.heap).map(({ name, samples }) => ({
    name,
    points: samples.flatMap(({ wallMs, loopDelay }): [number, number][] =>
      loopDelay === undefined ? [] : [[minuteOf(record, wallMs), loopDelay.p99Ms]],
    ),
  }));
}
