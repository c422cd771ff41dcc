/**
 * Foreign tools against the started program: `npm run test:tools` installs them first
 * (scripts/install-tools).
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { callData } from '../../loadtest/ghz/call-data.ts';
import { spotCheck } from '../../loadtest/ghz/checks.ts';
import { ClaimsClient } from '../../loadtest/ghz/claims-client.ts';
import { runGhz } from '../../loadtest/ghz/ghz.ts';
import type { Load, Scenario } from '../../loadtest/ghz/scenario.ts';
import { toolPath } from '../../scripts/tools.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { type Claimd, startClaimd } from '../support/claimd.ts';
import { REPOSITORY } from '../support/program.ts';

const METHODS = [
  'BatchSubmitClaims',
  'BatchValidateClaims',
  'ExchangeClaims',
  'GetClaim',
  'GetEpoch',
  'SubmitClaim',
  'ValidateClaim',
  'WatchEpochs',
];

let claimd: Claimd;

before(async () => {
  claimd = await startClaimd({ env: { CLAIMS_VALIDATION_WINDOW_MS: '600000' } });
});
after(async () => {
  assert.equal(await claimd.stop(), 0);
});

async function grpcurl(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(toolPath('grpcurl'), ['-plaintext', ...args], {
    cwd: REPOSITORY,
  });
  return stdout;
}

test('grpcurl lists the service by reflection', async () => {
  const services = (await grpcurl(claimd.address, 'list')).trim().split('\n');
  assert.ok(services.includes('claims.v1.ClaimService'), services.join(' '));
});

test('grpcurl lists every method of the service', async () => {
  const methods = (await grpcurl(claimd.address, 'list', 'claims.v1.ClaimService')).trim().split('\n');
  assert.deepEqual(
    methods.sort(),
    METHODS.map((name) => `claims.v1.ClaimService.${name}`),
  );
});

test('grpcurl describes a message, submits a claim by reflection, and reads it back', async () => {
  const description = await grpcurl(claimd.address, 'describe', 'claims.v1.SubmitClaimRequest');
  assert.match(description, /int64 timestamp_ms = 3/);
  const submit = '{"claim_id": "grpcurl-1", "player_id": "player-1"}';
  const submitted = JSON.parse(
    await grpcurl('-d', submit, claimd.address, 'claims.v1.ClaimService/SubmitClaim'),
  );
  assert.equal(submitted.result.outcome, 'OUTCOME_ACCEPTED');
  const get = '{"claim_id": "grpcurl-1"}';
  const found = JSON.parse(await grpcurl('-d', get, claimd.address, 'claims.v1.ClaimService/GetClaim'));
  assert.equal(found.result.claim.playerId, 'player-1');
});

test('grpcurl sees the service as healthy', async () => {
  const proto = ['-import-path', 'node_modules/grpc-health-check/proto', '-proto', 'health/v1/health.proto'];
  const request = '{"service": "claims.v1.ClaimService"}';
  const reply = await grpcurl(...proto, '-d', request, claimd.address, 'grpc.health.v1.Health/Check');
  assert.equal(JSON.parse(reply).status, 'SERVING');
});

test('ghz submits and validates 1,000 claims without an error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'claimd-tools-'));
  const client = new ClaimsClient(claimd.address, () => systemClock.nowMs());
  try {
    for (const method of ['SubmitClaim', 'ValidateClaim'] as const) {
      const load: Load = { method, rps: 1000, items: 1, stride: 1, connections: 4, delaySeconds: 0 };
      const scenario: Scenario = {
        name: 'tools',
        title: 'a short run',
        seconds: 1,
        env: {},
        submittedBefore: false,
        epochCounts: false,
        loads: [load],
      };
      const file = join(folder, method);
      await writeFile(file, callData('ghz-tools', scenario, load));
      const { calls, errors } = await runGhz(claimd.address, load, 1000, file);
      assert.equal(calls, 1000);
      assert.deepEqual(errors, {});
      assert.deepEqual(await spotCheck(client, 'ghz-tools', scenario, load), { sampled: 100, good: 100 });
    }
  } finally {
    client.close();
    await rm(folder, { recursive: true, force: true });
  }
});
