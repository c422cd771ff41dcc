/**
 * The alerts of the service level: for each way of a burn-rate alert to fire a case, and cases below
 * the threshold, over too short a time, and of a cause that has ended.
 */
import { counter, type Stretch } from '../support/promtool.ts';
import { type AlertCase, callsEnded, callsWithin, METHOD, of, SERVICE } from './alert-case.ts';

/** Events a minute; enough that a tenth of a per mille of them is a whole number. */
const PER_MINUTE = 10_000;

/** A stretch of so many minutes of which such a part was bad. */
type Part = readonly [minutes: number, bad: number, perMinute?: number];

/** One indicator of the service level, as series. */
interface Indicator {
  readonly fast: string;
  readonly slow: string;
  /** What the objective leaves. */
  readonly budget: number;
  series(parts: readonly Part[]): Record<string, string>;
  /** @param share in words of the annotation. */
  fastAnnotations(share: string): Record<string, string>;
  slowAnnotations(share: string): Record<string, string>;
}

/** Between two evaluations: no window is a multiple of it, so that no sample lies at the very begin of one. */
export const FAST_EVALUATION = '7m';
export const SLOW_EVALUATION = '13m';

function all(parts: readonly Part[]): string {
  return counter(...parts.map(([minutes, , perMinute = PER_MINUTE]): Stretch => [minutes, perMinute]));
}

/** @param wanted the bad ones, or the others. */
function partOf(parts: readonly Part[], wanted: 'bad' | 'good'): string {
  return counter(
    ...parts.map(([minutes, bad, perMinute = PER_MINUTE]): Stretch => {
      const badPerMinute = Math.round(bad * perMinute);
      return [minutes, wanted === 'bad' ? badPerMinute : perMinute - badPerMinute];
    }),
  );
}

const LATENCY: Indicator = {
  fast: 'ClaimsSlowCallsBurnFast',
  slow: 'ClaimsSlowCallsBurnSlow',
  budget: 0.01,
  series: (parts) => ({ [callsEnded()]: all(parts), [callsWithin('0.05')]: partOf(parts, 'good') }),
  fastAnnotations: (share) => ({
    summary: 'claims: calls longer than 50 ms use up the month within days',
    description: `${share} of calls and frames have taken longer than 50 ms over the last hour or six; the objective allows 1 %.`,
    runbook: 'docs/operations.md#claimsslowcallsburnfast',
  }),
  slowAnnotations: (share) => ({
    summary: 'claims: more calls than the objective allows take longer than 50 ms',
    description: `${share} of calls and frames have taken longer than 50 ms over the last day or three; the objective allows 1 %.`,
    runbook: 'docs/operations.md#claimsslowcallsburnslow',
  }),
};

const CALLS: Indicator = {
  fast: 'ClaimsFailedCallsBurnFast',
  slow: 'ClaimsFailedCallsBurnSlow',
  budget: 0.001,
  series: (parts) => ({
    [callsEnded()]: partOf(parts, 'good'),
    [callsEnded('UNAVAILABLE')]: partOf(parts, 'bad'),
  }),
  fastAnnotations: (share) => ({
    summary: 'claims: calls that the server fails use up the month within days',
    description: `${share} of calls have been refused or failed by the server over the last hour or six; the objective allows 0.1 %.`,
    runbook: 'docs/operations.md#claimsfailedcallsburnfast',
  }),
  slowAnnotations: (share) => ({
    summary: 'claims: the server fails more calls than the objective allows',
    description: `${share} of calls have been refused or failed by the server over the last day or three; the objective allows 0.1 %.`,
    runbook: 'docs/operations.md#claimsfailedcallsburnslow',
  }),
};

