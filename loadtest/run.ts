/**
 * `npm run loadtest`: runs ghz scenarios (loadtest/scenarios), each against a claimd started for it,
 * and prints a table. Needs `npm run tools`.
 *
 *   npm run loadtest -- [--scenario submit]… [--rps 1000] [--duration 5] [--json FILE]
 *
 * --rps is of all loads of a scenario together; --duration is in seconds. Ends with code 1 where a
 * call failed, a claim was not as its load should leave it, or the epochs' counts do not add up.
 */
import { writeFile } from 'node:fs/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { systemClock } from '../src/clock/clock.ts';
import { runScenario, type ScenarioOutcome } from './ghz/run-scenario.ts';
import { adjust, readScenario, type Scenario, scenarioNames } from './ghz/scenario.ts';
import { type Column, figure, textTable } from './table.ts';

const COLUMNS: readonly Column[] = [
  { title: 'scenario', align: 'left' },
  { title: 'method', align: 'left' },
  { title: 'calls', align: 'right' },
  { title: 'target rps', align: 'right' },
  { title: 'rps', align: 'right' },
  { title: 'p50 ms', align: 'right' },
  { title: 'p95 ms', align: 'right' },
  { title: 'p99 ms', align: 'right' },
  { title: 'errors', align: 'left' },
  { title: 'claims checked', align: 'right' },
  { title: 'server µs/call', align: 'right' },
  { title: 'RSS MB', align: 'right' },
];

interface Options {
  readonly names: readonly string[];
  readonly rps: number | undefined;
  readonly seconds: number | undefined;
  readonly jsonFile: string | undefined;
}

async function readOptions(): Promise<Options> {
  const { values } = parseArgs({
    options: {
      scenario: { type: 'string', multiple: true },
      rps: { type: 'string' },
      duration: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const known = await scenarioNames();
  const names = values.scenario ?? known;
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`--scenario ${unknown}: there are ${known.join(', ')}`);
  return {
    names,
    rps: wholeNumber('rps', values.rps),
    seconds: wholeNumber('duration', values.duration),
    jsonFile: values.json,
  };
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name} ${text}: a whole number from 1 is allowed`);
  return value;
}

/** One row a load; what is of the scenario as a whole stands in its first row. */
function rowsOf(outcome: ScenarioOutcome): string[][] {
  return outcome.loads.map(({ load, ghz, check }, i) => {
    const whole = i === 0 ? [figure(outcome.serverCpuUsPerCall), figure(outcome.rssMb)] : ['', ''];
    const errors = Object.entries(ghz.errors).map(([name, count]) => `${name} ${count}`);
    return [
      i === 0 ? outcome.scenario.name : '',
      load.items === 1 ? load.method : `${load.method} × ${load.items}`,
      String(ghz.calls),
      String(load.rps),
      figure(ghz.rps),
      figure(ghz.p50Ms),
      figure(ghz.p95Ms),
      figure(ghz.p99Ms),
      errors.join(', ') || 'none',
      `${check.good}/${check.sampled}`,
      ...whole,
    ];
  });
}

/** What went wrong in a scenario, in words; empty where nothing did. */
function faultsOf({ scenario, loads, epochs }: ScenarioOutcome): string[] {
  const ofLoads = loads.flatMap(({ load, ghz, check }) => {
    const where = `${scenario.name}, ${load.method}`;
    const failed = Object.keys(ghz.errors).length > 0 ? [`${where}: calls failed`] : [];
    const astray = check.sampled - check.good;
    return astray === 0 ? failed : [...failed, `${where}: ${astray} claims are not as they should be`];
  });
  if (epochs === undefined || isDeepStrictEqual(epochs.found, epochs.expected)) return ofLoads;
  const { found, expected } = epochs;
  return [
    ...ofLoads,
    `${scenario.name}: epochs count ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`,
  ];
}

function printEpochs({ scenario, epochs }: ScenarioOutcome): void {
  if (epochs === undefined) return;
  const { submitted, validated, expired, pending } = epochs.found;
  console.log(
    `${scenario.name}: epochs count ${submitted} submitted = ${validated} validated + ${expired} expired + ${pending} pending`,
  );
}

async function main(): Promise<void> {
  const options = await readOptions();
  const scenarios: Scenario[] = [];
  for (const name of options.names) {
    scenarios.push(adjust(await readScenario(name), options.rps, options.seconds));
  }
  const outcomes: ScenarioOutcome[] = [];
  for (const scenario of scenarios) {
    console.log(`${scenario.name}: ${scenario.title}, ${scenario.seconds} s`);
    outcomes.push(await runScenario(scenario, systemClock));
  }
  console.log(`\n${textTable(COLUMNS, outcomes.flatMap(rowsOf))}\n`);
  outcomes.forEach(printEpochs);
  if (options.jsonFile !== undefined) {
    await writeFile(options.jsonFile, `${JSON.stringify(outcomes, null, 2)}\n`);
  }
  const faults = outcomes.flatMap(faultsOf);
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}

await main();
