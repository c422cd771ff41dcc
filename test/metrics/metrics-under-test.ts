/** Every metric over an engine of the test's own, read by name. */
import assert from 'node:assert/strict';
import type { EngineSettings } from '../../src/engine.ts';
import { allMetrics } from '../../src/metrics/all.ts';
import { threadNames } from '../../src/segment/engine-memory.ts';
import { StoreMeter } from '../../src/store/store-meter.ts';
import { countOf, type Labels, type Metric } from '../../src/telemetry/metric.ts';
import { HeapMonitor } from '../../src/telemetry/runtime/heap-monitor.ts';
import { CapturedLog } from '../support/captured-log.ts';
import { TestEngine } from '../support/engine.ts';

/** A sample each second, and an alarm at 36 MB an hour. */
const MONITOR = {
  sampleMs: 1_000,
  samples: 30,
  samplesMin: 20,
  epochs: 30,
  growthAlarmBytesPerH: 36_000_000,
  pauseAlarmMs: 100,
};

/** Of a histogram its count and sum. */
export interface Series {
  readonly labels: Labels;
  readonly value: number;
  readonly sum?: number;
}

export class MetricsUnderTest {
  readonly engine: TestEngine;
  readonly meter = new StoreMeter();
  readonly heapMonitor: HeapMonitor;
  readonly metrics: readonly Metric[];
  /** Bytes resident, as the monitor sees them. */
  rss = 0;

  constructor(settings: Partial<EngineSettings> = {}) {
    this.engine = new TestEngine(settings);
    const { engine, clock, memory } = this.engine;
    this.heapMonitor = new HeapMonitor(MONITOR, {
      stats: memory.runtime,
      threadNames: threadNames(memory.shape),
      rss: () => this.rss,
      clock,
      log: new CapturedLog().logger,
    });
    this.metrics = allMetrics({
      engine,
      store: this.meter,
      corruptFields: () => 3,
      heapMonitor: this.heapMonitor,
      telemetry: {
        spans: () => ({ exported: 70, dropped: { queue_full: 7, export_failed: 0 } }),
        exportFailures: () => 2,
      },
    });
  }

  /** Every series of a metric, by its OpenTelemetry name. */
  series(name: string): Series[] {
    const metric = this.metrics.find((other) => other.name === name) ?? assert.fail(`no metric ${name}`);
    const series: Series[] = [];
    if (metric.kind !== 'histogram') metric.read((value, labels = {}) => series.push({ labels, value }));
    else {
      metric.read((reading, labels = {}) => {
        series.push({ labels, value: countOf(reading), sum: reading.sum });
      });
    }
    return series;
  }

  /** The series with these labels, or undefined. */
  find(name: string, labels: Labels): Series | undefined {
    const wanted = Object.entries(labels);
    return this.series(name).find((series) =>
      wanted.every(([label, value]) => series.labels[label] === value),
    );
  }

  /** Its value: of a histogram the count. */
  value(name: string, labels: Labels = {}): number {
    return (this.find(name, labels) ?? assert.fail(`no series ${name} ${JSON.stringify(labels)}`)).value;
  }
}
