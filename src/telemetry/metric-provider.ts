/**
 * Metrics as OpenTelemetry has them: counters and gauges by its API, histograms, which other threads
 * have counted by bucket already, by a producer beside its SDK. Loads the libraries, so it is
 * itself loaded only where metrics are asked for.
 */
import { type HrTime, type Meter, ValueType } from '@opentelemetry/api';
import { defaultResource, type Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type HistogramMetricData,
  type Histogram as HistogramValue,
  type IMetricReader,
  MeterProvider,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import type { Clock } from '../clock/clock.ts';
import {
  countOf,
  type HistogramMetric,
  type HistogramReading,
  type Labels,
  type Metric,
  type NumberMetric,
} from './metric.ts';

/** The instrumentation scope of everything that this program tells. */
export const SCOPE = { name: 'epoch-claims' };

/** Has the reader read the counters and gauges among the metrics; give it histogramProducer for the rest. */
export function provideTo(
  reader: IMetricReader,
  metrics: readonly Metric[],
  resource?: Resource,
): MeterProvider {
  const provider = new MeterProvider({ readers: [reader], resource: resource ?? defaultResource() });
  const meter = provider.getMeter(SCOPE.name);
  for (const metric of metrics) {
    if (metric.kind !== 'histogram') register(meter, metric);
  }
  return provider;
}

function register(meter: Meter, metric: NumberMetric): void {
  const { name, unit, description } = metric;
  const options = { unit, description };
  const instrument =
    metric.kind === 'counter'
      ? meter.createObservableCounter(name, options)
      : meter.createObservableGauge(name, options);
  instrument.addCallback((result) => metric.read((value, labels) => result.observe(value, labels)));
}

/** Tells the histograms among the metrics as they stand when it is asked, since the program began. */
export function histogramProducer(metrics: readonly Metric[], clock: Clock): MetricProducer {
  const histograms = metrics.filter((metric) => metric.kind === 'histogram');
  const began = hrTime(clock.nowMs());
  return {
    collect(): Promise<CollectionResult> {
      const now = hrTime(clock.nowMs());
      const read = histograms.map((metric) => histogramData(metric, began, now));
      const scopeMetrics = [{ scope: SCOPE, metrics: read }];
      // The resource is the reader's: it takes the metrics only.
      return Promise.resolve({ resourceMetrics: { resource: defaultResource(), scopeMetrics }, errors: [] });
    },
  };
}

function histogramData(metric: HistogramMetric, startTime: HrTime, endTime: HrTime): HistogramMetricData {
  const { name, unit, description } = metric;
  const dataPoints: DataPoint<HistogramValue>[] = [];
  metric.read((reading, labels: Labels = {}) => {
    dataPoints.push({ startTime, endTime, attributes: labels, value: histogramValue(reading) });
  });
  return {
    descriptor: { name, unit, description, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints,
  };
}

function histogramValue(reading: HistogramReading): HistogramValue {
  const { bounds, counts, sum } = reading;
  return { buckets: { boundaries: [...bounds], counts: [...counts] }, sum, count: countOf(reading) };
}

/** Seconds and nanoseconds since the Unix epoch. */
function hrTime(nowMs: number): HrTime {
  return [Math.floor(nowMs / 1_000), (nowMs % 1_000) * 1_000_000];
}
