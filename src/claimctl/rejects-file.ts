/** A file of what a command did not do, a line of JSON each. */
import type { Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { UsageError } from './exit-codes.ts';

export class RejectsFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  /** The writes so far, one after another: a FileHandle takes one at a time. */
  #written: Promise<void> = Promise.resolve();

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /**
   * Makes the file, or empties it; where `goesOn`, adds to it.
   * @param input the file that is read, null where none is.
   * @throws UsageError also where it is the input, which would be lost.
   */
  static async open(path: string, input: Stats | null, goesOn = false): Promise<RejectsFile> {
    const present = await stat(path).catch(() => null);
    if (present !== null && input !== null && present.ino === input.ino && present.dev === input.dev) {
      throw new UsageError(`--rejects: ${JSON.stringify(path)} is the input itself`);
    }
    try {
      return new RejectsFile(path, await open(path, goesOn ? 'a' : 'w'));
    } catch (error) {
      throw unwritable(path, error);
    }
  }

  async write(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    this.#written = this.#written.then(() => this.#handle.appendFile(lines.join('')));
    try {
      await this.#written;
    } catch (error) {
      throw unwritable(this.#path, error);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function unwritable(path: string, error: unknown): UsageError {
  const why = error instanceof Error && 'code' in error ? error.code : error;
  return new UsageError(`--rejects: ${JSON.stringify(path)} can't be written (${why})`);
}
