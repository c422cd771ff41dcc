/**
 * Makes what tells of the program beside its log: traces and metrics, and the watch on its main
 * thread and its memory. Modules that send anything are loaded only where the settings name a
 * receiver: who has none has no need of the memory.
 */
import type { Clock } from './clock/clock.ts';
import type { Config } from './config.ts';
import { parseHeaders } from './config-files.ts';
import { assert } from './domain/assert.ts';
import type { Engine } from './engine.ts';
import {
  CORRELATED_EPOCHS,
  GROWTH_SAMPLE_MS,
  GROWTH_SAMPLES,
  GROWTH_SAMPLES_MIN,
  TRACE_SPANS_MAX,
  TRACE_SPANS_PER_EXPORT,
} from './limits.ts';
import { allMetrics } from './metrics/all.ts';
import { type EngineMemory, MAIN_LOOP, threadNames } from './segment/engine-memory.ts';
import { StoreMeter } from './store/store-meter.ts';
import { ExportWatch } from './telemetry/export-watch.ts';
import type { Logger } from './telemetry/log.ts';
import { Metrics } from './telemetry/metrics.ts';
import type { OtlpSettings } from './telemetry/otlp.ts';
import { HeapMonitor } from './telemetry/runtime/heap-monitor.ts';
import { LoopRuntime } from './telemetry/runtime/loop-runtime.ts';
import { loopSource } from './telemetry/runtime/runtime-source.ts';
import type { Traces } from './telemetry/traces/traces.ts';

const BYTES_PER_MB = 1_000_000;

export interface TelemetryParts {
  readonly config: Config;
  readonly memory: EngineMemory;
  readonly clock: Clock;
  readonly log: Logger;
  /** Tells this run of this replica from every other. */
  readonly replicaId: string;
  /** The program's. */
  readonly version: string;
}

/** Ready to be told of calls and activities; what it was told before `start` is sent as well. */
export async function makeTelemetry(parts: TelemetryParts): Promise<Telemetry> {
  const otlp = otlpSettings(parts);
  const traces = otlp && (await tracesTo(otlp, parts));
  return new Telemetry(parts, otlp, traces);
}

export class Telemetry {
  /** Of calls and activities; undefined where they are sent nowhere. */
  readonly traces: Traces | undefined;
  readonly heapMonitor: HeapMonitor;
  readonly storeMeter = new StoreMeter();
  readonly #parts: TelemetryParts;
  readonly #otlp: OtlpSettings | undefined;
  readonly #runtime: LoopRuntime;
  #metrics: Metrics | undefined;

  constructor(parts: TelemetryParts, otlp: OtlpSettings | undefined, traces: Traces | undefined) {
    const { memory, clock } = parts;
    this.traces = traces;
    this.heapMonitor = heapMonitor(parts);
    this.#parts = parts;
    this.#otlp = otlp;
    this.#runtime = new LoopRuntime(memory.runtimeOfLoop(MAIN_LOOP), loopSource, clock);
  }

  /**
   * Begins to watch, and to send metrics: of the engine from before it starts, so that a start that
   * takes long is seen.
   * @param corruptFields fields of the registry met so far whose values can't be read.
   */
  async start(engine: Engine, corruptFields: () => number): Promise<void> {
    const { config, clock, log } = this.#parts;
    this.#runtime.start();
    this.heapMonitor.start();
    const watch = new ExportWatch('metrics', this.#otlp?.url ?? '', log);
    const telemetry = {
      spans: () => this.traces?.counts,
      exportFailures: () => watch.failures,
    };
    const { storeMeter: store, heapMonitor } = this;
    this.#metrics = new Metrics(
      allMetrics({ engine, store, corruptFields, heapMonitor, telemetry }),
      clock,
      log,
    );
    if (this.#otlp !== undefined) {
      await this.#metrics.exportBy(this.#otlp, config.otlpMetricsIntervalMs, watch);
    }
  }

  get metrics(): Metrics {
    assert(this.#metrics !== undefined, 'metrics are asked for once telemetry was started');
    return this.#metrics;
  }

  /** Sends what was not sent yet, for some seconds at most, and ends. */
  async close(): Promise<void> {
    await Promise.all([this.#metrics?.close(), this.traces?.close()]);
    this.heapMonitor.stop();
    this.#runtime.stop();
  }
}

/** Where traces and metrics are sent to; undefined where they are not. */
function otlpSettings({ config, replicaId, version }: TelemetryParts): OtlpSettings | undefined {
  const { otlpEndpoint, files } = config;
  if (otlpEndpoint === 'off') return undefined;
  const headers = files.otlpHeadersFile === undefined ? {} : parseHeaders(files.otlpHeadersFile);
  assert(headers !== undefined, 'the settings have let a file of headers pass that holds none');
  return { url: otlpEndpoint.url, headers, version, replicaId };
}

async function tracesTo(otlp: OtlpSettings, { clock, log }: TelemetryParts): Promise<Traces> {
  const { openTraces } = await import('./telemetry/traces/open-traces.ts');
  const limits = { spans: TRACE_SPANS_MAX, spansPerExport: TRACE_SPANS_PER_EXPORT };
  return openTraces(otlp, limits, clock, log);
}

/** Watches the memory of all threads. A bound of 0 is none. */
function heapMonitor({ config, memory, clock, log }: TelemetryParts): HeapMonitor {
  const { heapGrowthAlarmMbPerH, gcPauseAlarmMs } = config;
  const options = {
    sampleMs: GROWTH_SAMPLE_MS,
    samples: GROWTH_SAMPLES,
    samplesMin: GROWTH_SAMPLES_MIN,
    epochs: CORRELATED_EPOCHS,
    growthAlarmBytesPerH: heapGrowthAlarmMbPerH * BYTES_PER_MB || Number.POSITIVE_INFINITY,
    pauseAlarmMs: gcPauseAlarmMs || Number.POSITIVE_INFINITY,
  };
  return new HeapMonitor(options, {
    stats: memory.runtime,
    threadNames: threadNames(memory.shape),
    rss: () => process.memoryUsage.rss(),
    clock,
    log,
  });
}
