/**
 * Minutes or hours of steady load on Redis: whether claimd's heap keeps its level, and what else
 * changes with time. Writes soak.json and report.html; while it goes on, soak-unfinished.json.
 *
 *   npm run soak -- --minutes 60
 *   npm run soak -- --minutes 10 --unary all --out FOLDER
 *   npm run soak -- --minutes 10 --otlp unreachable --out FOLDER
 *
 * SIGTERM to this process ends it early, with a report of what was seen; Ctrl-C goes to its children
 * as well, who then can't finish. Its exit code:
 *   0  the heap does not grow by more than 1 MB/h, and every other goal is met
 *   1  the heap grows, or another goal is missed
 *   2  every other goal is met, but the run was too short to say whether the heap grows
 *   3  it could not be carried out
 *   4  it was ended early
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/clock/clock.ts';
import { REPOSITORY } from '../test/support/program.ts';
import { goalMet } from './bench/bench-module.ts';
import { type Circumstances, COLUMNS, cells, circumstances, jsonText } from './bench/report.ts';
import { SOAK_JSON, writePage } from './report/write-page.ts';
import { describe, makePlan, OTLP_ENDPOINTS, type SoakPlan } from './soak/plan.ts';
import type { SoakRecord } from './soak/record.ts';
import { runSoak } from './soak/run-soak.ts';
import { type SoakReport, soakReport } from './soak/soak-report.ts';
import { textTable } from './table.ts';

const EXIT_CODES = { passed: 0, missed: 1, undecided: 2, failed: 3, interrupted: 4 } as const;
const UNFINISHED_JSON = 'soak-unfinished.json';

function readOptions(): { plan: SoakPlan; folder: string } {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      claims: { type: 'string', default: '10000' },
      unary: { type: 'string', default: '2000' },
      otlp: { type: 'string', default: 'off' },
      out: { type: 'string', default: join(REPOSITORY, 'docs/reports') },
    },
  });
  const minutes = number('minutes', values.minutes, 0.5, 24 * 60);
  const claimsPerS = number('claims', values.claims, 100, 1_000_000);
  const unaryPerS = values.unary === 'all' ? claimsPerS : number('unary', values.unary, 0, claimsPerS);
  const otlp = OTLP_ENDPOINTS.find((where) => where === values.otlp);
  if (otlp === undefined) throw new Error(`--otlp ${values.otlp}: allowed are ${OTLP_ENDPOINTS.join(', ')}`);
  return { plan: makePlan({ minutes, claimsPerS, unaryPerS, otlp }), folder: values.out };
}

function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text !== '' && value >= least && value <= most) return value;
  throw new Error(`--${name} ${text}: a number from ${least} to ${most} is allowed`);
}

async function main(): Promise<number> {
  const { plan, folder } = readOptions();
  await mkdir(folder, { recursive: true });
  const where = await circumstances(systemClock);
  const unfinished = join(folder, UNFINISHED_JSON);
  const told = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => told.abort());
  console.log(`soak: ${describe(plan)}`);
  const record = await runSoak(plan, {
    checkpoint: (seen) => write(unfinished, where, seen, soakReport(seen)),
    signal: told.signal,
  });
  const report = soakReport(record);
  await write(join(folder, SOAK_JSON), where, record, report);
  await rm(unfinished, { force: true });
  console.log(`\n${textTable(COLUMNS, report.rows.map(cells))}\n`);
  console.log(`written to ${join(folder, SOAK_JSON)} and ${await writePage(folder)}`);
  return exitCode(record, report);
}

async function write(
  path: string,
  where: Circumstances,
  record: SoakRecord,
  report: SoakReport,
): Promise<void> {
  const ended = record.interrupted ? ' Ended early.' : '';
  const title = `${describe(record.plan)}${ended}`;
  await writeFile(path, jsonText({ ...where, title, ...report }));
}

function exitCode(record: SoakRecord, report: SoakReport): number {
  if (record.interrupted) return EXIT_CODES.interrupted;
  if (report.rows.some((row) => goalMet(row) === false)) return EXIT_CODES.missed;
  return report.verdict === 'undecided' ? EXIT_CODES.undecided : EXIT_CODES.passed;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error);
  process.exitCode = EXIT_CODES.failed;
}
