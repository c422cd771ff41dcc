/**
 * Scenarios: what ghz is to send, as read from loadtest/scenarios/<name>.json. Every load is an
 * open loop, bounded in calls (rps × seconds) and in time.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { REPOSITORY } from '../../test/support/program.ts';

const FOLDER = join(REPOSITORY, 'loadtest/scenarios');

export const METHODS = ['SubmitClaim', 'ValidateClaim', 'GetClaim', 'BatchSubmitClaims'] as const;
export type Method = (typeof METHODS)[number];

/** What one ghz process sends. */
export interface Load {
  readonly method: Method;
  /** Calls per second. */
  readonly rps: number;
  readonly connections: number;
  /** Claims of one call; 1 unless the method takes batches. */
  readonly items: number;
  /** Its n-th claim is the scenario's claim number n × stride. */
  readonly stride: number;
  /** Begins so much later than the first load of its scenario. */
  readonly delaySeconds: number;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** How long each load lasts. */
  readonly seconds: number;
  /** Settings of claimd's for this scenario. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether the claims are submitted, in batches, before the loads begin. */
  readonly submittedBefore: boolean;
  /** Whether the epochs' counts are held against what was sent, once all claims have ended. */
  readonly epochCounts: boolean;
  readonly loads: readonly Load[];
}

/** What a scenario's file may leave out. */
const SCENARIO_DEFAULTS = { env: {}, submittedBefore: false, epochCounts: false };
const LOAD_DEFAULTS = { items: 1, stride: 1, delaySeconds: 0, connections: 4 };

export async function scenarioNames(): Promise<string[]> {
  const files = await readdir(FOLDER);
  return files.map((file) => basename(file, '.json')).sort();
}

/** @throws Error that names the file and what is wrong in it. */
export async function readScenario(name: string): Promise<Scenario> {
  const text = await readFile(join(FOLDER, `${name}.json`), 'utf8');
  const parsed: Omit<Scenario, 'name'> = { ...SCENARIO_DEFAULTS, ...JSON.parse(text) };
  const loads = parsed.loads.map((load) => ({ ...LOAD_DEFAULTS, ...load }));
  for (const load of loads) checkLoad(name, load);
  return { ...parsed, name, loads };
}

function checkLoad(name: string, load: Load): void {
  const where = `loadtest/scenarios/${name}.json`;
  if (!METHODS.includes(load.method)) {
    throw new Error(`${where}: method ${load.method}: ${METHODS.join(', ')} are allowed`);
  }
  const numbers = [load.rps, load.connections, load.items, load.stride];
  if (numbers.some((number) => !(number >= 1))) {
    throw new Error(`${where}: rps, connections, items and stride are numbers from 1`);
  }
}

/** The scenario at another rate (of all its loads together, calls per second) or length. */
export function adjust(scenario: Scenario, rps: number | undefined, seconds: number | undefined): Scenario {
  const total = scenario.loads.reduce((sum, load) => sum + load.rps, 0);
  const factor = rps === undefined ? 1 : rps / total;
  const loads = scenario.loads.map((load) => ({ ...load, rps: Math.max(1, Math.round(load.rps * factor)) }));
  return { ...scenario, loads, seconds: seconds ?? scenario.seconds };
}

/** How many calls a load makes. */
export function callsOf(scenario: Scenario, load: Load): number {
  return load.rps * scenario.seconds;
}

/** Numbers of the claims a load is about, in the order of its calls. */
export function claimNumber(load: Load, index: number): number {
  return index * load.stride;
}

/** How many claims the loads are about: one more than the greatest claim number. */
export function claimsOf(scenario: Scenario): number {
  const last = scenario.loads.map((load) => claimNumber(load, callsOf(scenario, load) * load.items - 1));
  return Math.max(...last) + 1;
}
