/** Two servers over one Redis, under ghz: one registry. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { callData } from '../../loadtest/ghz/call-data.ts';
import { spotCheck, sumEpochs } from '../../loadtest/ghz/checks.ts';
import { ClaimsClient } from '../../loadtest/ghz/claims-client.ts';
import { runGhz } from '../../loadtest/ghz/ghz.ts';
import type { Load, Scenario } from '../../loadtest/ghz/scenario.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { type Claimd, startClaimd } from '../support/claimd.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const CLAIMS = 2_000;
const EPOCH_LENGTH_MS = 1_000;
const WINDOW_MS = 6_000;
const RUN = 'ghz-replicas';

const SUBMITS: Load = {
  method: 'SubmitClaim',
  rps: CLAIMS,
  items: 1,
  stride: 1,
  connections: 4,
  delaySeconds: 0,
};
/** Every second claim. */
const VALIDATIONS: Load = { ...SUBMITS, method: 'ValidateClaim', rps: CLAIMS / 2, stride: 2 };
const SCENARIO: Scenario = {
  name: 'replicas',
  title: 'the same claims through two servers',
  seconds: 1,
  env: {},
  submittedBefore: false,
  epochCounts: true,
  loads: [SUBMITS, VALIDATIONS],
};

let redis: RedisServer;
let env: Record<string, string>;
let servers: Claimd[];
let clients: ClaimsClient[];
let folder: string;

before(async () => {
  redis = await startRedis();
  env = {
    CLAIMS_STORE: redis.url,
    CLAIMS_EPOCH_LENGTH_MS: String(EPOCH_LENGTH_MS),
    CLAIMS_VALIDATION_WINDOW_MS: String(WINDOW_MS),
  };
  servers = [await startClaimd({ env }), await startClaimd({ env })];
  clients = servers.map(({ address }) => new ClaimsClient(address, () => systemClock.nowMs()));
  folder = await mkdtemp(join(tmpdir(), 'claimd-tools-'));
});
after(async () => {
  for (const client of clients) client.close();
  await Promise.all(servers.map((server) => server.stop()));
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

async function load(server: Claimd, what: Load): Promise<void> {
  const file = join(folder, `${server.pid}-${what.method}`);
  await writeFile(file, callData(RUN, SCENARIO, what));
  const { calls, errors } = await runGhz(server.address, what, what.rps, file);
  assert.equal(calls, what.rps);
  assert.deepEqual(errors, {});
}

test('ghz submits the same claims through both; each counts once, whoever is asked; one killed loses nothing', async () => {
  const first = Math.floor(systemClock.nowMs() / EPOCH_LENGTH_MS);
  await Promise.all(servers.map((server) => load(server, SUBMITS)));
  servers[0].kill('SIGKILL');
  await load(servers[1], VALIDATIONS);
  for (const what of SCENARIO.loads) {
    assert.deepEqual(await spotCheck(clients[1], RUN, SCENARIO, what), { sampled: 100, good: 100 });
  }
  const back = await startClaimd({ env });
  servers[0] = back;
  clients[0].close();
  clients[0] = new ClaimsClient(back.address, () => systemClock.nowMs());
  const expected = { submitted: CLAIMS, validated: CLAIMS / 2, expired: CLAIMS / 2, pending: 0 };
  for (const client of clients) {
    assert.deepEqual(await sumEpochs(client, first, WINDOW_MS + 10 * EPOCH_LENGTH_MS), expected);
  }
});
