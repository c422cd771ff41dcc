/** The rows of what callers see: the service level, their calls, and where the time of a slow one goes. */
import { CALL_DURATION, CALLS, mean, NO_STREAMS, of, orZero, quantile, rate } from './expressions.ts';
import type { Row } from './grafana.ts';

/** What the rules record, of all replicas of a job. */
function recorded(record: string, sli: string): string {
  return `${record}{job=~"$job",sli="${sli}"}`;
}

/** The part of the 30 days' budget that is left. */
function budgetLeft(sli: string, budget: number): string {
  const over = (record: string): string => `sum_over_time(${recorded(record, sli)}[30d])`;
  const bad = `${over('claims:slo_bad_events:rate5m')} / ${over('claims:slo_events:rate5m')}`;
  return `1 - (${bad}) / ${budget}`;
}

const BUDGETS = [
  { sli: 'latency', budget: 0.01, name: 'longer than 50 ms' },
  { sli: 'calls', budget: 0.001, name: 'calls failed' },
  { sli: 'claims', budget: 0.001, name: 'claims UNAVAILABLE' },
];

const SERVICE_LEVEL: Row = {
  title: 'Service level',
  columns: 4,
  panels: [
    {
      title: 'Replicas ready',
      description: 'Of those that are scraped. /readyz of one that is not says why.',
      kind: 'stat',
      unit: 'none',
      threshold: 1,
      lowIsBad: true,
      queries: [
        { expr: `sum(${of('claims_ready')})`, legend: 'ready' },
        { expr: `count(${of('claims_ready')})`, legend: 'of' },
      ],
    },
    {
      title: 'p95 of calls',
      description: 'Calls answered OK, streams apart. The service level is 50 ms.',
      kind: 'stat',
      unit: 's',
      threshold: 0.05,
      queries: [
        { expr: quantile(0.95, CALL_DURATION, '', `${NO_STREAMS},rpc_status_code="OK"`), legend: 'p95' },
        { expr: quantile(0.99, CALL_DURATION, '', `${NO_STREAMS},rpc_status_code="OK"`), legend: 'p99' },
      ],
    },
    {
      title: 'Budget left of 30 days',
      description:
        'What may still go wrong of what the objectives allow: 1 % of calls and frames longer than 50 ms, 0.1 % of calls failed by the server, 0.1 % of claims UNAVAILABLE. Needs the recording rules.',
      kind: 'stat',
      unit: 'percentunit',
      threshold: 0,
      lowIsBad: true,
      queries: BUDGETS.map(({ sli, budget, name }) => ({ expr: budgetLeft(sli, budget), legend: name })),
    },
    {
      title: 'Alerts',
      description: 'Alerts of claims that fire or are pending. docs/operations.md has a section for each.',
      kind: 'stat',
      unit: 'none',
      threshold: 1,
      queries: ['critical', 'warning'].map((severity) => ({
        expr: orZero(
          `count(ALERTS{alertname=~"Claims.+",alertstate="firing",severity="${severity}",job=~"$job"})`,
        ),
        legend: severity,
      })),
    },
    ...BUDGETS.map(({ sli, budget, name }) => ({
      title: `Burn rate: ${name}`,
      description:
        'How many times as fast as allowed the budget goes. It pages above 14.4 over an hour and 5 minutes, or above 6 over six hours and 30 minutes.',
      unit: 'none' as const,
      threshold: 14.4,
      queries: ['5m', '1h', '6h'].map((window) => ({
        expr: `${recorded(`claims:slo_bad:ratio_rate${window}`, sli)} / ${budget}`,
        legend: `${window} {{job}}`,
      })),
    })),
    {
      title: 'Calls refused for want of room',
      description:
        'RESOURCE_EXHAUSTED before any work, by what was full: entries in flight, the table, replies not read, watchers.',
      unit: 'reqps',
      queries: [{ expr: rate('claims_calls_shed_total', 'reason'), legend: '{{reason}}' }],
    },
  ],
};

