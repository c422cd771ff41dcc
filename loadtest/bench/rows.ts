/** Rows of paired measurements. */
import type { Comparison } from '../measure/paired.ts';
import type { Spread } from '../measure/statistics.ts';
import type { BenchRow, Goal } from './bench-module.ts';

export function spreadRow(
  measure: string,
  spread: Spread,
  unit: string,
  extra: Partial<BenchRow> = {},
): BenchRow {
  return { measure, value: spread.median, min: spread.min, max: spread.max, unit, ...extra };
}

/** Three rows: a figure of claimd, the same of its floor, and their ratio. */
export function comparisonRows(
  what: string,
  comparison: Comparison,
  unit: string,
  ratioGoal?: Goal,
): BenchRow[] {
  const goal = ratioGoal === undefined ? {} : { goal: ratioGoal };
  return [
    spreadRow(`claimd, ${what}`, comparison.subject, unit),
    spreadRow(`echo, ${what}`, comparison.floor, unit),
    spreadRow(`claimd / echo, ${what}`, comparison.ratio, '', goal),
  ];
}
