/**
 * Runs benchmarks, prints their tables and writes docs/reports/bench.json, bench.md and report.html.
 *
 *   npm run bench                     those that run by default
 *   npm run bench -- batch            one by name
 *   npm run bench -- --rounds 3 --seconds 2
 *
 * Ends with code 1 where a goal is missed.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/clock/clock.ts';
import { REPOSITORY } from '../test/support/program.ts';
import { BENCHES } from './bench/all.ts';
import { type BenchContext, type BenchModule, goalMet, runBench } from './bench/bench-module.ts';
import { type BenchReport, COLUMNS, cells, circumstances, writeReports } from './bench/report.ts';
import { writePage } from './report/write-page.ts';
import { textTable } from './table.ts';

function readOptions(): { benches: BenchModule[]; context: BenchContext; folder: string } {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      out: { type: 'string', default: join(REPOSITORY, 'docs/reports') },
    },
  });
  const context = {
    rounds: positive('rounds', values.rounds),
    seconds: positive('seconds', values.seconds),
    say: (line: string) => console.log(`  ${line}`),
  };
  return { benches: chosen(positionals), context, folder: values.out };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} ${text}: a number above 0 is allowed`);
  return value;
}

function chosen(names: readonly string[]): BenchModule[] {
  if (names.length === 0) return BENCHES.filter((bench) => bench.byDefault);
  return names.map((name) => {
    const bench = BENCHES.find((known) => known.name === name);
    const known = BENCHES.map((other) => other.name).join(', ');
    if (bench === undefined) throw new Error(`no benchmark ${name}; there are: ${known}`);
    return bench;
  });
}

async function main(): Promise<void> {
  const { benches, context, folder } = readOptions();
  const where = await circumstances(systemClock);
  for (const bench of benches) {
    console.log(`${bench.name}: ${bench.title}`);
    const result = await runBench(bench, context);
    console.log(`\n${textTable(COLUMNS, result.rows.map(cells))}\n`);
    const report: BenchReport = { ...where, title: bench.title, ...result };
    // After each, so that one that fails does not lose those before it.
    console.log(`written to ${await writeReports(folder, { [bench.name]: report })}\n`);
    await writePage(folder);
    if (result.rows.some((row) => goalMet(row) === false)) process.exitCode = 1;
  }
}

await main();