const CLAIMS: Indicator = {
  fast: 'ClaimsUnavailableBurnFast',
  slow: 'ClaimsUnavailableBurnSlow',
  budget: 0.001,
  series: (parts) => ({
    [of('claims_items_total', { operation: 'submit', outcome: 'ACCEPTED' })]: partOf(parts, 'good'),
    [of('claims_items_total', { operation: 'submit', outcome: 'UNAVAILABLE' })]: partOf(parts, 'bad'),
  }),
  fastAnnotations: (share) => ({
    summary: 'claims: claims answered UNAVAILABLE use up the month within days',
    description: `${share} of claims have been answered UNAVAILABLE over the last hour or six; the objective allows 0.1 %.`,
    runbook: 'docs/operations.md#claimsunavailableburnfast',
  }),
  slowAnnotations: (share) => ({
    summary: 'claims: more claims than the objective allows are answered UNAVAILABLE',
    description: `${share} of claims have been answered UNAVAILABLE over the last day or three; the objective allows 0.1 %.`,
    runbook: 'docs/operations.md#claimsunavailableburnslow',
  }),
};

const HOUR = 60;
const DAY = 24 * HOUR;

/** As humanizePercentage writes it: four digits. */
function share(part: number): string {
  return `${Number((part * 100).toPrecision(4))}%`;
}

function fastCases({ fast: alert, budget, series, fastAnnotations }: Indicator): AlertCase[] {
  const labels = { ...SERVICE, sli: sliOf(alert), severity: 'critical' };
  const firing = (part: number) => ({ fires: { labels, annotations: fastAnnotations(share(part)) } });
  return [
    {
      alert,
      what: '15 times the budget for an hour, after hours without',
      series: series([
        [6 * HOUR, 0],
        [70, 15 * budget],
      ]),
      at: '7h10m',
      ...firing(15 * budget),
    },
    {
      alert,
      what: '7 times the budget for six hours',
      series: series([[6.5 * HOUR, 7 * budget]]),
      at: '6h30m',
      ...firing(7 * budget),
    },
    {
      alert,
      what: '5.9 times the budget for six hours, and above 6 times for half an hour',
      series: series([
        [6 * HOUR, 5.8 * budget],
        [35, 7 * budget],
      ]),
      at: '6h35m',
    },
    {
      alert,
      what: '20 times the budget for 24 minutes',
      series: series([
        [6.5 * HOUR, 0],
        [24, 20 * budget],
      ]),
      at: '6h54m',
    },
    {
      alert,
      what: '20 times the budget for an hour, over for ten minutes',
      series: series([
        [5 * HOUR, 0],
        [HOUR, 20 * budget],
        [10, 0],
      ]),
      at: '6h10m',
    },
    {
      alert,
      what: '7 times the budget for six hours, over for 40 minutes',
      series: series([
        [6.5 * HOUR, 7 * budget],
        [40, 0],
      ]),
      at: '7h10m',
    },
    { alert, what: 'no traffic', series: series([[2 * HOUR, 0, 0]]), at: '2h' },
  ];
}

function slowCases({ slow: alert, budget, series, slowAnnotations }: Indicator): AlertCase[] {
  const labels = { ...SERVICE, sli: sliOf(alert), severity: 'warning' };
  const firing = (part: number) => ({ fires: { labels, annotations: slowAnnotations(share(part)) } });
  return [
    {
      alert,
      what: '3.5 times the budget for a day, with less traffic than in the days before',
      series: series([
        [2 * DAY, 0, 20 * PER_MINUTE],
        [DAY + HOUR, 3.5 * budget],
      ]),
      at: '73h',
      ...firing(3.5 * budget),
    },
    {
      alert,
      what: 'twice the budget for three days',
      series: series([[3 * DAY + HOUR, 2 * budget]]),
      at: '73h',
      ...firing(2 * budget),
    },
    {
      alert,
      what: 'nine tenths of the budget over three days, and more for six hours',
      series: series([
        [3 * DAY, 0.8 * budget],
        [6.5 * HOUR, 1.5 * budget],
      ]),
      at: '78h30m',
    },
    {
      alert,
      what: '3.5 times the budget for a day, over for three hours',
      series: series([
        [2 * DAY, 0, 20 * PER_MINUTE],
        [DAY, 3.5 * budget],
        [3 * HOUR, 0],
      ]),
      at: '75h',
    },
    {
      alert,
      what: 'twice the budget for three days, over for seven hours',
      series: series([
        [3 * DAY, 2 * budget],
        [7 * HOUR, 0],
      ]),
      at: '79h',
    },
  ];
}

