/**
 * Starts a program of this repository as a process of its own, waits until it serves, and ends
 * it; used for claimd (support/claimd) and for the echo server of the load tests.
 *
 * A program logs JSON lines on stdout; the one with `"msg":"serving"` says that it serves, and
 * where (`address`, and `adminAddress` where it has one, each "host:port").
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

/** The repository's root folder; every program is started in it. */
export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

const END_WITH_PARENT = new URL('./end-with-parent.mjs', import.meta.url).href;
/** Characters of output kept per program, so that a soak's log stays bounded. */
const OUTPUT_MAX = 1_000_000;
/** Lines of output that an error shows. */
const SHOWN_LINES = 30;

export interface ProgramOptions {
  /** The program's file, relative to the repository's root. */
  readonly file: string;
  readonly args?: readonly string[];
  /** Added to this process's environment (without CLAIMS_* and OTEL_*); undefined removes a name. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Flags of Node itself. */
  readonly execArgv?: readonly string[];
  /** How long it may take to serve, milliseconds; 20,000 by default. */
  readonly startTimeoutMs?: number;
}

/** The fields of a program's "serving" line. */
export interface ServingLine {
  readonly address: string;
  readonly adminAddress: string | undefined;
}

/** A started process, serving or not. */
export class RunningProgram {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #exited: Promise<number>;
  #output = '';

  constructor(options: ProgramOptions) {
    this.#name = [options.file, ...(options.args ?? [])].join(' ');
    const argv = [...(options.execArgv ?? []), '--import', END_WITH_PARENT, options.file];
    this.#child = spawn(process.execPath, [...argv, ...(options.args ?? [])], {
      cwd: REPOSITORY,
      env: childEnvironment(options.env ?? {}),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    this.#exited = exitCode(this.#child);
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.#name} could not be started`);
    return pid;
  }

  /** What it has written to stdout and stderr so far: its last million characters. */
  log(): string {
    return this.#output;
  }

  /** Its exit code once it has ended, or 128 + the number of the signal that ended it. */
  wait(): Promise<number> {
    return this.#exited;
  }

  /** Sends a signal; nothing where it has ended. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /**
   * Ends it by SIGTERM and gives its exit code (see wait).
   * @throws Error with the log's last lines where it still runs after timeoutMs; it is killed then.
   */
  async stop(timeoutMs = 30_000): Promise<number> {
    this.kill('SIGTERM');
    const code = await withinMs(this.#exited, timeoutMs);
    if (code !== undefined) return code;
    this.kill('SIGKILL');
    await this.#exited;
    throw this.#failure(`did not end within ${timeoutMs} ms of SIGTERM`);
  }

  /**
   * The "serving" line, once it is there.
   * @throws Error with the log's last lines where the program ends first, or takes too long.
   */
  async serving(timeoutMs: number): Promise<ServingLine> {
    const found = Promise.withResolvers<ServingLine>();
    const look = (): void => {
      const line = servingLine(this.#output);
      if (line !== undefined) found.resolve(line);
    };
    this.#child.stdout?.on('data', look);
    look();
    const line = await withinMs(Promise.race([found.promise, this.#exited]), timeoutMs);
    this.#child.stdout?.off('data', look);
    if (typeof line === 'object') return line;
    if (line !== undefined) throw this.#failure(`ended with code ${line} before it served`);
    this.kill('SIGKILL');
    await this.#exited;
    throw this.#failure(`did not serve within ${timeoutMs} ms`);
  }

  #keep(text: string): void {
    this.#output = (this.#output + text).slice(-OUTPUT_MAX);
  }

  #failure(what: string): Error {
    const lines = this.#output.trimEnd().split('\n').slice(-SHOWN_LINES).join('\n');
    return new Error(`${this.#name} ${what}; its last output:\n${lines}`);
  }
}

/** Starts a program and waits until it serves. @throws Error with the log's last lines. */
export async function startProgram(
  options: ProgramOptions,
): Promise<{ program: RunningProgram; serving: ServingLine }> {
  const program = new RunningProgram(options);
  const serving = await program.serving(options.startTimeoutMs ?? 20_000);
  return { program, serving };
}

/** The code a process ended with, once its output has been read to the end as well. */
async function exitCode(child: ChildProcess): Promise<number> {
  const [code, signal]: (number | NodeJS.Signals | null)[] = await once(child, 'close');
  if (typeof code === 'number') return code;
  return 128 + (typeof signal === 'string' ? constants.signals[signal] : 0);
}

/** This process's environment without settings of claimd's and what node:test tells its own children. */
function childEnvironment(added: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(?:CLAIMS|OTEL)_/.test(name) && name !== 'NODE_TEST_CONTEXT',
  );
  return { ...Object.fromEntries(inherited), ...added };
}

/** The last "serving" line of an output, where it is whole. */
function servingLine(output: string): ServingLine | undefined {
  const whole = output.slice(0, output.lastIndexOf('\n') + 1).split('\n');
  const line = whole.findLast((text) => text.startsWith('{') && text.includes('"msg":"serving"'));
  if (line === undefined) return undefined;
  const { address, adminAddress }: { address?: unknown; adminAddress?: unknown } = JSON.parse(line);
  if (typeof address !== 'string') throw new Error(`a serving line without an address: ${line}`);
  return { address, adminAddress: typeof adminAddress === 'string' ? adminAddress : undefined };
}

/** What the promise gives within so many milliseconds, else undefined. */
async function withinMs<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
