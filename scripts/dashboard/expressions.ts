/** Expressions that many panels are made of. `$job` and `$instance` are what is chosen at the top. */

/** A window that suits the scrapes and the zoom. */
const WINDOW = '[$__rate_interval]';

/** The series of a metric, of what is chosen. @param matchers further ones, such as `le="0.1"`. */
export function of(metric: string, matchers = ''): string {
  return `${metric}{job=~"$job",instance=~"$instance"${matchers === '' ? '' : `,${matchers}`}}`;
}

/** A counter's growth per second, summed over all labels but these. */
export function rate(counter: string, by: string, matchers = ''): string {
  return `sum by (${by}) (rate(${of(counter, matchers)}${WINDOW}))`;
}

/** What a histogram's values are on average. */
export function mean(histogram: string, by: string, matchers = ''): string {
  return `${rate(`${histogram}_sum`, by, matchers)} / ${rate(`${histogram}_count`, by, matchers)}`;
}

/** A quantile of a histogram, of all replicas together unless `by` says instance. */
export function quantile(part: number, histogram: string, by: string, matchers = ''): string {
  const labels = by === '' ? 'le' : `${by}, le`;
  return `histogram_quantile(${part}, ${rate(`${histogram}_bucket`, labels, matchers)})`;
}

/** How many values were above a bound of the histogram within ten minutes. */
export function countAbove(bound: string, histogram: string, by: string): string {
  const grown = (series: string): string => `sum by (${by}) (increase(${series}[10m]))`;
  const within = grown(of(`${histogram}_bucket`, `le="${bound}"`));
  return `round(${grown(of(`${histogram}_count`))} - ${within})`;
}

/** 0 where nothing of the kind has happened yet: such series appear with the first of it. */
export function orZero(expression: string): string {
  return `${expression} or vector(0)`;
}

/** Calls whose length is the server's affair: streams last as long as their clients like. */
export const CALLS = 'rpc_method=~"claims[.]v1[.]ClaimService/.+"';
export const NO_STREAMS = `${CALLS},rpc_method!~".+/(ExchangeClaims|WatchEpochs)"`;
export const CALL_DURATION = 'rpc_server_call_duration_seconds';
