/** The alerts of replicas, tables, stores, epochs and memory: each firing, and just not firing. */
import { counter, gauge } from '../support/promtool.ts';
import { type AlertCase, of, REPLICA, SERVICE } from './alert-case.ts';

const WARNING = { ...REPLICA, severity: 'warning' };
const OTHER = { instance: 'claims-1:9464' };
const NAME = REPLICA.instance;

function annotations(alert: string, summary: string, description: string): AlertCase['fires'] & object {
  const runbook = `docs/operations.md#${alert.toLowerCase()}`;
  return { labels: WARNING, annotations: { summary, description, runbook } };
}

const READY = of('claims_ready');
const UP = of('up');

const NOT_READY = 'ClaimsReplicaNotReady';
const DOWN = 'ClaimsReplicaDown';
const NONE_READY = 'ClaimsNoReplicaReady';
const NONE_READY_FIRES = {
  labels: { ...SERVICE, severity: 'critical' },
  annotations: {
    summary: 'claims: no replica is ready',
    description: '0 replicas of claims are ready: every call is refused.',
    runbook: 'docs/operations.md#claimsnoreplicaready',
  },
};

const REPLICAS: readonly AlertCase[] = [
  {
    alert: NOT_READY,
    what: 'for six minutes',
    series: { [READY]: gauge([10, 1], [7, 0]) },
    at: '16m',
    fires: annotations(
      NOT_READY,
      `${NAME} is not ready`,
      `${NAME} of claims has not been ready for 5 minutes; its /readyz says why.`,
    ),
  },
  { alert: NOT_READY, what: 'for four minutes', series: { [READY]: gauge([10, 1], [5, 0]) }, at: '14m' },
  {
    alert: DOWN,
    what: 'scraped before, and not for three minutes',
    series: { [UP]: gauge([10, 1], [4, 0]), [READY]: `${gauge([10, 1])} stale` },
    at: '13m',
    fires: annotations(
      DOWN,
      `${NAME} can not be scraped`,
      `${NAME} of claims served /metrics within the last hour and does not now.`,
    ),
  },
  {
    alert: DOWN,
    what: 'not for one minute',
    series: { [UP]: gauge([10, 1], [2, 0]), [READY]: `${gauge([10, 1])} stale` },
    at: '11m',
  },
  { alert: DOWN, what: 'another program', series: { [UP]: gauge([10, 1], [10, 0]) }, at: '19m' },
  {
    alert: NONE_READY,
    what: 'both say no for two minutes',
    series: { [READY]: gauge([10, 1], [3, 0]), [of('claims_ready', OTHER)]: gauge([10, 0], [3, 0]) },
    at: '12m',
    fires: NONE_READY_FIRES,
  },
  {
    alert: NONE_READY,
    what: 'all are gone',
    series: { [READY]: `${gauge([10, 1])} stale` },
    at: '12m',
    fires: NONE_READY_FIRES,
  },
  {
    alert: NONE_READY,
    what: 'one of two is',
    series: { [READY]: gauge([20, 0]), [of('claims_ready', OTHER)]: gauge([20, 1]) },
    at: '15m',
  },
  {
    alert: NONE_READY,
    what: 'not for half a minute',
    series: { [READY]: gauge([10, 1], [1, 0]) },
    at: '10m30s',
  },
];

const SHED = 'ClaimsCallsShed';
const SHED_SERIES = of('claims_calls_shed_total', { reason: 'table' });

const SHEDS: readonly AlertCase[] = [
  {
    alert: SHED,
    what: 'two a second',
    series: { [SHED_SERIES]: counter([15, 120]) },
    at: '15m',
    fires: {
      ...annotations(
        SHED,
        `${NAME} refuses calls: table`,
        `${NAME} refuses 2 calls/s with RESOURCE_EXHAUSTED, reason table.`,
      ),
      labels: { ...WARNING, reason: 'table' },
    },
  },
  { alert: SHED, what: 'none', series: { [SHED_SERIES]: counter([15, 0]) }, at: '15m' },
  {
    alert: SHED,
    what: 'for three minutes',
    series: { [SHED_SERIES]: counter([15, 0], [3, 120]) },
    at: '18m',
  },
];

const FULLEST = of('claims_table_fullest_segment_ratio');
const FILLING = 'ClaimsTableFilling';
const FULL = 'ClaimsTableNearlyFull';

