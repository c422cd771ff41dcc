/**
 * Tells the metrics: to who asks for them on the admin port, and by OTLP where that is wanted. The
 * libraries are loaded when somebody asks for the first time: who does not has no need of the memory.
 */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../clock/clock.ts';
import type { ExportWatch } from './export-watch.ts';
import type { Exposition } from './exposition.ts';
import type { Logger } from './log.ts';
import type { Metric } from './metric.ts';
import type { MetricsExport } from './metrics-export.ts';
import type { OtlpSettings } from './otlp.ts';

const HTTP_OK = 200;
const HTTP_INTERNAL_ERROR = 500;
const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8';

export class Metrics {
  readonly #metrics: readonly Metric[];
  readonly #clock: Clock;
  readonly #log: Logger;
  #exposition: Promise<Exposition> | undefined;
  #export: MetricsExport | undefined;

  constructor(metrics: readonly Metric[], clock: Clock, log: Logger) {
    this.#metrics = metrics;
    this.#clock = clock;
    this.#log = log;
  }

  /** Answers with the text exposition of every metric, now. */
  async serve(response: ServerResponse): Promise<void> {
    try {
      this.#exposition ??= this.#load();
      const page = await (await this.#exposition).page();
      response.writeHead(HTTP_OK, { 'content-type': TEXT_FORMAT }).end(page);
    } catch (error) {
      // Such as when the program's files were replaced while it runs. Who asks next tries again.
      this.#exposition = undefined;
      this.#log.error({ err: error }, 'metrics can not be told');
      response.writeHead(HTTP_INTERNAL_ERROR).end();
    }
  }

  /** Sends them by OTLP from now on. @param watch counts what can not be sent, and tells the log. */
  async exportBy(settings: OtlpSettings, intervalMs: number, watch: ExportWatch): Promise<void> {
    const { openMetricsExport } = await import('./metrics-export.ts');
    this.#export = await openMetricsExport(settings, intervalMs, this.#metrics, watch, this.#clock);
  }

  async close(): Promise<void> {
    await this.#export?.close();
    await (await this.#exposition)?.shutdown();
  }

  async #load(): Promise<Exposition> {
    const { Exposition } = await import('./exposition.ts');
    return new Exposition(this.#metrics, this.#clock);
  }
}
