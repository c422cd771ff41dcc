/** What telemetry tells of itself: which calls became traces, which did not, what could not be sent. */
import type { EngineMemory } from '../segment/engine-memory.ts';
import type { CallStats } from '../telemetry/call-stats.ts';
import { TRACE_REASONS } from '../telemetry/call-trace.ts';
import { counter, type Metric, type NumberMetric } from '../telemetry/metric.ts';
import { SPAN_DROP_REASONS, type SpanCounts } from '../telemetry/traces/span-ledger.ts';

/** Where it is read. */
export interface TelemetryCounts {
  /** Spans so far; undefined where no traces are sent. */
  readonly spans: () => SpanCounts | undefined;
  /** Exports of metrics that failed. */
  readonly exportFailures: () => number;
}

export function telemetryMetrics(memory: EngineMemory, { spans, exportFailures }: TelemetryCounts): Metric[] {
  const { callStats: threads } = memory;
  const sum = (of: (stats: CallStats) => number): number =>
    threads.reduce((total, stats) => total + of(stats), 0);
  const byReason = (name: string, description: string, of: (stats: CallStats, reason: number) => number) =>
    ({
      kind: 'counter',
      name,
      unit: '{trace}',
      description,
      labels: { reason: TRACE_REASONS },
      read: (observe) => {
        for (const [i, reason] of TRACE_REASONS.entries())
          observe(
            sum((stats) => of(stats, i)),
            { reason },
          );
      },
    }) satisfies NumberMetric;
  return [
    byReason('claims.traces.told', 'calls told as traces, by why', (stats, reason) =>
      stats.tracesTold(reason),
    ),
    byReason(
      'claims.traces.kept_back',
      'calls that would have been told, but for the bound on how many are',
      (stats, reason) => stats.tracesDropped(reason),
    ),
    counter(
      'claims.traces.malformed_parents',
      '{call}',
      'calls whose traceparent is none by W3C trace context, and was ignored',
      () => sum((stats) => stats.malformedTraceParents),
    ),
    counter(
      'claims.traces.exported',
      '{span}',
      'spans that the receiver of traces has taken',
      () => spans()?.exported ?? 0,
    ),
    {
      kind: 'counter',
      name: 'claims.traces.dropped',
      unit: '{span}',
      description: 'spans that the receiver has not taken, or that were too many to wait for it',
      labels: { reason: SPAN_DROP_REASONS },
      read: (observe) => {
        for (const reason of SPAN_DROP_REASONS) observe(spans()?.dropped[reason] ?? 0, { reason });
      },
    },
    counter(
      'claims.metrics.export_failures',
      '{export}',
      'exports of metrics by OTLP that failed, each after its retries',
      exportFailures,
    ),
    counter(
      'claims.log.suppressed',
      '{line}',
      'lines that the log left out, since their event was told often enough already',
      () => memory.runtime.reduce((total, stats) => total + stats.logLinesLeftOut, 0),
    ),
  ];
}