const TABLES: readonly AlertCase[] = [
  {
    alert: FILLING,
    what: '81 %',
    series: { [FULLEST]: gauge([20, 0.81]) },
    at: '15m',
    fires: annotations(
      FILLING,
      `${NAME}: the table is filling`,
      `The fullest segment of ${NAME} has 81% of its room taken by pending claims.`,
    ),
  },
  { alert: FILLING, what: '80 %', series: { [FULLEST]: gauge([20, 0.8]) }, at: '15m' },
  { alert: FILLING, what: '90 % for nine minutes', series: { [FULLEST]: gauge([20, 0.9]) }, at: '9m' },
  {
    alert: FULL,
    what: '96 %',
    series: { [FULLEST]: gauge([10, 0.5], [3, 0.96]) },
    at: '12m',
    fires: {
      ...annotations(
        FULL,
        `${NAME}: the table is nearly full`,
        `The fullest segment of ${NAME} has 96% of its room taken by pending claims; submits are refused when it is full.`,
      ),
      labels: { ...REPLICA, severity: 'critical' },
    },
  },
  { alert: FULL, what: '95 %', series: { [FULLEST]: gauge([20, 0.95]) }, at: '15m' },
  { alert: FULL, what: 'for half a minute', series: { [FULLEST]: gauge([10, 0.5], [1, 1]) }, at: '10m30s' },
];

const STORE_ERRORS = 'ClaimsStoreErrors';
const FAILED_COMMITS = of('claims_store_errors_total', { operation: 'commit', code: 'STORE_UNAVAILABLE' });
const CORRUPT = 'ClaimsRegistryCorrupt';
const STALLED = 'ClaimsReconciliationStalled';
const RECONCILED = of('claims_reconciled_total');
const IN_TABLE = of('claims_table_claims');

const STORES: readonly AlertCase[] = [
  {
    alert: STORE_ERRORS,
    what: 'three a minute',
    series: { [FAILED_COMMITS]: counter([15, 3]) },
    at: '15m',
    fires: {
      ...annotations(
        STORE_ERRORS,
        `${NAME}: the store fails commit with STORE_UNAVAILABLE`,
        `50m commit a second of ${NAME} fail with STORE_UNAVAILABLE.`,
      ),
      labels: { ...WARNING, operation: 'commit', code: 'STORE_UNAVAILABLE' },
    },
  },
  { alert: STORE_ERRORS, what: 'none', series: { [FAILED_COMMITS]: counter([15, 0]) }, at: '15m' },
  {
    alert: STORE_ERRORS,
    what: 'a failover: for two minutes',
    series: { [FAILED_COMMITS]: counter([15, 0], [2, 3], [10, 0]) },
    at: '19m',
  },
  {
    alert: CORRUPT,
    what: 'two fields',
    series: { [of('claims_store_corrupt_fields')]: gauge([5, 2]) },
    at: '4m',
    fires: annotations(
      CORRUPT,
      `${NAME} has met fields of the registry that hold no claim`,
      `${NAME} has met 2 fields of the registry that can not be read; their claims are UNAVAILABLE.`,
    ),
  },
  { alert: CORRUPT, what: 'none', series: { [of('claims_store_corrupt_fields')]: gauge([5, 0]) }, at: '4m' },
  {
    alert: STALLED,
    what: 'nothing read for 50 minutes',
    series: { [RECONCILED]: counter([30, 1_000], [50, 0]), [IN_TABLE]: gauge([90, 10]) },
    at: '80m',
    fires: annotations(
      STALLED,
      `${NAME} reads the registry no further`,
      `${NAME} has read 0 claims by reconciliation in the last 30 minutes.`,
    ),
  },
  {
    alert: STALLED,
    what: 'nothing read for 40 minutes',
    series: { [RECONCILED]: counter([30, 1_000], [40, 0]), [IN_TABLE]: gauge([90, 10]) },
    at: '70m',
  },
  {
    alert: STALLED,
    what: 'slowly',
    series: { [RECONCILED]: counter([30, 1_000], [50, 1]), [IN_TABLE]: gauge([90, 10]) },
    at: '80m',
  },
  {
    alert: STALLED,
    what: 'nothing to read',
    series: { [RECONCILED]: counter([30, 1_000], [50, 0]), [IN_TABLE]: gauge([90, 0]) },
    at: '80m',
  },
  {
    alert: STALLED,
    what: 'never any: the embedded store, or off',
    series: { [RECONCILED]: counter([80, 0]), [IN_TABLE]: gauge([90, 10]) },
    at: '80m',
  },
];

const LATE = 'ClaimsEpochLate';
const LATENESS = 'claims_epoch_lateness_seconds';
const BEHIND = 'ClaimsClockBehind';
const CLOCK = of('claims_clock_behind');

/** Six epochs a minute, of which so many a minute are late for the given minutes. */
function epochs(...late: readonly (readonly [minutes: number, perMinute: number])[]): Record<string, string> {
  return {
    [of(`${LATENESS}_count`)]: counter(...late.map(([minutes]): [number, number] => [minutes, 6])),
    [of(`${LATENESS}_bucket`, { le: '1' })]: counter(
      ...late.map(([minutes, perMinute]): [number, number] => [minutes, 6 - perMinute]),
    ),
  };
}

