/** What the heap monitor tells: whether memory grows, and what allocation costs epochs. */
import { gauge, type Metric } from '../telemetry/metric.ts';
import type { Growth } from '../telemetry/runtime/growth.ts';
import type { HeapMonitor } from '../telemetry/runtime/heap-monitor.ts';

export function heapMetrics(monitor: HeapMonitor): Metric[] {
  return [
    gauge(
      'claims.heap.growth',
      'By/h',
      'slope of what collections leave in the heaps of all threads, over half an hour; 0 while too little is known',
      () => monitor.heapGrowth?.slope ?? 0,
    ),
    gauge(
      'claims.heap.growth_confident',
      '',
      '1 where 0 lies outside the interval that heap growth is in with 95 % confidence',
      () => (isConfident(monitor.heapGrowth) ? 1 : 0),
    ),
    gauge(
      'claims.rss.growth',
      'By/h',
      'slope of resident memory, likewise',
      () => monitor.rssGrowth?.slope ?? 0,
    ),
    gauge(
      'claims.heap.allocation_rate',
      'By/s',
      'bytes that all threads together allocated in a second, over the last sample of the monitor',
      () => monitor.allocationRate,
    ),
    gauge(
      'claims.heap.epoch_correlation',
      '1',
      'how far boundaries of epochs take longer the more was allocated before, -1 to 1; 0 while too little is known',
      () => monitor.epochCorrelation() ?? 0,
    ),
    {
      kind: 'gauge',
      name: 'claims.heap.alarm',
      unit: '',
      description:
        '1 while the monitor has an alarm: the heap grows by more than its bound, or a pause was longer than its',
      labels: { reason: ['growth', 'pause'] },
      read: (observe) => {
        observe(monitor.growthAlarm ? 1 : 0, { reason: 'growth' });
        observe(monitor.pauseAlarm ? 1 : 0, { reason: 'pause' });
      },
    },
  ];
}

function isConfident(growth: Growth | undefined): boolean {
  return growth !== undefined && (growth.low > 0 || growth.high < 0);
}
