/** The page that Prometheus reads: every metric, now, in its text format. */
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import {
  DataPointType,
  type MeterProvider,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { Clock } from '../clock/clock.ts';
import type { Metric } from './metric.ts';
import { histogramProducer, provideTo } from './metric-provider.ts';
import { prometheusName } from './prometheus-names.ts';

export class Exposition {
  readonly #reader: PrometheusExporter;
  readonly #provider: MeterProvider;
  readonly #serializer = new PrometheusSerializer(undefined, false, undefined, true, true);

  constructor(metrics: readonly Metric[], clock: Clock) {
    // Of the exporter only what reads is used: it is asked by the admin port.
    this.#reader = new PrometheusExporter({
      preventServerStart: true,
      metricProducers: [histogramProducer(metrics, clock)],
    });
    this.#provider = provideTo(this.#reader, metrics);
  }

  /** @throws whatever the reading of a metric throws: a page that leaves one out would hide it. */
  async page(): Promise<string> {
    const { resourceMetrics, errors } = await this.#reader.collect();
    if (errors.length > 0) throw errors[0];
    return this.#serializer.serialize(renamed(resourceMetrics));
  }

  shutdown(): Promise<void> {
    return this.#provider.shutdown();
  }
}

function renamed(metrics: ResourceMetrics): ResourceMetrics {
  const scopeMetrics = metrics.scopeMetrics.map((of) => ({
    ...of,
    metrics: of.metrics.map(withPrometheusName),
  }));
  return { ...metrics, scopeMetrics };
}

/** Without its unit, which the name has: the format has no place for it. */
function withPrometheusName(data: MetricData): MetricData {
  const { name, unit } = data.descriptor;
  const descriptor = {
    ...data.descriptor,
    name: prometheusName({ name, unit, kind: kindOf(data) }),
    unit: '',
  };
  return { ...data, descriptor };
}

function kindOf(data: MetricData): Metric['kind'] {
  if (data.dataPointType === DataPointType.HISTOGRAM) return 'histogram';
  return data.dataPointType === DataPointType.SUM && data.isMonotonic ? 'counter' : 'gauge';
}