function sliOf(alert: string): string {
  if (alert.startsWith('ClaimsSlow')) return 'latency';
  return alert.startsWith('ClaimsFailed') ? 'calls' : 'claims';
}

const P95 = 'ClaimsP95AboveServiceLevel';
const P95_FIRES = {
  labels: { ...SERVICE, rpc_method: METHOD, severity: 'critical' },
  annotations: {
    summary: `claims: p95 of ${METHOD} is above 50 ms`,
    description: `p95 of ${METHOD} is 60ms; the service level is 50 ms.`,
    runbook: 'docs/operations.md#claimsp95aboveservicelevel',
  },
};

/** Calls a minute, of which such a part takes 50 to 70 ms, and the rest less. */
function p95Series(
  minutes: number,
  perMinute: number,
  above: number,
  method = METHOD,
): Record<string, string> {
  return {
    [callsEnded('OK', method)]: counter([minutes, perMinute]),
    [callsWithin('0.05', method)]: counter([minutes, perMinute * (1 - above)]),
    [callsWithin('0.07', method)]: counter([minutes, perMinute]),
    [callsWithin('+Inf', method)]: counter([minutes, perMinute]),
  };
}

const P95_CASES: readonly AlertCase[] = [
  {
    alert: P95,
    what: 'a tenth of the calls takes 50 to 70 ms: p95 is in the middle',
    series: p95Series(30, 6_000, 0.1),
    at: '30m',
    fires: P95_FIRES,
  },
  { alert: P95, what: 'a twenty-fifth does', series: p95Series(30, 6_000, 0.04), at: '30m' },
  { alert: P95, what: 'for nine minutes', series: p95Series(30, 6_000, 0.1), at: '9m' },
  { alert: P95, what: 'a call every two seconds', series: p95Series(30, 30, 0.1), at: '30m' },
  {
    alert: P95,
    what: 'streams, which last',
    series: p95Series(30, 6_000, 1, 'claims.v1.ClaimService/ExchangeClaims'),
    at: '30m',
  },
  {
    alert: P95,
    what: 'calls of another service',
    series: p95Series(30, 6_000, 1, 'shop.v1.ShopService/Buy'),
    at: '30m',
  },
];

/** What is nobody's budget: streams, other services, calls that the caller failed. */
const NOT_COUNTED: readonly AlertCase[] = [
  {
    alert: CALLS.fast,
    what: 'calls that the callers failed',
    series: { [callsEnded()]: counter([70, 100]), [callsEnded('INVALID_ARGUMENT')]: counter([70, 100]) },
    at: '1h10m',
  },
  {
    alert: CALLS.fast,
    what: 'streams that end UNAVAILABLE since their replica stops',
    series: {
      [callsEnded()]: counter([70, 100]),
      [callsEnded('UNAVAILABLE', 'claims.v1.ClaimService/ExchangeClaims')]: counter([70, 100]),
    },
    at: '1h10m',
  },
  {
    alert: LATENCY.fast,
    what: 'calls that fail late',
    series: {
      ...LATENCY.series([[70, 0]]),
      [callsEnded('DEADLINE_EXCEEDED')]: counter([70, PER_MINUTE]),
    },
    at: '1h10m',
  },
  {
    alert: LATENCY.fast,
    what: 'frames of streams alone, a fifth of them late',
    series: {
      [of('claims_frame_duration_seconds_count')]: counter([70, 100]),
      [of('claims_frame_duration_seconds_bucket', { le: '0.05' })]: counter([70, 80]),
    },
    at: '1h10m',
    fires: {
      labels: { ...SERVICE, sli: 'latency', severity: 'critical' },
      annotations: LATENCY.fastAnnotations('20%'),
    },
  },
];

const INDICATORS = [LATENCY, CALLS, CLAIMS];

/** Of hours, of days, of minutes: to be evaluated FAST_EVALUATION, SLOW_EVALUATION and a minute apart. */
export const FAST_BURN_CASES: readonly AlertCase[] = [...INDICATORS.flatMap(fastCases), ...NOT_COUNTED];
export const SLOW_BURN_CASES: readonly AlertCase[] = INDICATORS.flatMap(slowCases);
export const QUANTILE_CASES: readonly AlertCase[] = P95_CASES;
