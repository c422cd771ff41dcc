/**
 * Sends the metrics by OTLP, once in each interval, as they stand then. A receiver that is slow or
 * away holds up nothing: what it did not take is told again, since counts go on from the program's
 * begin. To be imported where metrics are sent, since the libraries take memory.
 */
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import {
  AggregationTemporality,
  type MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import type { Clock } from '../clock/clock.ts';
import type { ExportWatch } from './export-watch.ts';
import type { Metric } from './metric.ts';
import { histogramProducer, provideTo } from './metric-provider.ts';
import {
  closedInTime,
  EXPORT_SUCCESS,
  type OtlpSettings,
  otlpExporterOptions,
  otlpResource,
} from './otlp.ts';

export class MetricsExport {
  readonly #provider: MeterProvider;
  readonly #clock: Clock;

  constructor(provider: MeterProvider, clock: Clock) {
    this.#provider = provider;
    this.#clock = clock;
  }

  /** Sends them once more, if that can be. */
  close(): Promise<void> {
    return closedInTime(this.#provider.shutdown(), this.#clock);
  }
}

/** @param watch counts what can not be sent, and tells the log. */
export async function openMetricsExport(
  settings: OtlpSettings,
  intervalMs: number,
  metrics: readonly Metric[],
  watch: ExportWatch,
  clock: Clock,
): Promise<MetricsExport> {
  const options = otlpExporterOptions(settings, 'metrics');
  // One export is over before the next begins. The reader's own time-out is for an exporter that fails to.
  const timeoutMillis = Math.min(options.timeoutMillis, intervalMs / 2);
  const reader = new PeriodicExportingMetricReader({
    exporter: watched(new OTLPMetricExporter({ ...options, timeoutMillis }), watch),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: 2 * timeoutMillis,
    metricProducers: [histogramProducer(metrics, clock)],
  });
  return new MetricsExport(provideTo(reader, metrics, await otlpResource(settings)), clock);
}

/** Failures are told by the watch, and to the SDK no second time. */
function watched(exporter: OTLPMetricExporter, watch: ExportWatch): PushMetricExporter {
  return {
    export: (metrics, done) => {
      exporter.export(metrics, ({ code, error }) => {
        if (code === EXPORT_SUCCESS) watch.succeeded();
        else watch.failed(error);
        done({ code: EXPORT_SUCCESS });
      });
    },
    selectAggregation: (type) => exporter.selectAggregation(type),
    // Whatever the environment prefers: a difference that is not taken would be lost.
    selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE,
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
}
