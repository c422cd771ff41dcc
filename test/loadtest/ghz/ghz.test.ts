import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callData } from '../../../loadtest/ghz/call-data.ts';
import { expectedCounts } from '../../../loadtest/ghz/checks.ts';
import { readReport } from '../../../loadtest/ghz/ghz.ts';
import {
  adjust,
  callsOf,
  claimsOf,
  readScenario,
  type Scenario,
  scenarioNames,
} from '../../../loadtest/ghz/scenario.ts';
import { bytesField, claimId, playerId, varint } from '../../../loadtest/measure/messages.ts';

const SCENARIO: Scenario = {
  name: 'test',
  title: 'a test',
  seconds: 2,
  env: {},
  submittedBefore: false,
  epochCounts: true,
  loads: [
    { method: 'SubmitClaim', rps: 6, items: 1, stride: 1, connections: 1, delaySeconds: 0 },
    { method: 'ValidateClaim', rps: 3, items: 1, stride: 2, connections: 1, delaySeconds: 1 },
  ],
};

test('every scenario in the folder can be read, and validates only claims that are submitted', async () => {
  const names = await scenarioNames();
  assert.ok(names.length >= 4);
  for (const name of names) {
    const scenario = await readScenario(name);
    const submits = scenario.loads.filter((load) => load.method.includes('Submit'));
    const submitted = submits.reduce((sum, load) => sum + callsOf(scenario, load) * load.items, 0);
    assert.ok(scenario.submittedBefore || submitted >= claimsOf(scenario), name);
  }
});

test('a scenario is adjusted to a rate over all its loads, and to a length', () => {
  const { loads, seconds } = adjust(SCENARIO, 18, 5);
  assert.deepEqual(
    loads.map((load) => load.rps),
    [12, 6],
  );
  assert.equal(seconds, 5);
  assert.deepEqual(adjust(SCENARIO, undefined, undefined), SCENARIO);
});

test('call data are as many messages as calls, each after its length, of different claims', () => {
  const request = (number: number): Buffer =>
    Buffer.concat([bytesField(1, claimId('run', number)), bytesField(2, playerId('run'))]);
  const expected = [0, 2, 4, 6, 8, 10].flatMap((number) => [varint(request(number).length), request(number)]);
  assert.deepEqual(callData('run', SCENARIO, SCENARIO.loads[1]), Buffer.concat(expected));
});

test('batches go on where the last one ended', () => {
  const load = { ...SCENARIO.loads[0], method: 'BatchSubmitClaims', rps: 1, items: 2 } as const;
  const text = callData('run', SCENARIO, load).toString('latin1');
  const ids = [0, 1, 2, 3].map((number) => text.indexOf(claimId('run', number)));
  assert.ok(
    ids.every((at, i) => at > (ids[i - 1] ?? 0)),
    `claims stand at ${ids}`,
  );
  assert.equal(text.indexOf(claimId('run', 4)), -1);
});

test('what the epochs must count follows from the loads', () => {
  assert.deepEqual(expectedCounts(SCENARIO), { submitted: 12, validated: 6, expired: 6, pending: 0 });
});

test("ghz's report is read: latencies in ms, errors by code without the calls that were OK", () => {
  const result = readReport({
    count: 10,
    rps: 99.5,
    statusCodeDistribution: { OK: 7, Unavailable: 2, ResourceExhausted: 1 },
    latencyDistribution: [
      { percentage: 50, latency: 1_500_000 },
      { percentage: 95, latency: 3_000_000 },
      { percentage: 99, latency: 4_250_000 },
    ],
  });
  const errors = { Unavailable: 2, ResourceExhausted: 1 };
  assert.deepEqual(result, { calls: 10, rps: 99.5, p50Ms: 1.5, p95Ms: 3, p99Ms: 4.25, errors });
});
