/** What an import counts. */
import type { ImportOutcome } from '../../store/redis/import.ts';
import { UNREADABLE_REASONS, type UnreadableReason } from './value.ts';

/** What became of a field of the source. */
export type FieldOutcome = ImportOutcome | UnreadableReason;
export type ImportCounts = Readonly<Record<FieldOutcome, number>>;

export const ADDED = ['pending', 'validated', 'expired'] as const satisfies readonly FieldOutcome[];
/** Nothing is wrong with these, but there is nothing to add. */
const NEEDLESS = ['same', 'past_retention'] as const satisfies readonly FieldOutcome[];
/** These can't be added. */
const REFUSED = [
  'taken',
  'unreadable_there',
  ...(Object.keys(UNREADABLE_REASONS) as UnreadableReason[]),
] as const satisfies readonly FieldOutcome[];

/** Why fields are passed over, in the order in which that is told. */
export const SKIPPED: readonly FieldOutcome[] = [...NEEDLESS, ...REFUSED];
const OUTCOMES: readonly FieldOutcome[] = [...ADDED, ...SKIPPED];

export function emptyCounts(): ImportCounts {
  return Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<FieldOutcome, number>;
}

/** The counts with so many outcomes more. */
export function withOutcomes(counts: ImportCounts, outcomes: readonly FieldOutcome[]): ImportCounts {
  const sums: Record<FieldOutcome, number> = { ...counts };
  for (const outcome of outcomes) sums[outcome] += 1;
  return sums;
}

export function isRefused(outcome: FieldOutcome): boolean {
  return REFUSED.some((refused) => refused === outcome);
}

export function sumOf(counts: ImportCounts, outcomes: readonly FieldOutcome[] = OUTCOMES): number {
  return outcomes.reduce((sum, outcome) => sum + counts[outcome], 0);
}

export function refusedOf(counts: ImportCounts): number {
  return sumOf(counts, REFUSED);
}

/** Whether a value read from a file is counts. */
export function isImportCounts(value: unknown): value is ImportCounts {
  if (typeof value !== 'object' || value === null) return false;
  const counts: Readonly<Record<string, unknown>> = { ...value };
  return OUTCOMES.every((outcome) => Number.isSafeInteger(counts[outcome]) && Number(counts[outcome]) >= 0);
}
