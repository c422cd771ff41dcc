/** docs/metrics.md and the tables of the program tell the same metrics, in both directions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prometheusLabel, prometheusName } from '../../src/telemetry/prometheus-names.ts';
import { metricsPage } from '../support/metrics-page.ts';
import { MetricsUnderTest } from './metrics-under-test.ts';

const { metrics } = new MetricsUnderTest();
const page = metricsPage();

test('every metric of the program is on the page, and the page has no other', () => {
  assert.deepEqual(page.map(({ name }) => name).sort(), metrics.map(prometheusName).sort());
});

test('the page says what the program says: name, kind, unit, description, labels and their values', () => {
  const byName = new Map(page.map((metric) => [metric.name, metric]));
  for (const metric of metrics) {
    const onPage = byName.get(prometheusName(metric));
    const unit = metric.unit === '' ? '' : ` in \`${metric.unit}\``;
    assert.equal(onPage?.what, `\`${metric.name}\`, ${metric.kind}${unit}: ${metric.description}.`);
    const labels = Object.entries(metric.labels).map(([label, values]) => [
      prometheusLabel(label),
      [...values],
    ]);
    assert.deepEqual(onPage.labels, Object.fromEntries(labels), metric.name);
  }
});

test('the page says of each what to do', () => {
  for (const { name, advice } of page) assert.match(advice, /^[A-Z].{20,}\.$/s, name);
});

test('names are in the form of OpenTelemetry, each once, ours below one prefix', () => {
  const names = metrics.map(({ name }) => name);
  assert.deepEqual(names, [...new Set(names)]);
  for (const name of names) assert.match(name, /^(?:claims|rpc\.server)(?:\.[a-z][a-z0-9_]*)+$/);
});
