/**
 * A real Prometheus with our rules reads a claimd over a real Redis under load: every query of the
 * dashboard has data, every rule is evaluated, and no alert fires where nothing is amiss.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Claimd, startClaimd } from '../support/claimd.ts';
import { ClaimClient } from '../support/client.ts';
import { dashboardQueries, readDashboard } from '../support/dashboard.ts';
import { MixedLoad } from '../support/mixed-load.ts';
import { Prometheus, type Rule } from '../support/prometheus.ts';
import { promtool, RULES_FILE } from '../support/promtool.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/waiting.ts';

const JOB = 'any-name';
/** A guard: a rolling P99 takes some hundred calls, a rate two scrapes, a heap's figures a major collection. */
const DATA_GUARD_MS = 60_000;
/**
 * What a busy machine may bring about, calls that are slow, and every start, memory that grows. To
 * fire, either has to go on for longer than this test lasts.
 */
const MAY_BE_PENDING = [
  'ClaimsSlowCallsBurnFast',
  'ClaimsSlowCallsBurnSlow',
  'ClaimsP95AboveServiceLevel',
  'ClaimsHeapGrowing',
  'ClaimsRssGrowing',
];

let redis: RedisServer;
let claimd: Claimd;
let load: MixedLoad;
let prometheus: Prometheus;
/** What ends all that was started, also where something could not be. */
const ends: (() => Promise<void>)[] = [];

before(async () => {
  redis = await startRedis();
  ends.push(() => redis.stop());
  claimd = await startClaimd({ env: { CLAIMS_STORE: redis.url, CLAIMS_EPOCH_LENGTH_MS: '500' } });
  ends.push(() => kill(claimd));
  const client = new ClaimClient(claimd.address);
  ends.push(async () => client.close());
  load = new MixedLoad(client);
  prometheus = await Prometheus.start({ rules: [RULES_FILE], targets: [claimd.adminAddress], job: JOB });
  ends.push(() => prometheus.stop());
});

after(async () => {
  for (const end of ends.reverse()) await end();
});

test('every query of the dashboard has data', async () => {
  const queries = dashboardQueries(readDashboard());
  let without: string[] = [];
  const complete = async (): Promise<boolean> => {
    const found = await Promise.all(queries.map(async ({ expr }) => hasData(asGrafanaAsks(expr))));
    without = queries.filter((_, i) => !found[i]).map(({ panel, expr }) => `${panel}: ${expr}`);
    return without.length === 0;
  };
  await until('data for every panel', complete, DATA_GUARD_MS).catch((error: unknown) => {
    assert.deepEqual(without, [], `${error}`);
  });
});

test('what is chosen at the top of the dashboard is there to be chosen', async () => {
  const [, job, instance] = readDashboard().templating.list;
  assert.deepEqual(await choices(job.definition), [JOB]);
  assert.deepEqual(await choices(instance.definition), [claimd.adminAddress]);
});

test('every recording rule records, every alert is evaluated, and none fires', async () => {
  const evaluated = async (): Promise<readonly Rule[] | false> => {
    const rules = (await prometheus.ruleGroups()).flatMap((group) => group.rules);
    return rules.every(({ health }) => health !== 'unknown') && rules;
  };
  const rules = await until('all rules to be evaluated', evaluated);
  for (const { name, health, lastError } of rules) assert.equal(health, 'ok', `${name}: ${lastError}`);
  for (const { name } of rules.filter(({ type }) => type === 'recording')) {
    assert.ok(await hasData(name), `${name} records nothing`);
  }
  const notInactive = rules
    .filter(({ type, state }) => type === 'alerting' && state !== 'inactive')
    .filter(({ name, state }) => state === 'firing' || !MAY_BE_PENDING.includes(name));
  assert.deepEqual(
    notInactive.map(({ name, state }) => `${name} is ${state}`),
    [],
  );
});

test('promtool finds nothing amiss in what is scraped', async () => {
  const page = await (await fetch(`http://${claimd.adminAddress}/metrics`)).text();
  assert.match(page, /^claims_ready 1$/m);
  const { exitCode, output } = promtool(['check', 'metrics'], page);
  assert.deepEqual({ exitCode, output }, { exitCode: 0, output: '' });
});

test('no call of the load has failed, and the store was no other than Redis', async () => {
  await load.stop();
  assert.ok((await redis.client().keys('*')).some((key) => key.startsWith('claim_registry')));
});

test('a replica that is gone: that is told, and that none is left', async () => {
  await kill(claimd);
  await until('the alerts to be pending', async () => {
    const rules = (await prometheus.ruleGroups()).flatMap((group) => group.rules);
    const pending = rules.filter(({ state }) => state === 'pending').map(({ name }) => name);
    return ['ClaimsReplicaDown', 'ClaimsNoReplicaReady'].every((name) => pending.includes(name));
  });
});

async function kill(program: Claimd): Promise<void> {
  program.kill('SIGKILL');
  await program.wait();
}

/** An expression with what Grafana puts for its variables where all is chosen. */
function asGrafanaAsks(expression: string): string {
  return expression
    .replaceAll('$__rate_interval', '10s')
    .replaceAll('$job', '.+')
    .replaceAll('$instance', '.+');
}

/** Whether there are samples, and of one at least a value: not that of 0 divided by 0. */
async function hasData(expression: string): Promise<boolean> {
  const samples = await prometheus.query(expression);
  return samples.some(({ value }) => !Number.isNaN(value));
}

/** What a variable of the dashboard offers: `label_values(selector, label)`. */
async function choices(definition = ''): Promise<string[]> {
  const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? [];
  return prometheus.labelValues(label, asGrafanaAsks(selector));
}
