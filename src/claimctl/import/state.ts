/**
 * How far an import came, in a file: written after each page that the target has confirmed, read
 * when the same import is run again. The file is replaced as a whole, so it is never half written.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { UsageError } from '../exit-codes.ts';
import { emptyCounts, type ImportCounts, isImportCounts } from './counts.ts';

/** Where an import stands. */
export interface ImportState {
  /** What is imported into what: a state is good for no other import. */
  readonly of: ImportIdentity;
  /** The run of the server that gave the cursor, by its run_id; a cursor is good for no other. */
  readonly runId: string;
  /** Which of the source's hashes is being read, from 0. */
  readonly hash: number;
  readonly cursor: string;
  readonly counts: ImportCounts;
}

export interface ImportIdentity {
  readonly source: string;
  /** The source's hashes, by name. */
  readonly hashes: readonly string[];
  readonly target: string;
  /** Name of the target's settings, which its prefix makes its own. */
  readonly registry: string;
}

/** The cursor with which HSCAN begins and ends. */
export const NO_CURSOR = '0';

export function firstState(of: ImportIdentity, runId: string): ImportState {
  return { of, runId, hash: 0, cursor: NO_CURSOR, counts: emptyCounts() };
}

export class StateFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** What was written last; null where there is no such file. @throws UsageError where it is none of import's. */
  async read(): Promise<ImportState | null> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw this.#unusable(`can't be read (${codeOf(error)})`);
    }
    const state = parse(text);
    if (!isImportState(state)) throw this.#unusable('is not the state of an import; remove it to begin anew');
    return state;
  }

  /** @throws UsageError where it can't be written. */
  async write(state: ImportState): Promise<void> {
    const beside = `${this.#path}.new`;
    try {
      await writeFile(beside, `${JSON.stringify(state, null, 2)}\n`);
      await rename(beside, this.#path);
    } catch (error) {
      throw this.#unusable(`can't be written (${codeOf(error)})`);
    }
  }

  /** The import is done: the next begins anew. */
  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  #unusable(why: string): UsageError {
    return new UsageError(`--state: ${JSON.stringify(this.#path)} ${why}`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function isImportState(state: unknown): state is ImportState {
  if (!isObject(state)) return false;
  const { of, runId, hash, cursor, counts } = state;
  return (
    isIdentity(of) &&
    typeof runId === 'string' &&
    Number.isSafeInteger(hash) &&
    Number(hash) >= 0 &&
    typeof cursor === 'string' &&
    /^[0-9]{1,20}$/.test(cursor) &&
    isImportCounts(counts)
  );
}

function isIdentity(of: unknown): of is ImportIdentity {
  if (!isObject(of)) return false;
  const { source, hashes, target, registry } = of;
  const texts = [source, target, registry, ...(Array.isArray(hashes) ? hashes : [null])];
  return texts.every((text) => typeof text === 'string');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : error;
}
