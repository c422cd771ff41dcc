/**
 * The batch command: items from a file in calls of many, a bounded number of them in flight. A
 * call, or single items of it, that the server could not take or confirm is sent again after a
 * while; every operation may be, since a retry never changes an outcome. Where retries do not
 * help, nothing more is read, what is in flight is ended, and the run says how far it came.
 */
import { Outcome } from '../domain/claim.ts';
import { BatchReport, type ReportOptions, type Unsettled } from './batch-report.ts';
import type { Session } from './commands.ts';
import { BatchStopped, CallFailed, ClaimctlError, ExitCode, Interrupted, Unconfirmed } from './exit-codes.ts';
import { type InputFormat, readItems, sourceOf } from './input.ts';
import type { InputItem } from './input-item.ts';
import { retryDelayMs } from './retry.ts';
import type { ClaimResult } from './service.ts';

export interface BatchOptions extends ReportOptions {
  /** A path, or STDIN. */
  readonly file: string;
  /** Told from the input where undefined. */
  readonly format: InputFormat | undefined;
  /** Items of one call, at most. */
  readonly batchSize: number;
  /** Calls in flight at once, at most. */
  readonly inFlight: number;
  /** How often a call is sent again. */
  readonly retries: number;
}

/**
 * @returns REFUSED where any item was not accepted, else DONE.
 * @throws BatchStopped where it did not come to the end of the input.
 */
export async function batch(session: Session, options: BatchOptions): Promise<ExitCode> {
  const { io, output } = session;
  const stop = new AbortController();
  const source = await sourceOf(options.file, io.stdin, AbortSignal.any([io.interrupted, stop.signal]));
  const report = await BatchReport.open(io, source.stats, options);
  const run = new BatchRun(session, options, report, stop);
  try {
    await run.send(readItems(source, options.format, (bytesRead) => report.progress(bytesRead)));
  } finally {
    await report.close();
  }
  await output.print(report.summary());
  if (run.failure === null) return report.allAccepted ? ExitCode.DONE : ExitCode.REFUSED;
  if (!(run.failure instanceof ClaimctlError)) throw run.failure;
  const howFar = `${report.sent} items were sent, up to ${source.name}:${run.lastLine}`;
  throw new BatchStopped(run.failure, report.sent === 0 ? 'no item was sent' : howFar);
}

/** What one try left unsettled, and why. */
interface Remainder {
  readonly items: readonly Unsettled[];
  readonly failure: CallFailed | Unconfirmed;
}

class BatchRun {
  readonly #session: Session;
  readonly #options: BatchOptions;
  readonly #report: BatchReport;
  readonly #stop: AbortController;
  /** SIGINT, or a failure elsewhere in this run. */
  readonly #ending: AbortSignal;
  readonly #inFlight = new Set<Promise<void>>();
  /** The first failure of the run. */
  failure: unknown = null;
  /** Of the last item that was sent. */
  lastLine = 0;

  constructor(session: Session, options: BatchOptions, report: BatchReport, stop: AbortController) {
    this.#session = session;
    this.#options = options;
    this.#report = report;
    this.#stop = stop;
    this.#ending = AbortSignal.any([session.io.interrupted, stop.signal]);
  }

  /** Resolves when nothing is in flight any more; `failure` says whether it came to the end. */
  async send(items: AsyncIterable<InputItem>): Promise<void> {
    try {
      for await (const group of grouped(items, this.#options.batchSize)) {
        if (this.#ending.aborted) break;
        this.#start(group);
        if (this.#inFlight.size >= this.#options.inFlight) await Promise.race(this.#inFlight);
      }
    } catch (error) {
      // Reading that was aborted fails too; what aborted it is told instead.
      if (!this.#ending.aborted) this.#fail(error);
    }
    if (this.#session.io.interrupted.aborted) this.#fail(new Interrupted());
    await Promise.all(this.#inFlight);
  }

  #start(group: readonly InputItem[]): void {
    this.lastLine = group[group.length - 1].line;
    const settled = this.#settle(group)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#inFlight.delete(settled));
    this.#inFlight.add(settled);
  }

  #fail(failure: unknown): void {
    // What is given up because of SIGINT fails in its own way; the signal is what is told.
    const interrupted = this.#session.io.interrupted.aborted && failure instanceof ClaimctlError;
    this.failure ??= interrupted ? new Interrupted() : failure;
    this.#stop.abort();
  }

  /** Sends until every item has its outcome, or the retries are used up. */
  async #settle(group: readonly InputItem[]): Promise<void> {
    let open = group;
    for (let attempt = 0; open.length > 0; attempt += 1) {
      const remainder = await this.#attempt(open);
      if (remainder === null) return;
      const again = attempt < this.#options.retries && (await this.#pause(attempt, remainder.failure));
      if (!again) {
        await this.#report.unconfirmed(remainder.items);
        this.#fail(remainder.failure);
        return;
      }
      open = remainder.items.map(({ input }) => input);
      this.#report.countRetry();
    }
  }

  /** One call; null where it settled every item. */
  async #attempt(items: readonly InputItem[]): Promise<Remainder | null> {
    const results = await this.#call(items);
    if (results instanceof CallFailed) {
      const reason = results.message;
      return { items: items.map((input) => ({ input, reason })), failure: results };
    }
    const pairs = items.map((input, index) => ({ input, result: results[index] }));
    await this.#report.settled(pairs.filter(({ result }) => result.outcome !== Outcome.UNAVAILABLE));
    const left = pairs.filter(({ result }) => result.outcome === Outcome.UNAVAILABLE);
    if (left.length === 0) return null;
    const unsettled = left.map(({ input, result }) => ({ input, reason: result.reason }));
    const what = `${left.length} items were not confirmed: ${unsettled[0].reason}`;
    return { items: unsettled, failure: new Unconfirmed(`${this.#session.client.address}: ${what}`) };
  }

  async #call(items: readonly InputItem[]): Promise<readonly ClaimResult[] | CallFailed> {
    const submits = this.#options.operation === 'submit';
    // The message of a validate has no field for a timestamp, so none is sent.
    const method = submits ? 'BatchSubmitClaims' : 'BatchValidateClaims';
    this.#report.countCall();
    try {
      const claims = items.map(({ item }) => item);
      return await this.#session.client.batch(method, claims);
    } catch (error) {
      if (error instanceof CallFailed) return error;
      throw error;
    }
  }

  /** Waits before the next try; false where there is to be none. */
  async #pause(attempt: number, failure: CallFailed | Unconfirmed): Promise<boolean> {
    const { io } = this.#session;
    const ofCall = failure instanceof CallFailed;
    if ((ofCall && !failure.retriable) || this.#ending.aborted) return false;
    const delayMs = retryDelayMs(attempt, ofCall ? failure.retryAfterMs : null, io.random);
    try {
      await io.sleep(delayMs, this.#ending);
    } catch (error) {
      if (!this.#ending.aborted) throw error;
    }
    return !this.#ending.aborted;
  }
}

/** Text after which a call is full, so that over-long ids don't make it more than a server reads. */
const GROUP_MAX_CHARS = 500_000;

/** Groups of `size`, smaller where the text grows long or the items end; each as soon as it is full. */
async function* grouped(items: AsyncIterable<InputItem>, size: number): AsyncGenerator<InputItem[], void> {
  let group: InputItem[] = [];
  let chars = 0;
  for await (const input of items) {
    group.push(input);
    chars += input.item.claim_id.length + input.item.player_id.length;
    if (group.length < size && chars < GROUP_MAX_CHARS) continue;
    yield group;
    group = [];
    chars = 0;
  }
  if (group.length > 0) yield group;
}
