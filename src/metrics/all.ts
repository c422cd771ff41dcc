/** Every metric of claimd, as docs/metrics.md lists them; a test holds the two equal in both directions. */
import type { Engine } from '../engine.ts';
import type { StoreMeter } from '../store/store-meter.ts';
import type { Metric } from '../telemetry/metric.ts';
import type { HeapMonitor } from '../telemetry/runtime/heap-monitor.ts';
import { callMetrics } from './calls.ts';
import { commitMetrics } from './commits.ts';
import { epochMetrics } from './epochs.ts';
import { heapMetrics } from './heap.ts';
import { runtimeMetrics } from './runtime.ts';
import { segmentMetrics } from './segments.ts';
import { storeMetrics } from './store.ts';
import { type TelemetryCounts, telemetryMetrics } from './telemetry.ts';

/** Where metrics come from. */
export interface MetricSources {
  readonly engine: Engine;
  readonly store: StoreMeter;
  /** Fields of the registry met so far whose values can't be read. */
  readonly corruptFields: () => number;
  readonly heapMonitor: HeapMonitor;
  readonly telemetry: TelemetryCounts;
}

export function allMetrics(sources: MetricSources): Metric[] {
  const { engine, store, corruptFields, heapMonitor, telemetry } = sources;
  return [
    ...epochMetrics(engine, store),
    ...callMetrics(engine.memory),
    ...segmentMetrics(engine.memory),
    ...commitMetrics(engine, store),
    ...storeMetrics(store, corruptFields),
    ...runtimeMetrics(engine.memory),
    ...heapMetrics(heapMonitor),
    ...telemetryMetrics(engine.memory, telemetry),
  ];
}
