/**
 * What an import tells of itself: a progress bar where a person watches, the fields that can't be
 * imported in a file, and a summary at the end.
 */
import { SingleBar } from 'cli-progress';
import type { Io } from '../io.ts';
import type { Report } from '../output.ts';
import { RejectsFile } from '../rejects-file.ts';
import { ADDED, type FieldOutcome, type ImportCounts, isRefused, SKIPPED, sumOf } from './counts.ts';

export interface ImportReportOptions {
  /** Where the fields that can't be imported are written, if anywhere. */
  readonly rejects: string | undefined;
  readonly isDryRun: boolean;
  /** Whether an earlier run is gone on with. */
  readonly isResumed: boolean;
  /** Hashes of the source. */
  readonly hashes: number;
  /** Fields that the hashes had at the beginning. */
  readonly total: number;
}

/** A field of the source, and what became of it. */
export interface SettledField {
  readonly hash: string;
  readonly field: Buffer;
  readonly value: Buffer;
  readonly outcome: FieldOutcome;
}

/** Of a field or value in the rejects file: far more than one of a claim has. */
const SHOWN_MAX_BYTES = 1_000;

export class ImportReport {
  readonly #io: Io;
  readonly #options: ImportReportOptions;
  readonly #rejects: RejectsFile | null;
  readonly #bar: SingleBar | null;
  readonly #startUs: number;

  /** @throws UsageError where the rejects file can't be written. */
  static async open(io: Io, options: ImportReportOptions): Promise<ImportReport> {
    const { rejects, isResumed } = options;
    const file = rejects === undefined ? null : await RejectsFile.open(rejects, null, isResumed);
    return new ImportReport(io, options, file);
  }

  private constructor(io: Io, options: ImportReportOptions, rejects: RejectsFile | null) {
    this.#io = io;
    this.#options = options;
    this.#rejects = rejects;
    this.#bar = io.stderr.isTTY ? startBar(io, options.total) : null;
    this.#startUs = io.clock.monotonicUs();
  }

  /** Resolves when those of the fields that can't be imported are written. @throws UsageError */
  async settled(fields: readonly SettledField[], counts: ImportCounts): Promise<void> {
    const imported = sumOf(counts, ADDED);
    this.#bar?.update(Math.min(sumOf(counts), this.#options.total), {
      imported,
      skipped: sumOf(counts, SKIPPED),
    });
    await this.#rejects?.write(fields.filter(({ outcome }) => isRefused(outcome)).map(rejectLine));
  }

  async close(): Promise<void> {
    this.#bar?.stop();
    await this.#rejects?.close();
  }

  /** @param retries how often a call was tried again. */
  summary(counts: ImportCounts, retries: number): Report {
    const { isDryRun, isResumed, hashes } = this.#options;
    const elapsedMs = Math.round((this.#io.clock.monotonicUs() - this.#startUs) / 1_000);
    const [fields, imported] = [sumOf(counts), sumOf(counts, ADDED)];
    const pick = (outcomes: readonly FieldOutcome[]) =>
      Object.fromEntries(outcomes.map((outcome) => [outcome, counts[outcome]]));
    const json = {
      command: 'import',
      dry_run: isDryRun,
      resumed: isResumed,
      hashes,
      fields,
      imported,
      ...pick(ADDED),
      skipped: pick(SKIPPED),
      retries,
      elapsed_ms: elapsedMs,
    };
    const head = [
      `import${isDryRun ? ' (dry run: nothing was written)' : ''}: ${fields} fields of ${hashes} ${hashes === 1 ? 'hash' : 'hashes'}`,
      `${imported} claims imported`,
      `${fields - imported} skipped`,
      `${(elapsedMs / 1_000).toFixed(1)} s${isResumed ? ' since it was resumed' : ''}`,
    ].join(', ');
    const told = [...ADDED, ...SKIPPED].filter((outcome) => counts[outcome] > 0);
    return { text: [head, ...told.map((outcome) => `  ${outcome} ${counts[outcome]}`)].join('\n'), json };
  }
}

function startBar(io: Io, total: number): SingleBar {
  const bar = new SingleBar({
    stream: io.stderr,
    format: '{bar} {percentage}%  {value} of about {total} fields, {imported} imported, {skipped} skipped',
    clearOnComplete: true,
    // SIGINT is the command's own affair: it ends the page in hand first.
    gracefulExit: false,
  });
  bar.start(total, 0, { imported: 0, skipped: 0 });
  return bar;
}

/** For a person who looks for the field: bytes that are no text are told as U+FFFD. */
function rejectLine({ hash, field, value, outcome }: SettledField): string {
  const shown = (bytes: Buffer): string => bytes.subarray(0, SHOWN_MAX_BYTES).toString();
  return `${JSON.stringify({ hash, field: shown(field), value: shown(value), reason: outcome })}\n`;
}
