/** Tells when exports begin to fail and when they work again: a line each, however many fail between. */
import type { Logger } from './log.ts';

/** Of what a receiver says, which may be a page of HTML. */
const REASON_MAX_CHARS = 200;

export class ExportWatch {
  readonly #what: string;
  readonly #url: string;
  readonly #log: Logger;
  #failing = false;
  #failures = 0;

  /** @param what is exported, in words. @param url where to. */
  constructor(what: string, url: string, log: Logger) {
    this.#what = what;
    this.#url = url;
    this.#log = log;
  }

  /** Exports that failed so far, each after its retries. */
  get failures(): number {
    return this.#failures;
  }

  succeeded(): void {
    if (this.#failing) this.#log.info({ url: this.#url }, `${this.#what} are exported again`);
    this.#failing = false;
  }

  failed(error: unknown): void {
    this.#failures += 1;
    if (!this.#failing) {
      this.#log.warn({ url: this.#url, error: reasonOf(error) }, `${this.#what} can not be exported`);
    }
    this.#failing = true;
  }
}

/** A status or code with its message: connections to several addresses fail without one. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error).slice(0, REASON_MAX_CHARS);
  const code = 'code' in error && !error.message.includes(String(error.code)) ? [String(error.code)] : [];
  return [...code, error.message].join(' ').trim().slice(0, REASON_MAX_CHARS);
}
