/** Envoy's rate limit service as it is measured: its binary, and both load generators' calls of it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { workloadData } from '../../loadtest/ghz/call-data.ts';
import { sendByGhz } from '../../loadtest/ghz/ghz.ts';
import { applyLoad, requireOutcomes } from '../../loadtest/measure/measure.ts';
import { makeWorkload } from '../../loadtest/measure/workload.ts';
import {
  RATELIMIT_CALL,
  type RateLimitServer,
  startRateLimit,
} from '../../loadtest/ratelimit/ratelimit-server.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const LOAD = { workload: 'ratelimit', run: 'tools', connections: 2, outstanding: 8, calls: 200 } as const;

let redis: RedisServer;
let servers: RateLimitServer[];
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratelimit-tools-'));
  redis = await startRedis();
  servers = [
    await startRateLimit({ redis, pipelineWindow: '0' }),
    await startRateLimit({ redis, pipelineWindow: '150us' }),
  ];
});
after(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

test('the first call about a claim is OK, the next over the limit, by whichever server', async () => {
  requireOutcomes(await applyLoad(servers[0].address, LOAD), ['ACCEPTED']);
  for (const { address } of servers) requireOutcomes(await applyLoad(address, LOAD), ['TAKEN']);
  assert.equal(await redis.client().dbsize(), LOAD.calls);
});

test('ghz makes the calls of the same workload', async () => {
  const options = {
    workload: 'ratelimit',
    run: 'ghz',
    first: 0,
    items: 1,
    lag: 0,
    scattered: false,
  } as const;
  const dataFile = join(folder, 'calls.bin');
  await writeFile(dataFile, workloadData(makeWorkload(options), 300));
  const load = { ...RATELIMIT_CALL, calls: 300, rps: 1_000, connections: 2, dataFile };
  const { calls, errors } = await sendByGhz(servers[1].address, load);
  assert.deepEqual([calls, errors], [300, {}]);
  requireOutcomes(await applyLoad(servers[0].address, { ...LOAD, run: 'ghz', calls: 300 }), ['TAKEN']);
});

test('it tells of its heap', async () => {
  const { heapBytes, pausesMs } = await servers[0].memory();
  assert.ok(heapBytes > 500_000 && heapBytes < 50_000_000, `${heapBytes} bytes`);
  assert.ok(pausesMs.length >= 1 && pausesMs.every((ms) => ms > 0 && ms < 5_000), `${pausesMs}`);
});
