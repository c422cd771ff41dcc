/**
 * One run of an import: a page is read, judged and added before the next is asked for, so no more
 * than one is ever in hand; after each the state file says where to go on. Everything may be done
 * again, since a claim that is there stands: what fails is tried again, and what a server gave no
 * good cursor for is read anew.
 */
import type { Clock } from '../../clock/clock.ts';
import { maxTimestampMs } from '../../domain/epochs.ts';
import { ClockAhead, StoreUnavailable } from '../../domain/errors.ts';
import { SCAN_PAGE_RECORDS } from '../../limits.ts';
import type { HashPage, RedisHashReader } from '../../store/redis/hash-reader.ts';
import type { ImportedClaim, RedisImport } from '../../store/redis/import.ts';
import type { RegistrySettings } from '../../store/store.ts';
import { BatchStopped, ExitCode, Interrupted } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import type { Output } from '../output.ts';
import { retryDelayMs } from '../retry.ts';
import { type FieldOutcome, refusedOf, sumOf, withOutcomes } from './counts.ts';
import { asClaimctlError } from './errors.ts';
import { ImportReport, type SettledField } from './report.ts';
import { firstState, type ImportIdentity, type ImportState, NO_CURSOR, type StateFile } from './state.ts';
import { readSourceClaim } from './value.ts';

/** What is imported into what. */
export interface ImportParts {
  readonly source: RedisHashReader;
  readonly target: RedisImport;
  readonly settings: RegistrySettings;
  readonly identity: ImportIdentity;
  readonly clock: Clock;
  /** Null where the run keeps none. */
  readonly stateFile: StateFile | null;
}

export interface ImportRunOptions {
  readonly isDryRun: boolean;
  readonly rejects: string | undefined;
  /** How far a timestamp may lie ahead of now, milliseconds. */
  readonly maxClockSkewMs: number;
  /** How often what failed is tried again. */
  readonly retries: number;
}

const NOT_OF_THIS = 'the state is of another import or server: beginning anew';

export class ImportRun {
  readonly #io: Io;
  readonly #parts: ImportParts;
  readonly #options: ImportRunOptions;
  #state: ImportState;
  #retries = 0;

  private constructor(io: Io, parts: ImportParts, options: ImportRunOptions, state: ImportState) {
    this.#io = io;
    this.#parts = parts;
    this.#options = options;
    this.#state = state;
  }

  /** Goes on from the state file where that is of this import and of the server as it runs. */
  static async begin(io: Io, parts: ImportParts, options: ImportRunOptions): Promise<ImportRun> {
    const { source, identity, stateFile } = parts;
    const kept = (await stateFile?.read()) ?? null;
    const isOfThis = kept !== null && JSON.stringify(kept.of) === JSON.stringify(identity);
    const runId = await source.runIdOf(identity.hashes[isOfThis ? lastRead(kept) : 0]);
    if (isOfThis && kept.runId === runId) return new ImportRun(io, parts, options, kept);
    if (kept !== null) io.stderr.write(`claimctl: ${NOT_OF_THIS}\n`);
    const first = firstState(identity, runId);
    // Where it can't be written nothing is begun.
    await stateFile?.write(first);
    return new ImportRun(io, parts, options, first);
  }

  /**
   * @returns REFUSED where any field could not be imported, else DONE.
   * @throws BatchStopped where it did not come to the end.
   */
  async run(output: Output): Promise<ExitCode> {
    const { source, identity, stateFile } = this.#parts;
    const total = await source.count(identity.hashes);
    const { rejects, isDryRun } = this.#options;
    const hashes = identity.hashes.length;
    const isResumed = sumOf(this.#state.counts) > 0;
    const report = await ImportReport.open(this.#io, { rejects, isDryRun, isResumed, hashes, total });
    let failure: unknown;
    try {
      while (this.#state.hash < hashes) await this.#page(report);
      await stateFile?.remove();
    } catch (error) {
      failure = error;
    }
    await report.close();
    await output.print(report.summary(this.#state.counts, this.#retries));
    if (failure !== undefined) throw this.#stopped(failure, total);
    return refusedOf(this.#state.counts) === 0 ? ExitCode.DONE : ExitCode.REFUSED;
  }

  async #page(report: ImportReport): Promise<void> {
    const { source, identity, stateFile } = this.#parts;
    const { hash, cursor, runId, counts } = this.#state;
    const name = identity.hashes[hash];
    const page = await this.#retrying(() => source.page(name, cursor, SCAN_PAGE_RECORDS));
    if (page.runId !== runId && cursor !== NO_CURSOR) {
      // The cursor was another server's: this one might pass over fields.
      this.#state = { ...this.#state, runId: page.runId, cursor: NO_CURSOR };
      return;
    }
    const fields = await this.#settle(name, page);
    const sums = withOutcomes(
      counts,
      fields.map(({ outcome }) => outcome),
    );
    await report.settled(fields, sums);
    const isLast = page.cursor === NO_CURSOR;
    this.#state = {
      of: identity,
      runId: page.runId,
      hash: isLast ? hash + 1 : hash,
      cursor: page.cursor,
      counts: sums,
    };
    await stateFile?.write(this.#state);
  }

  /** Adds the claims of a page; gives what became of each field. */
  async #settle(hash: string, { fields }: HashPage): Promise<SettledField[]> {
    const { target, settings, clock } = this.#parts;
    const latestMs = Math.min(maxTimestampMs(settings), clock.nowMs() + this.#options.maxClockSkewMs);
    const read = fields.map(([field, value]) => readSourceClaim(field, value, latestMs));
    const claims = read.filter((found): found is ImportedClaim => typeof found !== 'string');
    const outcomes = claims.length === 0 ? [] : await this.#retrying(() => target.add(claims));
    let next = 0;
    return fields.map(([field, value], i) => {
      const found = read[i];
      const outcome: FieldOutcome = typeof found === 'string' ? found : outcomes[next++];
      return { hash, field, value, outcome };
    });
  }

  async #retrying<T>(work: () => Promise<T>): Promise<T> {
    const { interrupted, random, sleep } = this.#io;
    for (let attempt = 0; ; attempt += 1) {
      if (interrupted.aborted) throw new Interrupted();
      try {
        return await work();
      } catch (error) {
        const mayPass = error instanceof StoreUnavailable || error instanceof ClockAhead;
        if (!mayPass || attempt >= this.#options.retries) throw error;
      }
      this.#retries += 1;
      await sleep(retryDelayMs(attempt, null, random), interrupted).catch((error: unknown) => {
        if (!interrupted.aborted) throw error;
      });
    }
  }

  #stopped(failure: unknown, total: number): unknown {
    const reason = asClaimctlError(failure);
    if (reason === null) return failure;
    const goesOn = this.#parts.stateFile === null ? '' : '; the same command goes on from there';
    return new BatchStopped(
      reason,
      `${sumOf(this.#state.counts)} of about ${total} fields were read${goesOn}`,
    );
  }
}

/** The hash of the last page: whose server gave the cursor. On a cluster the next may be another's. */
function lastRead({ hash, cursor }: ImportState): number {
  return cursor === NO_CURSOR ? Math.max(0, hash - 1) : hash;
}
