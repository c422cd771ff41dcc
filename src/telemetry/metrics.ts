/**
 * Metrics by the OpenTelemetry API, read when they are asked for and told on the admin port. The
 * libraries are loaded when somebody asks for the first time: who does not has no need of the memory.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ObservableResult } from '@opentelemetry/api';
import type { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import type { Logger } from './log.ts';

const HTTP_INTERNAL_ERROR = 500;

/** What a metric is called and how it is read. Names follow OpenTelemetry; Prometheus has `_` for `.`. */
export interface Gauge {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  /** true where the value only ever grows. */
  readonly monotonic: boolean;
  read(result: ObservableResult): void;
}

interface Telemetry {
  readonly exporter: PrometheusExporter;
  shutdown(): Promise<void>;
}

export class Metrics {
  readonly #gauges: readonly Gauge[];
  readonly #log: Logger;
  #telemetry: Promise<Telemetry> | undefined;

  constructor(gauges: readonly Gauge[], log: Logger) {
    this.#gauges = gauges;
    this.#log = log;
  }

  /** Answers with the text exposition of every gauge, now. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#telemetry ??= makeTelemetry(this.#gauges);
    try {
      const { exporter } = await this.#telemetry;
      exporter.getMetricsRequestHandler(request, response);
    } catch (error) {
      // Such as when the program's files were replaced while it runs. Who asks next tries again.
      this.#telemetry = undefined;
      this.#log.error({ err: error }, 'metrics can not be told');
      response.writeHead(HTTP_INTERNAL_ERROR).end();
    }
  }

  async close(): Promise<void> {
    await (await this.#telemetry)?.shutdown();
  }
}

async function makeTelemetry(gauges: readonly Gauge[]): Promise<Telemetry> {
  const [{ PrometheusExporter }, { MeterProvider }] = await Promise.all([
    import('@opentelemetry/exporter-prometheus'),
    import('@opentelemetry/sdk-metrics'),
  ]);
  const exporter = new PrometheusExporter({
    preventServerStart: true,
    withoutTargetInfo: true,
    withoutScopeInfo: true,
  });
  const provider = new MeterProvider({ readers: [exporter] });
  const meter = provider.getMeter('epoch-claims');
  for (const gauge of gauges) {
    const options = { description: gauge.description, unit: gauge.unit };
    const instrument = gauge.monotonic
      ? meter.createObservableCounter(gauge.name, options)
      : meter.createObservableGauge(gauge.name, options);
    instrument.addCallback((result) => gauge.read(result));
  }
  return { exporter, shutdown: () => provider.shutdown() };
}
