/** The rows of what serves calls: segments and workers, commits and the store, epochs. */
import { countAbove, mean, of, orZero, quantile, rate } from './expressions.ts';
import type { Row } from './grafana.ts';

const SEGMENTS: Row = {
  title: 'Segments and workers',
  columns: 3,
  panels: [
    {
      title: 'Table: fullest segment',
      description:
        'The part of its records that pending claims have, or are promised. At 1 submits to that segment are refused. The average tells whether some segments are much busier than others.',
      unit: 'percentunit',
      threshold: 0.8,
      queries: [
        { expr: of('claims_table_fullest_segment_ratio'), legend: 'fullest {{instance}}' },
        {
          expr: `${of('claims_table_pending')} / ${of('claims_table_capacity')}`,
          legend: 'average {{instance}}',
        },
      ],
    },
    {
      title: 'Table: claims',
      description:
        'With those that have ended, which make room when it is wanted. The capacity is fixed at the start.',
      unit: 'short',
      queries: [
        { expr: of('claims_table_claims'), legend: 'claims {{instance}}' },
        { expr: of('claims_table_capacity'), legend: 'capacity {{instance}}' },
      ],
    },
    {
      title: 'Entries served',
      description: 'By worker, or on an event loop that served a few itself: the load of each.',
      unit: 'ops',
      stacked: true,
      queries: [
        { expr: rate('claims_worker_entries_total', 'instance, worker'), legend: '{{instance}} {{worker}}' },
      ],
    },
    {
      title: 'Entries in a run',
      description: 'The more are served at once, the less each costs.',
      unit: 'none',
      decimals: 1,
      queries: [
        {
          expr: `${rate('claims_worker_entries_total', 'instance')} / ${rate('claims_worker_runs_total', 'instance')}`,
          legend: '{{instance}}',
        },
      ],
    },
    {
      title: 'Runs taken from other workers',
      description: 'The part of all runs. High where the load is uneven over segments: it is evened out.',
      unit: 'percentunit',
      queries: [
        {
          expr: `${rate('claims_worker_stolen_runs_total', 'instance')} / ${rate('claims_worker_runs_total', 'instance')}`,
          legend: '{{instance}}',
        },
      ],
    },
    {
      title: 'Wakes of workers',
      description: 'As many as calls: runs are so small that fewer workers would do.',
      unit: 'ops',
      queries: [
        { expr: rate('claims_worker_wakes_total', 'instance, worker'), legend: '{{instance}} {{worker}}' },
      ],
    },
  ],
};

const COMMITS: Row = {
  title: 'Store and commits',
  columns: 3,
  panels: [
    {
      title: 'Store: latency of commits',
      description: 'As the engine sees it, the way to the store included.',
      unit: 's',
      queries: [0.5, 0.95, 0.99].map((part) => ({
        expr: quantile(part, 'claims_store_duration_seconds', '', 'operation="commit"'),
        legend: `p${part * 100}`,
      })),
    },
    {
      title: 'Store: calls by operation',
      description: 'commit by calls, advance_epoch at boundaries, scan by hydration and reconciliation.',
      unit: 'ops',
      queries: [{ expr: rate('claims_store_duration_seconds_count', 'operation'), legend: '{{operation}}' }],
    },
    {
      title: 'Store errors',
      description:
        'STORE_UNAVAILABLE: away, refusing, or full. CLOCK_AHEAD: the clock of the replica. See docs/errors.md.',
      unit: 'ops',
      queries: [
        {
          expr: orZero(`${rate('claims_store_errors_total', 'instance, operation, code')} > 0`),
          legend: '{{instance}} {{operation}} {{code}}',
        },
      ],
    },
    {
      title: 'Claims in a commit',
      description:
        'While one is under way the next gathers, so they follow the load. At the bound for long, the store is the bottleneck.',
      unit: 'none',
      decimals: 1,
      queries: [
        { expr: mean('claims_commit_size', 'instance'), legend: 'mean {{instance}}' },
        { expr: quantile(0.99, 'claims_commit_size', 'instance'), legend: 'p99 {{instance}}' },
      ],
    },
    {
      title: 'Commits in flight, claims that wait',
      description: 'Claims that wait for more than a moment: the store is slower than they come.',
      unit: 'short',
      queries: [
        { expr: of('claims_commit_in_flight'), legend: 'in flight {{instance}}' },
        { expr: of('claims_commit_waiting'), legend: 'waiting {{instance}}' },
      ],
    },
    {
      title: 'Registry read: hydration and reconciliation',
      description:
        'Claims a second that fill the table at the start, and that reconciliation reads again and again from a shared registry. Fields that hold no claim: see the log.',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (instance) (deriv(${of('claims_hydration_claims_read')}[$__rate_interval]))`,
          legend: 'hydration {{instance}}',
        },
        { expr: rate('claims_reconciled_total', 'instance'), legend: 'reconciliation {{instance}}' },
        { expr: of('claims_store_corrupt_fields'), legend: 'fields that hold no claim {{instance}}' },
      ],
    },
  ],
};

const EPOCHS: Row = {
  title: 'Epochs',
  columns: 3,
  panels: [
    {
      title: 'Epochs that are not complete',
      description:
        'One, the epoch in force. More: the store is not shown the epochs, or a shard of it is away.',
      unit: 'none',
      queries: [
        { expr: `${of('claims_epoch')} - ${of('claims_epoch_last_complete')}`, legend: '{{instance}}' },
        {
          expr: `max by (job) (${of('claims_epoch')}) - min by (job) (${of('claims_epoch')})`,
          legend: 'between replicas',
        },
      ],
    },
    {
      title: 'Lateness',
      description:
        'From the boundary by the clock until every segment had moved on. Late: the main thread was held up, or advance_epoch was slow.',
      unit: 's',
      threshold: 1,
      queries: [0.5, 0.99].map((part) => ({
        expr: quantile(part, 'claims_epoch_lateness_seconds', 'instance'),
        legend: `p${part * 100} {{instance}}`,
      })),
    },
    {
      title: 'Later than a second, within 10 minutes',
      description: 'Boundaries. Any is an alert.',
      unit: 'none',
      threshold: 1,
      queries: [
        { expr: countAbove('1', 'claims_epoch_lateness_seconds', 'instance'), legend: '{{instance}}' },
      ],
    },
    {
      title: 'Time of the segments at a boundary',
      description: 'How long they took to move on; calls of a segment wait as long.',
      unit: 's',
      queries: [0.5, 0.99].map((part) => ({
        expr: quantile(part, 'claims_epoch_duration_seconds', 'instance'),
        legend: `p${part * 100} {{instance}}`,
      })),
    },
    {
      title: 'Epochs that the store did not take',
      description: 'The replica is not ready from the first one on.',
      unit: 'ops',
      queries: [{ expr: rate('claims_epoch_store_failures_total', 'instance'), legend: '{{instance}}' }],
    },
    {
      title: 'Clock behind, not ready',
      description: 'Clock behind the epoch in force, which is then held; replicas that do not take calls.',
      unit: 'bool_yes_no',
      queries: [
        { expr: of('claims_clock_behind'), legend: 'clock behind {{instance}}' },
        { expr: `1 - ${of('claims_ready')}`, legend: 'not ready {{instance}}' },
      ],
    },
  ],
};

export const ENGINE_ROWS: readonly Row[] = [SEGMENTS, COMMITS, EPOCHS];
