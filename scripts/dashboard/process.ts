/** The rows of the process: whether memory creeps, and what telemetry itself leaves out. */
import { countAbove, of, quantile, rate } from './expressions.ts';
import type { Row } from './grafana.ts';

const THREAD = '{{instance}} {{thread}}';

const MEMORY: Row = {
  title: 'Is memory creeping? Heap, garbage collection, resident memory',
  columns: 3,
  panels: [
    {
      title: 'Heap growth',
      description:
        'Slope of what garbage collection leaves in the heaps of all threads, over half an hour, per hour. The alarm is at 50 MB/h. High for a while after a start, as the program warms up; 0 before there are samples.',
      unit: 'bytes',
      threshold: 50e6,
      signed: true,
      queries: [
        { expr: of('claims_heap_growth_bytes_per_hour'), legend: 'heap {{instance}}' },
        { expr: of('claims_rss_growth_bytes_per_hour'), legend: 'resident {{instance}}' },
      ],
    },
    {
      title: 'Whether it is more than chance',
      description:
        'Yes: the interval of the slope leaves out 0. The alarms of the program itself, growth and pause, are in its log with their figures.',
      unit: 'bool_yes_no',
      queries: [
        { expr: of('claims_heap_growth_confident'), legend: 'grows or shrinks {{instance}}' },
        { expr: of('claims_heap_alarm'), legend: 'alarm: {{reason}} {{instance}}' },
      ],
    },
    {
      title: 'Resident memory',
      description: 'With shared memory: the table becomes resident as it is used for the first time.',
      unit: 'bytes',
      queries: [{ expr: of('claims_rss_bytes'), legend: '{{instance}}' }],
    },
    {
      title: 'Heap after garbage collection',
      description: 'What collections left: what lives. A line that only rises, over hours, is a leak.',
      unit: 'bytes',
      queries: [{ expr: of('claims_heap_after_gc_bytes'), legend: THREAD }],
    },
    {
      title: 'Heap used',
      description: 'With what is dead and not yet collected: a saw.',
      unit: 'bytes',
      queries: [{ expr: of('claims_heap_used_bytes'), legend: THREAD }],
    },
    {
      title: 'Allocation',
      description: 'Bytes a second. If it rose with the same load, calls have become more costly.',
      unit: 'Bps',
      stacked: true,
      queries: [{ expr: rate('claims_heap_allocated_bytes_total', 'instance, thread'), legend: THREAD }],
    },
    {
      title: 'p99 of pauses, by kind',
      description: 'How long garbage collection held up a thread. The alarm is at 100 ms.',
      unit: 's',
      threshold: 0.1,
      queries: [
        {
          expr: quantile(0.99, 'claims_gc_duration_seconds', 'thread, gc'),
          legend: '{{thread}} {{gc}}',
        },
      ],
    },
    {
      title: 'Pauses longer than 100 ms, within 10 minutes',
      description: 'Any is an alert.',
      unit: 'none',
      threshold: 1,
      queries: [
        { expr: countAbove('0.1', 'claims_gc_duration_seconds', 'instance, thread'), legend: THREAD },
      ],
    },
    {
      title: 'Do epochs take longer when more is allocated?',
      description:
        'Rank correlation of allocation and the boundary that follows, −1 to 1. Near 1 with growing boundaries: garbage is the reason. 0 until there are epochs enough.',
      unit: 'none',
      decimals: 2,
      signed: true,
      queries: [{ expr: of('claims_heap_epoch_correlation_ratio'), legend: '{{instance}}' }],
    },
  ],
};

const TELEMETRY: Row = {
  title: 'Telemetry itself',
  columns: 3,
  collapsed: true,
  panels: [
    {
      title: 'Calls told as traces',
      description: 'By why. About one in a hundred calls is slower than the P99.',
      unit: 'ops',
      queries: [{ expr: rate('claims_traces_told_total', 'reason'), legend: '{{reason}}' }],
    },
    {
      title: 'Spans sent by OTLP',
      description:
        'A call is a span and one for each phase. Not taken: the receiver is away or refuses; queue full: it is too slow. 0 where none is set.',
      unit: 'ops',
      queries: [
        { expr: rate('claims_traces_exported_total', 'instance'), legend: 'taken {{instance}}' },
        {
          expr: rate('claims_traces_dropped_total', 'instance, reason'),
          legend: 'dropped: {{reason}} {{instance}}',
        },
      ],
    },
    {
      title: 'What was left out',
      description:
        'Traces kept back by the bound on their rate, traceparents that were none, metrics that could not be sent by OTLP, repeated lines of the log. Calls are served all the same.',
      unit: 'ops',
      queries: [
        { expr: rate('claims_traces_kept_back_total', 'reason'), legend: 'kept back {{reason}}' },
        {
          expr: rate('claims_traces_malformed_parents_total', 'instance'),
          legend: 'malformed traceparent {{instance}}',
        },
        {
          expr: rate('claims_metrics_export_failures_total', 'instance'),
          legend: 'metrics not sent {{instance}}',
        },
        { expr: rate('claims_log_suppressed_total', 'instance'), legend: 'lines of the log {{instance}}' },
      ],
    },
    {
      title: 'Scrapes',
      description: 'How long Prometheus took to read /metrics, which is written on the main thread.',
      unit: 's',
      queries: [{ expr: of('scrape_duration_seconds'), legend: '{{instance}}' }],
    },
    {
      title: 'Series',
      description: 'How many each replica tells: they follow from its threads and do not grow with the load.',
      unit: 'short',
      queries: [{ expr: of('scrape_samples_scraped'), legend: '{{instance}}' }],
    },
  ],
};

export const PROCESS_ROWS: readonly Row[] = [MEMORY, TELEMETRY];
