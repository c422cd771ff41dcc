/** Runs one scenario against a claimd started for it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../src/clock/clock.ts';
import { type Claimd, startClaimd } from '../../test/support/claimd.ts';
import { applyLoad, requireOutcomes } from '../measure/measure.ts';
import { readProcessUsage } from '../measure/process-usage.ts';
import { stopCleanly } from '../measure/servers.ts';
import { callData } from './call-data.ts';
import { type EpochCounts, expectedCounts, type SpotCheck, spotCheck, sumEpochs } from './checks.ts';
import { ClaimsClient } from './claims-client.ts';
import { type GhzResult, runGhz } from './ghz.ts';
import { callsOf, claimsOf, type Load, type Scenario } from './scenario.ts';

const EPOCH_LENGTH_MS = 10_000;
/** Long enough for claims to be validated whenever a scenario comes to it. */
const VALIDATION_WINDOW_MS = 600_000;
const TABLE_CAPACITY_LEAST = 2 ** 18;
const READY_WITHIN_MS = 10_000;
const READY_POLL_MS = 50;
const PREPARED_PER_CALL = 1_000;

export interface LoadOutcome {
  readonly load: Load;
  readonly ghz: GhzResult;
  readonly check: SpotCheck;
}

export interface ScenarioOutcome {
  readonly scenario: Scenario;
  readonly loads: readonly LoadOutcome[];
  /** CPU of the server from the first call to the last, of all loads together. */
  readonly serverCpuUsPerCall: number;
  readonly rssMb: number;
  /** Where the scenario asks for it: the epochs' sums, and what they must be. */
  readonly epochs?: { readonly found: EpochCounts; readonly expected: EpochCounts };
}

/** @throws Error where the server does not start, or does not end with code 0. */
export async function runScenario(scenario: Scenario, clock: Clock): Promise<ScenarioOutcome> {
  const claimd = await startClaimd({ env: settings(scenario) });
  const folder = await mkdtemp(join(tmpdir(), 'claimd-load-'));
  const client = new ClaimsClient(claimd.address, () => clock.nowMs());
  try {
    await ready(claimd);
    return await underLoad(scenario, claimd, client, folder, clock);
  } finally {
    client.close();
    await stopCleanly('claimd', claimd);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Long epochs' worth of room for the claims, with twice the table so that no segment is full. */
function settings(scenario: Scenario): Record<string, string> {
  const capacity = Math.max(TABLE_CAPACITY_LEAST, 2 ** Math.ceil(Math.log2(2 * claimsOf(scenario))));
  return {
    CLAIMS_EPOCH_LENGTH_MS: String(EPOCH_LENGTH_MS),
    CLAIMS_VALIDATION_WINDOW_MS: String(VALIDATION_WINDOW_MS),
    CLAIMS_TABLE_CAPACITY: String(capacity),
    ...scenario.env,
  };
}

async function ready(claimd: Claimd): Promise<void> {
  for (let waitedMs = 0; waitedMs < READY_WITHIN_MS; waitedMs += READY_POLL_MS) {
    const { ok } = await fetch(`http://${claimd.adminAddress}/readyz`);
    if (ok) return;
    await sleep(READY_POLL_MS);
  }
  throw new Error(`claimd is not ready after ${READY_WITHIN_MS} ms:\n${claimd.log()}`);
}

async function underLoad(
  scenario: Scenario,
  claimd: Claimd,
  client: ClaimsClient,
  folder: string,
  clock: Clock,
): Promise<ScenarioOutcome> {
  const startMs = clock.nowMs();
  const run = `ghz-${startMs.toString(36)}-${scenario.name}`;
  const files = await writeCallData(run, scenario, folder);
  if (scenario.submittedBefore) await submitBefore(claimd.address, run, scenario);
  const before = await readProcessUsage(claimd.pid);
  const results = await Promise.all(
    scenario.loads.map(async (load, i) => {
      await sleep(load.delaySeconds * 1000);
      return runGhz(claimd.address, load, callsOf(scenario, load), files[i]);
    }),
  );
  const after = await readProcessUsage(claimd.pid);
  const calls = results.reduce((sum, result) => sum + result.calls, 0);
  const loads: LoadOutcome[] = [];
  for (const [i, load] of scenario.loads.entries()) {
    loads.push({ load, ghz: results[i], check: await spotCheck(client, run, scenario, load) });
  }
  return {
    scenario,
    loads,
    serverCpuUsPerCall: (after.cpuUs - before.cpuUs) / calls,
    rssMb: after.rssBytes / 1e6,
    ...(scenario.epochCounts ? { epochs: await countedEpochs(scenario, client, startMs) } : {}),
  };
}

/** One file of requests for each load. */
async function writeCallData(run: string, scenario: Scenario, folder: string): Promise<string[]> {
  const files = scenario.loads.map((_, i) => join(folder, `load-${i}.bin`));
  await Promise.all(files.map((file, i) => writeFile(file, callData(run, scenario, scenario.loads[i]))));
  return files;
}

async function submitBefore(address: string, run: string, scenario: Scenario): Promise<void> {
  const result = await applyLoad(address, {
    workload: 'batch-submit',
    run,
    items: PREPARED_PER_CALL,
    calls: Math.ceil(claimsOf(scenario) / PREPARED_PER_CALL),
    outstanding: 4,
    seconds: 60,
  });
  requireOutcomes(result, ['ACCEPTED']);
}

/** Waits for every claim's end: its window, the rest of that epoch, and one more for the summary. */
async function countedEpochs(scenario: Scenario, client: ClaimsClient, startMs: number) {
  const firstEpoch = Math.floor(startMs / EPOCH_LENGTH_MS);
  const { CLAIMS_VALIDATION_WINDOW_MS = String(VALIDATION_WINDOW_MS) } = scenario.env;
  const waitMs = Number(CLAIMS_VALIDATION_WINDOW_MS) + 3 * EPOCH_LENGTH_MS;
  const found = await sumEpochs(client, firstEpoch, waitMs);
  return { found, expected: expectedCounts(scenario) };
}
