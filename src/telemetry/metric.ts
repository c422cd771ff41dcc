/**
 * What a metric is: its name, what it tells, how it is read when somebody asks. Whoever knows a part
 * of the program gives its metrics as a list of these (src/metrics); /metrics, OTLP and the test of
 * docs/metrics.md take them from there. Names follow OpenTelemetry; prometheus-names says what
 * Prometheus calls them.
 */
import type { Histogram } from './histogram.ts';

/** A label's value by its name. */
export type Labels = Readonly<Record<string, string>>;

/**
 * Every value that a label of the metric may have, so that the number of series is known. `N` in a
 * value stands for the number of a thread, of which the settings say how many there are.
 */
export type LabelValues = Readonly<Record<string, readonly string[]>>;

/** A histogram at one moment: counts by bucket, the last of values above every bound. */
export interface HistogramReading {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

export type ObserveNumber = (value: number, labels?: Labels) => void;
export type ObserveHistogram = (reading: HistogramReading, labels?: Labels) => void;

interface MetricText {
  readonly name: string;
  readonly description: string;
  /** UCUM, as OpenTelemetry writes it; empty for a state that is 0 or 1. */
  readonly unit: string;
  readonly labels: LabelValues;
}

export interface NumberMetric extends MetricText {
  /** A counter only ever grows. */
  readonly kind: 'counter' | 'gauge';
  read(observe: ObserveNumber): void;
}

/** What another part of the program has counted by bucket, perhaps on another thread. */
export interface HistogramMetric extends MetricText {
  readonly kind: 'histogram';
  read(observe: ObserveHistogram): void;
}

export type Metric = NumberMetric | HistogramMetric;

const NO_LABELS: LabelValues = {};

export function gauge(name: string, unit: string, description: string, read: () => number): NumberMetric {
  return { kind: 'gauge', name, unit, description, labels: NO_LABELS, read: (observe) => observe(read()) };
}

export function counter(name: string, unit: string, description: string, read: () => number): NumberMetric {
  return { kind: 'counter', name, unit, description, labels: NO_LABELS, read: (observe) => observe(read()) };
}

export function histogram(
  name: string,
  unit: string,
  description: string,
  read: () => HistogramReading,
): HistogramMetric {
  return {
    kind: 'histogram',
    name,
    unit,
    description,
    labels: NO_LABELS,
    read: (observe) => observe(read()),
  };
}

/** 1 where something is so, else 0. */
export function flag(name: string, description: string, read: () => boolean): NumberMetric {
  return gauge(name, '', description, () => (read() ? 1 : 0));
}

/** What several threads have counted by the same bounds, as one. @param histograms at least one. */
export function sumOf(histograms: readonly Histogram[]): HistogramReading {
  const [{ bounds }] = histograms;
  const counts = new Array<number>(bounds.length + 1).fill(0);
  let sum = 0;
  for (const histogram of histograms) {
    const own = histogram.counts;
    for (let bucket = 0; bucket < counts.length; bucket += 1) counts[bucket] += own[bucket];
    sum += histogram.sum;
  }
  return { bounds, counts, sum };
}

export function countOf({ counts }: HistogramReading): number {
  return counts.reduce((total, count) => total + count, 0);
}
