/**
 * What a batch tells of itself: a progress bar where a person watches, the items that were not
 * accepted in a file, and a summary of outcomes at the end.
 */
import type { Stats } from 'node:fs';
import { SingleBar } from 'cli-progress';
import { Outcome } from '../domain/claim.ts';
import type { InputItem } from './input-item.ts';
import type { Io } from './io.ts';
import { jsonInt64, outcomeName, type Report, statusName } from './output.ts';
import { RejectsFile } from './rejects-file.ts';
import type { ClaimResult } from './service.ts';

export interface ReportOptions {
  readonly operation: 'submit' | 'validate';
  /** Where the items that were not accepted are written, if anywhere. */
  readonly rejects: string | undefined;
}

export interface Settled {
  readonly input: InputItem;
  readonly result: ClaimResult;
}

/** An item that was sent and not confirmed. */
export interface Unsettled {
  readonly input: InputItem;
  readonly reason: string;
}

/** In the order of the contract, all of them in every summary. */
const OUTCOMES = [
  Outcome.ACCEPTED,
  Outcome.REPLAYED,
  Outcome.TAKEN,
  Outcome.EXPIRED,
  Outcome.NOT_FOUND,
  Outcome.INVALID,
  Outcome.UNAVAILABLE,
];

function isAccepted(outcome: number): boolean {
  return outcome === Outcome.ACCEPTED || outcome === Outcome.REPLAYED;
}

export class BatchReport {
  readonly #io: Io;
  readonly #operation: ReportOptions['operation'];
  readonly #rejects: RejectsFile | null;
  readonly #bar: SingleBar | null;
  readonly #startUs: number;
  readonly #counts = new Map<number, number>(OUTCOMES.map((outcome) => [outcome, 0]));
  #sent = 0;
  #accepted = 0;
  #calls = 0;
  #retries = 0;

  /** @param input the file that is read, null for standard input. @throws UsageError */
  static async open(io: Io, input: Stats | null, options: ReportOptions): Promise<BatchReport> {
    const { rejects } = options;
    return new BatchReport(io, input, options, rejects ? await RejectsFile.open(rejects, input) : null);
  }

  private constructor(io: Io, input: Stats | null, options: ReportOptions, rejects: RejectsFile | null) {
    this.#io = io;
    this.#operation = options.operation;
    this.#rejects = rejects;
    this.#bar = io.stderr.isTTY ? startBar(io, input?.size ?? null) : null;
    this.#startUs = io.clock.monotonicUs();
  }

  /** Items that were sent, whatever became of them. */
  get sent(): number {
    return this.#sent;
  }

  get allAccepted(): boolean {
    return this.#accepted === this.#sent;
  }

  countCall(): void {
    this.#calls += 1;
  }

  countRetry(): void {
    this.#retries += 1;
  }

  progress(bytesRead: number): void {
    this.#bar?.update(bytesRead);
  }

  /** Resolves when the rejects among them are written. @throws UsageError where they can't be. */
  async settled(items: readonly Settled[]): Promise<void> {
    for (const { result } of items) this.#count(result.outcome);
    this.#showCounts();
    const rejected = items.filter(({ result }) => !isAccepted(result.outcome));
    await this.#rejects?.write(
      rejected.map(({ input, result }) => rejectLine(input, result.outcome, result.status, result.reason)),
    );
  }

  /** Likewise, for items given up. */
  async unconfirmed(items: readonly Unsettled[]): Promise<void> {
    for (const _ of items) this.#count(Outcome.UNAVAILABLE);
    this.#showCounts();
    await this.#rejects?.write(
      items.map(({ input, reason }) => rejectLine(input, Outcome.UNAVAILABLE, 0, reason)),
    );
  }

  async close(): Promise<void> {
    this.#bar?.stop();
    await this.#rejects?.close();
  }

  summary(): Report {
    const elapsedMs = Math.round((this.#io.clock.monotonicUs() - this.#startUs) / 1_000);
    const command = `batch ${this.#operation}`;
    const counts = [...this.#counts].map(([outcome, count]) => ({ name: outcomeName(outcome), count }));
    const json = {
      command,
      items: this.#sent,
      calls: this.#calls,
      retries: this.#retries,
      outcomes: Object.fromEntries(counts.map(({ name, count }) => [name, count])),
      elapsed_ms: elapsedMs,
    };
    const seconds = (elapsedMs / 1_000).toFixed(1);
    const head = `${command}: ${this.#sent} items in ${this.#calls} calls (${this.#retries} of them retries), ${seconds} s`;
    const told = counts.filter(({ count }) => count > 0).map(({ name, count }) => `  ${name} ${count}`);
    return { text: [head, ...told].join('\n'), json };
  }

  #count(outcome: number): void {
    this.#sent += 1;
    if (isAccepted(outcome)) this.#accepted += 1;
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
  }

  #showCounts(): void {
    this.#bar?.update({ items: this.#sent, rejected: this.#sent - this.#accepted });
  }
}

/** @param totalBytes null where it can't be known. */
function startBar(io: Io, totalBytes: number | null): SingleBar {
  const counts = '{items} items, {rejected} not accepted';
  const bar = new SingleBar({
    stream: io.stderr,
    format: totalBytes === null ? counts : `{bar} {percentage}%  ${counts}`,
    clearOnComplete: true,
    // SIGINT is the command's own affair: it ends what is in flight first.
    gracefulExit: false,
  });
  bar.start(totalBytes ?? 0, 0, { items: 0, rejected: 0 });
  return bar;
}

/** A line of the rejects file: an item that input-ndjson.ts reads, and what became of it. */
function rejectLine({ line, item }: InputItem, outcome: number, status: number, reason: string): string {
  return `${JSON.stringify({
    line,
    claim_id: item.claim_id,
    player_id: item.player_id,
    timestamp_ms: item.timestamp_ms === undefined ? null : jsonInt64(item.timestamp_ms),
    outcome: outcomeName(outcome),
    status: statusName(status),
    reason: reason === '' ? null : reason,
  })}\n`;
}
