/** What the recording rules must record, to the last digit. */
import { counter, type RulesTest } from '../support/promtool.ts';
import { callsEnded, callsWithin, METHOD, of, SERVICE } from './alert-case.ts';

const LABELS = `namespace="${SERVICE.namespace}", job="${SERVICE.job}"`;
const CALLS_PER_S = 100;
const PER_MINUTE = 60 * CALLS_PER_S;
const FRAMES_PER_S = 20;
const EVEN_MINUTES = 20;

/** 100 calls/s answered OK, a quarter of them in 50 to 70 ms; 20 frames/s, half of them late; 25 failures/s. */
export const EVEN_LOAD: RulesTest = {
  name: 'rates and quantiles of an even load',
  interval: '1m',
  input_series: Object.entries({
    [callsEnded()]: PER_MINUTE,
    [callsWithin('0.05')]: 0.75 * PER_MINUTE,
    [callsWithin('0.07')]: PER_MINUTE,
    [callsWithin('+Inf')]: PER_MINUTE,
    [callsEnded('UNAVAILABLE')]: 15 * 60,
    [callsEnded('RESOURCE_EXHAUSTED')]: 10 * 60,
    [callsEnded('OK', 'claims.v1.ClaimService/WatchEpochs')]: 7 * 60,
    [callsEnded('OK', 'shop.v1.ShopService/Buy')]: 7 * 60,
    [of('claims_frame_duration_seconds_count')]: FRAMES_PER_S * 60,
    [of('claims_frame_duration_seconds_bucket', { le: '0.05' })]: (FRAMES_PER_S * 60) / 2,
    [of('claims_items_total', { operation: 'submit', outcome: 'ACCEPTED' })]: 30 * 60,
    [of('claims_items_total', { operation: 'validate', outcome: 'UNAVAILABLE' })]: 10 * 60,
  }).map(([series, perMinute]) => ({ series, values: counter([EVEN_MINUTES, perMinute]) })),
  promql_expr_test: [
    recorded('claims:slo_events:rate5m', { latency: CALLS_PER_S + FRAMES_PER_S, calls: 125, claims: 40 }),
    recorded('claims:slo_bad_events:rate5m', { latency: 25 + 10, calls: 25, claims: 10 }),
    recorded('claims:slo_bad:ratio_rate5m', { latency: 35 / 120, calls: 0.2, claims: 0.25 }),
    byMethod('claims:ok_calls:rate5m', CALLS_PER_S),
    // 75 of 100 within 50 ms, the rest evenly up to 70: a quantile of 0.95 lies at 20 of these 25.
    byMethod('round(claims:ok_call_duration_seconds:p95_rate5m, 1e-6) * 1e6', 66_000),
    byMethod('round(claims:ok_call_duration_seconds:p99_rate5m, 1e-6) * 1e6', 69_200),
  ],
};

/**
 * Of an even load nothing but what one evaluation saw has failed, the last but one: of so many
 * samples as a window has one is bad. Evaluated every 13 minutes, which is in no window a whole number
 * of times.
 */
const EVALUATED_MINUTES = 13;
const AT_MINUTES = 340 * EVALUATED_MINUTES;

export const WINDOWS: RulesTest = {
  name: 'each window is as long as its name says',
  interval: '1m',
  input_series: [
    {
      series: callsEnded(),
      values: counter(
        [AT_MINUTES - EVALUATED_MINUTES - 5, PER_MINUTE],
        [5, 0],
        [EVALUATED_MINUTES, PER_MINUTE],
      ),
    },
    {
      series: callsEnded('UNAVAILABLE'),
      values: counter([AT_MINUTES - EVALUATED_MINUTES - 5, 0], [5, PER_MINUTE], [EVALUATED_MINUTES, 0]),
    },
  ],
  promql_expr_test: [
    { window: '5m', value: 0 },
    ...[
      { window: '30m', minutes: 30 },
      { window: '1h', minutes: 60 },
      { window: '2h', minutes: 120 },
      { window: '6h', minutes: 360 },
      { window: '1d', minutes: 1_440 },
      { window: '3d', minutes: 4_320 },
    ].map(({ window, minutes }) => ({ window, value: 1 / (Math.floor(minutes / EVALUATED_MINUTES) + 1) })),
  ].map(({ window, value }) => ({
    expr: `claims:slo_bad:ratio_rate${window}{sli="calls"}`,
    eval_time: `${AT_MINUTES}m`,
    exp_samples: [{ labels: `claims:slo_bad:ratio_rate${window}{${LABELS}, sli="calls"}`, value }],
  })),
};

/** @param values by indicator. */
function recorded(
  record: string,
  values: Readonly<Record<string, number>>,
): NonNullable<RulesTest['promql_expr_test']>[number] {
  return {
    expr: record,
    eval_time: `${EVEN_MINUTES}m`,
    exp_samples: Object.entries(values).map(([sli, value]) => ({
      labels: `${record}{${LABELS}, sli="${sli}"}`,
      value,
    })),
  };
}

function byMethod(expr: string, value: number): NonNullable<RulesTest['promql_expr_test']>[number] {
  const name = /^[\w:]+$/.test(expr) ? expr : '';
  const labels = `${name}{${LABELS}, rpc_method="${METHOD}"}`;
  return { expr, eval_time: `${EVEN_MINUTES}m`, exp_samples: [{ labels, value }] };
}
