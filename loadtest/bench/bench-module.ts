/**
 * What a benchmark is: a name, a title, and a run that gives rows, and charts and tables where they
 * tell more. To add one, write a module that exports a BenchModule and list it in bench/all.ts.
 */

/** Points of a series at most: an hour in steps of five seconds; more can't be told apart on a page. */
export const CHART_POINTS_MAX = 720;
export const CHART_SERIES_MAX = 12;
/** Vertical lines at most: an hour of boundaries, ten seconds apart. */
export const CHART_MARKS_MAX = 360;

export interface BenchContext {
  /** Rounds of a paired measurement; a figure is the median of its rounds. */
  readonly rounds: number;
  /** Measured seconds of one round under load. */
  readonly seconds: number;
  /** Tells whoever waits what is being done. */
  say(line: string): void;
}

/** What a figure has to be. */
export type Goal = { readonly atMost: number } | { readonly atLeast: number };

export interface BenchRow {
  /** What was measured, such as "claimd, CPU per call". */
  readonly measure: string;
  readonly value: number;
  /** Such as "µs"; empty for a ratio or count. */
  readonly unit: string;
  /** Least and greatest of the rounds, where there were several. */
  readonly min?: number;
  readonly max?: number;
  readonly goal?: Goal;
  readonly note?: string;
}

export interface Series {
  readonly name: string;
  /** [x, y], in ascending order of x; at most CHART_POINTS_MAX (report/thinning.ts makes fewer of many). */
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A vertical line, such as an epoch boundary. */
export interface Mark {
  readonly x: number;
  readonly label?: string;
}

/** A line chart; docs/reports/report.html draws it. */
export interface Chart {
  readonly title: string;
  /** With their units. */
  readonly xLabel: string;
  readonly yLabel: string;
  /** Logarithmic axes show values above 0 only. */
  readonly logX?: boolean;
  readonly logY?: boolean;
  readonly series: readonly Series[];
  readonly marks?: readonly Mark[];
}

/** What rows can't tell, such as several things measured in several ways; each row as long as `columns`. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface BenchResult {
  readonly rows: readonly BenchRow[];
  readonly charts?: readonly Chart[];
  readonly tables?: readonly Table[];
}

export interface BenchModule {
  /** By which it is asked for: `npm run bench -- <name>`. */
  readonly name: string;
  /** A line that says what is measured and how. */
  readonly title: string;
  /** Whether it runs where no name is given. */
  readonly byDefault: boolean;
  /** Rows alone, or more. @throws Error where it could not measure what it says. */
  run(context: BenchContext): Promise<BenchResult | readonly BenchRow[]>;
}

/** What a benchmark gave. @throws RangeError where a chart or table is beyond its bounds. */
export async function runBench(bench: BenchModule, context: BenchContext): Promise<BenchResult> {
  const given = await bench.run(context);
  const result = 'rows' in given ? given : { rows: given };
  for (const chart of result.charts ?? []) requireBounded(chart);
  for (const table of result.tables ?? []) requireRectangular(table);
  return result;
}

function requireBounded({ title, series, marks = [] }: Chart): void {
  requireAtMost(title, 'series', series.length, CHART_SERIES_MAX);
  requireAtMost(title, 'marks', marks.length, CHART_MARKS_MAX);
  for (const { name, points } of series) {
    requireAtMost(`${title}, ${name}`, 'points', points.length, CHART_POINTS_MAX);
  }
}

function requireAtMost(where: string, what: string, count: number, most: number): void {
  if (count > most) throw new RangeError(`${where}: ${count} ${what}; at most ${most} are allowed`);
}

function requireRectangular({ title, columns, rows }: Table): void {
  const odd = rows.find((row) => row.length !== columns.length);
  if (odd !== undefined) {
    throw new RangeError(`${title}: a row of ${odd.length} cells under ${columns.length} columns`);
  }
}

/** Undefined for a row without a goal. */
export function goalMet(row: BenchRow): boolean | undefined {
  if (row.goal === undefined) return undefined;
  return 'atMost' in row.goal ? row.value <= row.goal.atMost : row.value >= row.goal.atLeast;
}
