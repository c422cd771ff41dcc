/** Rules and dashboard go by metrics, labels, values and bounds that docs/metrics.md and the program know. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LATENCY_BOUNDS_S } from '../../src/telemetry/histogram.ts';
import { PAUSE_BOUNDS_S } from '../../src/telemetry/runtime/runtime-stats.ts';
import { dashboardQueries, readDashboard } from '../support/dashboard.ts';
import { metricsPage } from '../support/metrics-page.ts';
import { Prometheus } from '../support/prometheus.ts';
import { familyOf, matchersOf, metricsOf } from '../support/promql.ts';
import { RULES_FILE } from '../support/promtool.ts';

/** Told by Prometheus itself. */
const PROMETHEUS_OWN = ['up', 'ALERTS', 'scrape_duration_seconds', 'scrape_samples_scraped'];
/** Given by Prometheus or by the recording rules. */
const OTHER_LABELS = ['job', 'instance', 'namespace', 'sli', 'le'];
const PAUSES = ['claims_gc_duration_seconds', 'claims_event_loop_delay_seconds'];
/** Alternatives, without any other sign of a regular expression. */
const ALTERNATIVES = /^\w+(?:\|\w+)*$/;

const page = metricsPage();
const metrics = new Map(page.map((metric) => [metric.name, metric]));
const histograms = page.filter(({ what }) => what.includes(', histogram')).map(({ name }) => name);

interface Expression {
  readonly where: string;
  readonly expr: string;
}

let prometheus: Prometheus;
let expressions: readonly Expression[] = [];
let recorded: readonly string[] = [];

before(async () => {
  prometheus = await Prometheus.start({ rules: [RULES_FILE] });
  const rules = (await prometheus.ruleGroups()).flatMap((group) => group.rules);
  recorded = rules.filter(({ type }) => type === 'recording').map(({ name }) => name);
  expressions = [
    ...rules.map(({ name, query }) => ({ where: `rule ${name}`, expr: query })),
    ...dashboardQueries(readDashboard()).map(({ panel, expr }) => ({ where: `panel "${panel}"`, expr })),
  ];
});

after(() => prometheus.stop());

/** The name on the page of what a series is of; undefined where it has none. */
function onPage(series: string): string | undefined {
  if (metrics.has(series)) return histograms.includes(series) ? undefined : series;
  const family = familyOf(series);
  return histograms.includes(family) ? family : undefined;
}

test('every metric is on the page, recorded by a rule, or Prometheus’s own', () => {
  const known = [...recorded, ...PROMETHEUS_OWN];
  const unknown = expressions.flatMap(({ where, expr }) =>
    metricsOf(expr)
      .filter((name) => !known.includes(name) && onPage(name) === undefined)
      .map((name) => `${where}: ${name}`),
  );
  assert.deepEqual(unknown, []);
});

test('every recorded metric of the dashboard and of alerts is recorded under that name', () => {
  const asked = expressions.flatMap(({ expr }) => metricsOf(expr)).filter((name) => name.includes(':'));
  assert.deepEqual(
    asked.filter((name) => !recorded.includes(name)),
    [],
  );
});

test('series are chosen by labels and values that they have', () => {
  const wrong = expressions.flatMap(({ where, expr }) =>
    matchersOf(expr)
      .filter(({ metric, label }) => onPage(metric) !== undefined && !OTHER_LABELS.includes(label))
      .filter(({ metric, label, operator, value }) => {
        const values = metrics.get(onPage(metric) ?? '')?.labels[label];
        if (values === undefined) return true;
        const isPattern = operator.endsWith('~') && !ALTERNATIVES.test(value);
        if (isPattern) return !values.some((known) => new RegExp(`^(?:${value})$`).test(known));
        return value.split('|').some((one) => !values.includes(one));
      })
      .map(({ metric, label, value }) => `${where}: ${metric}{${label}="${value}"}`),
  );
  assert.deepEqual(wrong, []);
});

test('bounds of buckets are those of the histograms', () => {
  const wrong = expressions.flatMap(({ where, expr }) =>
    matchersOf(expr)
      .filter(({ label }) => label === 'le')
      .filter(({ metric, value }) => {
        const bounds = PAUSES.includes(familyOf(metric)) ? PAUSE_BOUNDS_S : LATENCY_BOUNDS_S;
        return !bounds.map(String).includes(value);
      })
      .map(({ metric, value }) => `${where}: ${metric}{le="${value}"}`),
  );
  assert.deepEqual(wrong, []);
});
