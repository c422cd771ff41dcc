/**
 * The report of the benchmarks: docs/reports/bench.json, and bench.md made from it. Each benchmark
 * keeps its last run with the machine, commit and time it ran on, so one can be run alone.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../../src/clock/clock.ts';
import { REPOSITORY } from '../../test/support/program.ts';
import { type Column, figure, markdownTable } from '../table.ts';
import { BENCHES } from './all.ts';
import { type BenchModule, type BenchResult, type BenchRow, goalMet, type Table } from './bench-module.ts';

export interface Circumstances {
  readonly cores: number;
  readonly cpuModel: string;
  readonly memoryGb: number;
  readonly nodeVersion: string;
  /** Of the commit that was measured; with " + changes" where files differed from it. */
  readonly commit: string;
  /** ISO 8601, UTC. */
  readonly date: string;
}

export interface BenchReport extends Circumstances, BenchResult {
  readonly title: string;
}

const BENCH_JSON = 'bench.json';

/** The last run of each benchmark, by its name. */
export type Reports = Readonly<Record<string, BenchReport>>;

export const COLUMNS: readonly Column[] = [
  { title: 'measure', align: 'left' },
  { title: 'value', align: 'right' },
  { title: 'unit', align: 'left' },
  { title: 'least – greatest', align: 'right' },
  { title: 'goal', align: 'left' },
  { title: 'note', align: 'left' },
];

export function cells(row: BenchRow): string[] {
  const { min, max } = row;
  const range = min === undefined || max === undefined ? '' : `${figure(min)} – ${figure(max)}`;
  return [row.measure, figure(row.value), row.unit, range, goalText(row), row.note ?? ''];
}

function goalText(row: BenchRow): string {
  if (row.goal === undefined) return '';
  const bound = 'atMost' in row.goal ? `≤ ${figure(row.goal.atMost)}` : `≥ ${figure(row.goal.atLeast)}`;
  return `${bound}: ${goalMet(row) === true ? 'met' : 'missed'}`;
}

export async function circumstances(clock: Clock): Promise<Circumstances> {
  return {
    cores: availableParallelism(),
    cpuModel: cpus()[0]?.model ?? 'unknown',
    memoryGb: Math.round(totalmem() / 2 ** 30),
    nodeVersion: process.version,
    commit: await commit(),
    date: new Date(clock.nowMs()).toISOString(),
  };
}

async function commit(): Promise<string> {
  const head = await git('rev-parse', '--short', 'HEAD');
  const changes = await git('status', '--porcelain', '--', 'src', 'loadtest', 'proto');
  return changes === '' ? head : `${head} + changes`;
}

/** @throws Error where this is no git working tree: a figure without its commit is of no use. */
async function git(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('git', args, { cwd: REPOSITORY });
  return stdout.trim();
}

/**
 * Adds reports to those in the folder and writes both files; those of benchmarks that are no more
 * are dropped. @returns the path of bench.md.
 */
export async function writeReports(folder: string, added: Reports): Promise<string> {
  await mkdir(folder, { recursive: true });
  const reports: Reports = { ...(await readReports(folder)), ...added };
  const known = BENCHES.flatMap(({ name }) => (reports[name] === undefined ? [] : [[name, reports[name]]]));
  await writeFile(join(folder, BENCH_JSON), jsonText(Object.fromEntries(known)));
  const markdownPath = join(folder, 'bench.md');
  await writeFile(markdownPath, renderReports(reports, BENCHES));
  return markdownPath;
}

/** JSON with a line for each value, and for each point of a series. */
export function jsonText(value: object): string {
  return `${JSON.stringify(value, null, 2).replace(/\[\s+([^\s[\]{}"]+),\s+([^\s[\]{}"]+)\s+\]/g, '[$1, $2]')}\n`;
}

/** The reports in the folder's bench.json; none where there is no such file. */
export async function readReports(folder: string): Promise<Reports> {
  return (await readJson<Reports>(join(folder, BENCH_JSON))) ?? {};
}

/** What a JSON file of ours holds; undefined where there is no such file. */
export async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

export function renderReports(reports: Reports, benches: readonly BenchModule[]): string {
  const sections = benches.flatMap(({ name }) => {
    const report = reports[name];
    return report === undefined ? [] : [renderReport(name, report)];
  });
  return `${[INTRODUCTION, ...sections].join('\n\n')}\n`;
}

const INTRODUCTION = `# Benchmarks

Written by \`npm run bench\`. A value is the median of its rounds; floors are measured in the same run, alternately with what is measured against them. CPU is that of the server process, all threads; the load generator shares the cores.`;

/** Where and when it was measured, and of which commit. */
export function machineLine(report: Circumstances): string {
  const machine = `${report.cores} cores (${report.cpuModel}), ${report.memoryGb} GB, Node ${report.nodeVersion}`;
  return `${machine}; commit ${report.commit}; ${report.date}`;
}

function renderReport(name: string, report: BenchReport): string {
  return [
    `## ${name}`,
    report.title,
    machineLine(report),
    markdownTable(COLUMNS, report.rows.map(cells)),
    ...(report.tables ?? []).flatMap(renderTable),
  ].join('\n\n');
}

/** The first column names what the others tell of. */
function renderTable({ title, columns, rows }: Table): string[] {
  const aligned = columns.map((column, i): Column => ({ title: column, align: i === 0 ? 'left' : 'right' }));
  return [`### ${title}`, markdownTable(aligned, rows)];
}
