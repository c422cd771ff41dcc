/** The names of metrics that tests read from expressions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { familyOf, matchersOf, metricsOf } from './promql.ts';

const CASES: readonly (readonly [expression: string, metrics: readonly string[]])[] = [
  ['up', ['up']],
  ['up == 0 and on (job, instance) last_over_time(claims_ready[1h])', ['up', 'claims_ready']],
  ['sum by (job) (rate(a_total{b="c} and d",e!~".+/(f|g)"}[5m]))', ['a_total']],
  ['1 - claims:x:rate5m{le="0.05"} / ignoring (sli) group_left (y) z offset 5m', ['claims:x:rate5m', 'z']],
  ['histogram_quantile(0.95, sum without (x) (rate(h_bucket[5m]))) > 50e6', ['h_bucket']],
  ['a or 0 * sum (a) > bool 1 or vector(0) + Inf', ['a']],
];

for (const [expression, metrics] of CASES) {
  test(expression, () => assert.deepEqual(metricsOf(expression), metrics));
}

test('the series of a histogram are of one metric', () => {
  assert.deepEqual(['h_bucket', 'h_count', 'h_sum', 'c_total', 'count'].map(familyOf), [
    'h',
    'h',
    'h',
    'c_total',
    'count',
  ]);
});

test('how series are chosen', () => {
  assert.deepEqual(matchersOf('sum(rate(a_total{b="c} and d",e!~".+/(f|g)"}[5m])) / up{x=~"$y"} > z'), [
    { metric: 'a_total', label: 'b', operator: '=', value: 'c} and d' },
    { metric: 'a_total', label: 'e', operator: '!~', value: '.+/(f|g)' },
    { metric: 'up', label: 'x', operator: '=~', value: '$y' },
  ]);
});
