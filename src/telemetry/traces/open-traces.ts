/**
 * The OpenTelemetry SDK set up to export what `Traces` makes, and nothing else: no instrumentation, no
 * context that follows calls, no detection of the machine. To be imported where traces are wanted,
 * since the libraries take memory (6 MB bundled).
 */
import { context, logs, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { AlwaysOnSampler, BatchSpanProcessor } from '@opentelemetry/sdk-trace';
import type { Clock } from '../../clock/clock.ts';
import { ExportWatch } from '../export-watch.ts';
import type { Logger } from '../log.ts';
import { logDiagnostics } from '../otel-diagnostics.ts';
import { closedInTime, type OtlpSettings, otlpExporterOptions, otlpResource, SERVICE } from '../otlp.ts';
import { SpanLedger } from './span-ledger.ts';
import { Traces } from './traces.ts';

/** A trace is sent so long after it was made at most: soon enough for who looks for it. */
const EXPORT_EVERY_MS = 1_000;

export interface TracesLimits {
  /** Spans that wait to be exported, or are under way, at most. */
  readonly spans: number;
  /** Of these in one request. */
  readonly spansPerExport: number;
}

export async function openTraces(
  settings: OtlpSettings,
  limits: TracesLimits,
  clock: Clock,
  log: Logger,
): Promise<Traces> {
  const ledger = new SpanLedger(limits.spans);
  const options = otlpExporterOptions(settings, 'traces');
  const exporter = ledger.exit(new OTLPTraceExporter(options), new ExportWatch('traces', options.url, log));
  const queue = new BatchSpanProcessor({
    exporter,
    maxQueueSize: limits.spans,
    maxExportBatchSize: limits.spansPerExport,
    scheduledDelayMillis: EXPORT_EVERY_MS,
  });
  const sdk = new NodeSDK({
    resource: await otlpResource(settings),
    autoDetectResources: false,
    sampler: new AlwaysOnSampler(),
    spanProcessors: [ledger.entrance, queue],
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
    textMapPropagator: null,
  });
  logDiagnostics(log, clock);
  sdk.start();
  const tracer = trace.getTracer(SERVICE, settings.version);
  // The SDK offers itself to the whole process; spans are made here alone, and get their parents by hand.
  trace.disable();
  context.disable();
  logs.disable();
  const close = async (): Promise<void> => {
    await closedInTime(sdk.shutdown(), clock);
    if (ledger.waiting > 0) log.warn({ spans: ledger.waiting }, 'traces were left unsent');
  };
  return new Traces({ tracer, ledger, clock, log, replicaId: settings.replicaId, close });
}
