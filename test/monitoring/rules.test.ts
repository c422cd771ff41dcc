/**
 * The rules of monitoring/rules.yaml: read by Prometheus itself, each alert firing and not firing,
 * each recording rule recording what it should, and each alert with its section in docs/operations.md.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { REPOSITORY } from '../support/program.ts';
import { Prometheus, type Rule } from '../support/prometheus.ts';
import { metricsOf } from '../support/promql.ts';
import { promtool, RULES_FILE, type RulesTest, testRules } from '../support/promtool.ts';
import { type AlertCase, asTest } from './alert-case.ts';
import {
  FAST_BURN_CASES,
  FAST_EVALUATION,
  QUANTILE_CASES,
  SLOW_BURN_CASES,
  SLOW_EVALUATION,
} from './budget-cases.ts';
import { EVEN_LOAD, WINDOWS } from './record-cases.ts';
import { REPLICA_CASES } from './replica-cases.ts';

const CASES: readonly AlertCase[] = [
  ...FAST_BURN_CASES,
  ...SLOW_BURN_CASES,
  ...QUANTILE_CASES,
  ...REPLICA_CASES,
];
const RUNS: readonly { readonly interval: string; readonly tests: readonly RulesTest[] }[] = [
  { interval: '1m', tests: [...[...QUANTILE_CASES, ...REPLICA_CASES].map(asTest), EVEN_LOAD] },
  { interval: FAST_EVALUATION, tests: FAST_BURN_CASES.map(asTest) },
  { interval: SLOW_EVALUATION, tests: [...SLOW_BURN_CASES.map(asTest), WINDOWS] },
];
const SEVERITIES = ['critical', 'warning'];
/** Who reads what another group records comes after it. */
const GROUPS = ['claims-service-level', 'claims-error-budget'];
/** Under which heading docs/operations.md says what each alert means. */
const RUNBOOK = /^## Alerts and dashboard$([\s\S]*?)(?=^## |$(?![\s\S]))/m;

let prometheus: Prometheus;
let alerts: readonly Rule[] = [];
let records: readonly Rule[] = [];
let groups: readonly string[] = [];

before(async () => {
  prometheus = await Prometheus.start({ rules: [RULES_FILE] });
  const read = await prometheus.ruleGroups();
  groups = read.map(({ name }) => name);
  const rules = read.flatMap((group) => group.rules);
  alerts = rules.filter(({ type }) => type === 'alerting');
  records = rules.filter(({ type }) => type === 'recording');
});

after(() => prometheus.stop());

test('promtool finds nothing amiss', () => {
  const { exitCode, output } = promtool(['check', 'rules', '--lint-fatal', RULES_FILE]);
  assert.equal(exitCode, 0, output);
});

for (const { interval, tests } of RUNS) {
  test(`the cases that are evaluated every ${interval}`, () => {
    const order = [...GROUPS, ...groups.filter((name) => !GROUPS.includes(name))];
    const { exitCode, output } = testRules(RULES_FILE, order, interval, tests);
    assert.equal(exitCode, 0, output);
  });
}

test('every alert has a case in which it fires and one in which it does not', () => {
  for (const { name } of alerts) {
    const own = CASES.filter(({ alert }) => alert === name);
    assert.ok(
      own.some(({ fires }) => fires !== undefined),
      `${name} fires in no case`,
    );
    assert.ok(
      own.some(({ fires }) => fires === undefined),
      `${name} fires in every case`,
    );
  }
  const names = alerts.map(({ name }) => name);
  for (const { alert } of CASES) assert.ok(names.includes(alert), `${alert} is no alert`);
});

test('every recording rule has a case', () => {
  const asked = [EVEN_LOAD, WINDOWS]
    .flatMap(({ promql_expr_test = [] }) => promql_expr_test)
    .flatMap(({ expr }) => metricsOf(expr));
  assert.deepEqual(
    records.map(({ name }) => name).filter((name) => !asked.includes(name)),
    [],
  );
});

test('names, labels and annotations are all there', () => {
  assert.equal(new Set(alerts.map(({ name }) => name)).size, alerts.length, 'a name is of one alert');
  for (const { name, labels, annotations } of alerts) {
    assert.match(name, /^Claims[A-Z]\w+$/);
    assert.ok(SEVERITIES.includes(labels['severity']), name);
    assert.deepEqual(Object.keys(annotations).sort(), ['description', 'runbook', 'summary'], name);
    assert.match(annotations['description'], /\{\{ ?\$(?:value|labels)/, `${name} tells figures`);
  }
  for (const { name } of records) assert.match(name, /^claims:\w+:\w+$/);
});

test('no rule presupposes the name of a job', () => {
  for (const { name, query } of [...alerts, ...records]) {
    assert.doesNotMatch(query, /\{[^}]*\b(?:job|instance|namespace)[=!]/, name);
  }
});

test('every alert has its section of docs/operations.md, and no section is of another', () => {
  const page = readFileSync(join(REPOSITORY, 'docs', 'operations.md'), 'utf8');
  const section = RUNBOOK.exec(page)?.[1] ?? '';
  const headings = [...section.matchAll(/^#{3,4} (Claims\w+)$/gm)].map(([, name]) => name);
  assert.deepEqual(headings.sort(), alerts.map(({ name }) => name).sort());
  for (const { name, annotations } of alerts) {
    assert.equal(annotations['runbook'], `docs/operations.md#${name.toLowerCase()}`);
  }
});