const LOAD: Row = {
  title: 'Calls',
  columns: 3,
  panels: [
    {
      title: 'Calls by method',
      description: 'A stream counts once, when it ends; its frames are beside.',
      unit: 'reqps',
      stacked: true,
      queries: [
        { expr: rate(`${CALL_DURATION}_count`, 'rpc_method', CALLS), legend: '{{rpc_method}}' },
        {
          expr: `sum(rate(${of('claims_frame_duration_seconds_count')}[$__rate_interval]))`,
          legend: 'frames',
        },
      ],
    },
    {
      title: 'Calls not OK, by status',
      description:
        'UNAVAILABLE: a replica that starts, stops, or lost its store. RESOURCE_EXHAUSTED: see the calls refused. INVALID_ARGUMENT and the like: the caller. INTERNAL: a fault; the log has its stack.',
      unit: 'reqps',
      queries: [
        {
          expr: orZero(
            rate(`${CALL_DURATION}_count`, 'rpc_method, rpc_status_code', `${CALLS},rpc_status_code!="OK"`),
          ),
          legend: '{{rpc_status_code}} {{rpc_method}}',
        },
      ],
    },
    {
      title: 'Claims by outcome',
      description: 'Claims of calls, batches and frames. UNAVAILABLE: the store did not confirm, or no room.',
      unit: 'ops',
      stacked: true,
      queries: [
        { expr: rate('claims_items_total', 'operation, outcome'), legend: '{{operation}} {{outcome}}' },
      ],
    },
    {
      title: 'Latency of calls',
      description: 'All methods but streams, answered OK. The line is the service level of p95.',
      unit: 's',
      threshold: 0.05,
      queries: [0.5, 0.95, 0.99].map((part) => ({
        expr: quantile(part, CALL_DURATION, '', `${NO_STREAMS},rpc_status_code="OK"`),
        legend: `p${part * 100}`,
      })),
    },
    {
      title: 'p99 by method',
      description: 'Which method is slow. Large batches take longer than single calls.',
      unit: 's',
      threshold: 0.05,
      queries: [
        {
          expr: quantile(0.99, CALL_DURATION, 'rpc_method', `${NO_STREAMS},rpc_status_code="OK"`),
          legend: '{{rpc_method}}',
        },
        { expr: quantile(0.99, 'claims_frame_duration_seconds', ''), legend: 'frames' },
      ],
    },
    {
      title: 'p99 by replica',
      description: 'Whether it is one replica, or what they share.',
      unit: 's',
      threshold: 0.05,
      queries: [
        {
          expr: quantile(0.99, CALL_DURATION, 'instance', `${NO_STREAMS},rpc_status_code="OK"`),
          legend: '{{instance}}',
        },
      ],
    },
    {
      title: 'Calls by their duration',
      description: 'How many calls fell between two bounds: whether all are slow, or some.',
      kind: 'heatmap',
      unit: 's',
      queries: [
        {
          expr: `sum by (le) (increase(${of(`${CALL_DURATION}_bucket`, NO_STREAMS)}[$__rate_interval]))`,
          legend: '{{le}}',
        },
      ],
    },
    {
      title: 'Claims in flight',
      description: 'Claims whose callers wait. At its bound, calls are refused.',
      unit: 'short',
      queries: [{ expr: of('claims_calls_waiting'), legend: '{{instance}}' }],
    },
    {
      title: 'Claims by status',
      description: 'In the tables. Pending that only grow are not validated, or do not expire.',
      unit: 'short',
      stacked: true,
      queries: [{ expr: `sum by (status) (${of('claims_claims')})`, legend: '{{status}}' }],
    },
  ],
};

const PHASE = 'claims_call_phase_duration_seconds';

const WHY_SLOW: Row = {
  title: 'Why slow: where the time of a call goes, and who holds it up',
  columns: 3,
  panels: [
    {
      title: 'Mean time of each phase',
      description:
        'decode, queue (for a segment), segment (its rules), commit (until the next begins), store, reply. One that a segment settled has no commit and no store.',
      unit: 's',
      stacked: true,
      queries: [{ expr: mean(PHASE, 'phase'), legend: '{{phase}}' }],
    },
    {
      title: 'p99 of each phase',
      description: 'The phase that grew is the one to look into: below, from left to right and down.',
      unit: 's',
      queries: [{ expr: quantile(0.99, PHASE, 'phase'), legend: '{{phase}}' }],
    },
    {
      title: 'Slower than this, a call is told as a trace',
      description:
        'The rolling P99 of each method. Traces say of a single call its phases, segment, epoch, batch and replica, and the epoch, hydration or reconciliation that it ran beside. Absent for methods with too few calls.',
      unit: 's',
      queries: [{ expr: of('claims_call_p99_seconds'), legend: '{{rpc_method}} {{instance}}' }],
    },
    {
      title: 'Store: p99 by operation',
      description: 'If the phase store grew. commit is on the way of calls, the others are not.',
      unit: 's',
      queries: [
        { expr: quantile(0.99, 'claims_store_duration_seconds', 'operation'), legend: '{{operation}}' },
      ],
    },
    {
      title: 'Entries in queues',
      description: 'If queue or commit grew: for workers, for a commit, or home to an event loop.',
      unit: 'short',
      queries: [{ expr: `sum by (queue) (${of('claims_queue_depth')})`, legend: '{{queue}}' }],
    },
    {
      title: 'Event loops: p99 of their delay',
      description:
        'If decode or reply grew, or all phases. A loop that is late by 10 ms makes every call late.',
      unit: 's',
      threshold: 0.05,
      queries: [
        {
          expr: quantile(0.99, 'claims_event_loop_delay_seconds', 'instance, thread'),
          legend: '{{instance}} {{thread}}',
        },
      ],
    },
    {
      title: 'CPU',
      description: 'Cores used. At the limit of the container everything is late.',
      unit: 'none',
      decimals: 2,
      queries: [{ expr: rate('claims_process_cpu_time_seconds_total', 'instance'), legend: '{{instance}}' }],
    },
    {
      title: 'Part of the time that garbage collection takes',
      description: 'Of each thread. Above a twentieth, look at allocation and heap.',
      unit: 'percentunit',
      threshold: 0.05,
      queries: [
        {
          expr: rate('claims_gc_duration_seconds_sum', 'instance, thread'),
          legend: '{{instance}} {{thread}}',
        },
      ],
    },
    {
      title: 'Epochs: p99 of their boundary',
      description: 'Whether calls are slow because segments were moving on.',
      unit: 's',
      queries: [
        { expr: quantile(0.99, 'claims_epoch_duration_seconds', 'instance'), legend: '{{instance}}' },
      ],
    },
  ],
};

export const CALL_ROWS: readonly Row[] = [SERVICE_LEVEL, LOAD, WHY_SLOW];
