/** One metric of each kind, with values that a test sets. */
import { Histogram } from '../../src/telemetry/histogram.ts';
import { counter, gauge, histogram, type Metric } from '../../src/telemetry/metric.ts';

export interface MadeMetrics {
  readonly metrics: readonly Metric[];
  /** By phase, seconds; bounds 0.1 and 0.5. */
  readonly phases: Readonly<Record<'queue' | 'store', Histogram>>;
  readonly sizes: Histogram;
  entries: number;
  freeBytes: number;
}

export function madeMetrics(): MadeMetrics {
  const bounds = [0.1, 0.5];
  const made = {
    phases: { queue: new Histogram(bounds), store: new Histogram(bounds) },
    sizes: new Histogram([1, 10]),
    entries: 0,
    freeBytes: 0,
  };
  const metrics: Metric[] = [
    counter('claims.made.entries', '{entry}', 'entries that were made', () => made.entries),
    gauge('claims.made.free', 'By', 'bytes that are free', () => made.freeBytes),
    gauge('claims.made.full', '1', 'how full it is', () => 0.25),
    histogram('claims.made.size', '{entry}', 'how large they are', () => made.sizes),
    {
      kind: 'histogram',
      name: 'claims.made.duration',
      unit: 's',
      description: 'how long phases took',
      labels: { 'made.phase': ['queue', 'store'] },
      read: (observe) => {
        for (const phase of ['queue', 'store'] as const) observe(made.phases[phase], { 'made.phase': phase });
      },
    },
  ];
  return Object.assign(made, { metrics });
}
