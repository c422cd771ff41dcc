/**
 * What a benchmark is: a name, a title, and a run that gives rows. To add one, write a module that
 * exports a BenchModule and list it in bench/all.ts.
 */

export interface BenchContext {
  /** Rounds of a paired measurement; a figure is the median of its rounds. */
  readonly rounds: number;
  /** Measured seconds of one round under load. */
  readonly seconds: number;
  /** Length of the soak, minutes. */
  readonly minutes: number;
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

export interface BenchModule {
  /** By which it is asked for: `npm run bench -- <name>`. */
  readonly name: string;
  /** A line that says what is measured and how. */
  readonly title: string;
  /** Whether it runs where no name is given. */
  readonly byDefault: boolean;
  /** @throws Error where it could not measure what it says. */
  run(context: BenchContext): Promise<BenchRow[]>;
}

/** Undefined for a row without a goal. */
export function goalMet(row: BenchRow): boolean | undefined {
  if (row.goal === undefined) return undefined;
  return 'atMost' in row.goal ? row.value <= row.goal.atMost : row.value >= row.goal.atLeast;
}
