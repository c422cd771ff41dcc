/** What a test of an alert says: the series there are, a moment, and what fires at it. */
import type { Labels, RulesTest } from '../support/promtool.ts';

export interface AlertCase {
  readonly alert: string;
  /** What the series tell, in words. */
  readonly what: string;
  /** Values by series, one each minute. */
  readonly series: Readonly<Record<string, string>>;
  /** In Prometheus's words, such as "1h5m", from the first value on. */
  readonly at: string;
  /** What fires, with its labels (but the alert's name) and annotations; absent: nothing. */
  readonly fires?: { readonly labels: Labels; readonly annotations: Labels };
}

/** The labels that Prometheus gives to all of one replica's series, and to all of its service's. */
export const SERVICE = { namespace: 'game', job: 'claims' };
export const REPLICA = { ...SERVICE, instance: 'claims-0:9464' };

/** A series of the replica. */
export function of(metric: string, labels: Labels = {}): string {
  const all = Object.entries({ ...REPLICA, ...labels }).map(([name, value]) => `${name}="${value}"`);
  return `${metric}{${all.join(',')}}`;
}

export const METHOD = 'claims.v1.ClaimService/SubmitClaim';
const CALLS = 'rpc_server_call_duration_seconds';

/** Calls of a method that ended with a status. */
export function callsEnded(status = 'OK', method = METHOD): string {
  return of(`${CALLS}_count`, { rpc_method: method, rpc_status_code: status });
}

/** Of the calls answered OK those that took no longer. */
export function callsWithin(seconds: string, method = METHOD): string {
  return of(`${CALLS}_bucket`, { rpc_method: method, rpc_status_code: 'OK', le: seconds });
}

export function asTest({ alert, what, series, at, fires }: AlertCase): RulesTest {
  const expected = fires && { exp_labels: fires.labels, exp_annotations: fires.annotations };
  return {
    name: `${alert}: ${what}`,
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [
      { eval_time: at, alertname: alert, exp_alerts: expected === undefined ? [] : [expected] },
    ],
  };
}
