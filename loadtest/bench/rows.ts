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

/** Three rows: a figure of the subject, the same of its floor, and their ratio. */
export function comparisonRows(
  what: string,
  comparison: Comparison,
  unit: string,
  ratioGoal?: Goal,
  names = { subject: 'claimd', floor: 'echo' },
): BenchRow[] {
  const { subject, floor } = names;
  const goal = ratioGoal === undefined ? {} : { goal: ratioGoal };
  return [
    spreadRow(`${subject}, ${what}`, comparison.subject, unit),
    spreadRow(`${floor}, ${what}`, comparison.floor, unit),
    spreadRow(`${subject} / ${floor}, ${what}`, comparison.ratio, '', goal),
  ];
}