const EPOCHS: readonly AlertCase[] = [
  {
    alert: LATE,
    what: 'two of them',
    series: epochs([20, 0], [1, 2], [9, 0]),
    at: '30m',
    fires: annotations(
      LATE,
      `${NAME}: an epoch came more than a second late`,
      `2 epochs of ${NAME} in the last 15 minutes were in force more than a second after their boundary.`,
    ),
  },
  { alert: LATE, what: 'none', series: epochs([30, 0]), at: '30m' },
  { alert: LATE, what: 'twenty minutes ago', series: epochs([9, 0], [1, 2], [20, 0]), at: '30m' },
  {
    alert: BEHIND,
    what: 'at one look, five minutes ago',
    series: { [CLOCK]: gauge([10, 0], [1, 1], [10, 0]) },
    at: '15m',
    fires: annotations(
      BEHIND,
      `${NAME}: the clock stepped back`,
      `The clock of ${NAME} was behind the epoch in force within the last 10 minutes; the epoch is held while it is.`,
    ),
  },
  { alert: BEHIND, what: 'never', series: { [CLOCK]: gauge([20, 0]) }, at: '15m' },
  {
    alert: BEHIND,
    what: 'a quarter of an hour ago',
    series: { [CLOCK]: gauge([1, 1], [20, 0]) },
    at: '15m',
  },
];

const GROWING = 'ClaimsHeapGrowing';
const HEAP_GROWTH = of('claims_heap_growth_bytes_per_hour');
const CONFIDENT = of('claims_heap_growth_confident');
const RSS_GROWING = 'ClaimsRssGrowing';
const RSS_GROWTH = of('claims_rss_growth_bytes_per_hour');
const PAUSES = 'ClaimsGcPauseLong';
const MAIN = { thread: 'main', gc: 'major' };

/** Collections, ten a minute, of which so many a minute take longer than 100 ms for the given minutes. */
function pauses(...long: readonly (readonly [minutes: number, perMinute: number])[]): Record<string, string> {
  return {
    [of('claims_gc_duration_seconds_count', MAIN)]: counter(
      ...long.map(([minutes]): [number, number] => [minutes, 10]),
    ),
    [of('claims_gc_duration_seconds_bucket', { ...MAIN, le: '0.1' })]: counter(
      ...long.map(([minutes, perMinute]): [number, number] => [minutes, 10 - perMinute]),
    ),
  };
}

const MEMORY: readonly AlertCase[] = [
  {
    alert: GROWING,
    what: 'by what the first system grew',
    series: { [HEAP_GROWTH]: gauge([45, 127e6]), [CONFIDENT]: gauge([45, 1]) },
    at: '40m',
    fires: annotations(
      GROWING,
      `${NAME}: the heap grows`,
      `What lives in the heap of ${NAME} grows by 127MB/h; the bound is 50 MB/h.`,
    ),
  },
  {
    alert: GROWING,
    what: 'by 49 MB/h',
    series: { [HEAP_GROWTH]: gauge([45, 49e6]), [CONFIDENT]: gauge([45, 1]) },
    at: '40m',
  },
  {
    alert: GROWING,
    what: 'perhaps',
    series: { [HEAP_GROWTH]: gauge([45, 127e6]), [CONFIDENT]: gauge([45, 0]) },
    at: '40m',
  },
  {
    alert: GROWING,
    what: 'for 25 minutes: a warm start',
    series: { [HEAP_GROWTH]: gauge([25, 127e6], [20, 10e6]), [CONFIDENT]: gauge([45, 1]) },
    at: '24m',
  },
  {
    alert: RSS_GROWING,
    what: 'for more than two hours',
    series: { [RSS_GROWTH]: gauge([150, 51e6]) },
    at: '125m',
    fires: annotations(
      RSS_GROWING,
      `${NAME}: resident memory grows`,
      `Resident memory of ${NAME} has grown by more than 50 MB/h for two hours, now by 51MB/h.`,
    ),
  },
  { alert: RSS_GROWING, what: 'for an hour', series: { [RSS_GROWTH]: gauge([150, 51e6]) }, at: '1h' },
  { alert: RSS_GROWING, what: 'by 50 MB/h', series: { [RSS_GROWTH]: gauge([150, 50e6]) }, at: '125m' },
  {
    alert: PAUSES,
    what: 'three',
    series: pauses([20, 0], [1, 3], [4, 0]),
    at: '25m',
    fires: {
      ...annotations(
        PAUSES,
        `${NAME}: garbage collection has stopped thread main for 100 ms or more`,
        `3 pauses of thread main of ${NAME} in the last 10 minutes took longer than 100 ms.`,
      ),
      labels: { ...WARNING, thread: 'main' },
    },
  },
  { alert: PAUSES, what: 'none', series: pauses([30, 0]), at: '25m' },
  { alert: PAUSES, what: 'a quarter of an hour ago', series: pauses([9, 0], [1, 3], [15, 0]), at: '25m' },
];

export const REPLICA_CASES: readonly AlertCase[] = [
  ...REPLICAS,
  ...SHEDS,
  ...TABLES,
  ...STORES,
  ...EPOCHS,
  ...MEMORY,
];
