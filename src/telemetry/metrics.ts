/** Metrics by the OpenTelemetry API, read when they are asked for and told on the admin port. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ObservableResult } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

/** What a metric is called and how it is read. Names follow OpenTelemetry; Prometheus has `_` for `.`. */
export interface Gauge {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  /** true where the value only ever grows. */
  readonly monotonic: boolean;
  read(result: ObservableResult): void;
}

export class Metrics {
  readonly #exporter: PrometheusExporter;
  readonly #provider: MeterProvider;

  constructor(gauges: readonly Gauge[]) {
    this.#exporter = new PrometheusExporter({
      preventServerStart: true,
      withoutTargetInfo: true,
      withoutScopeInfo: true,
    });
    this.#provider = new MeterProvider({ readers: [this.#exporter] });
    const meter = this.#provider.getMeter('epoch-claims');
    for (const gauge of gauges) {
      const options = { description: gauge.description, unit: gauge.unit };
      const instrument = gauge.monotonic
        ? meter.createObservableCounter(gauge.name, options)
        : meter.createObservableGauge(gauge.name, options);
      instrument.addCallback((result) => gauge.read(result));
    }
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    this.#exporter.getMetricsRequestHandler(request, response);
  }

  close(): Promise<void> {
    return this.#provider.shutdown();
  }
}
