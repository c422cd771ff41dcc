/**
 * A server of others (redis-server, redis-sentinel) as a process of a test: it serves once it has
 * written a certain line, and it never outlives the process that started it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { testProgramPath } from '../../scripts/test-programs.ts';
import { until } from './waiting.ts';

/** Characters of output kept. */
const OUTPUT_MAX = 200_000;
/** Lines of output that an error shows. */
const SHOWN_LINES = 20;

export interface ServerCommand {
  readonly program: string;
  /** Where it lies; on the PATH by default. */
  readonly path?: string;
  readonly args: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Is part of what it writes once it serves. */
  readonly servingLine: string;
}

export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #command: ServerCommand;
  readonly #ended = Promise.withResolvers<void>();
  #output = '';
  #hasEnded = false;

  private constructor(command: ServerCommand) {
    this.#command = command;
    // The kernel ends it with its parent; setpriv becomes the server, so that the id is the server's.
    const path = command.path ?? testProgramPath(command.program);
    const args = ['--pdeathsig=KILL', path, ...command.args];
    const env = { ...process.env, ...command.env };
    this.#child = spawn('setpriv', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    this.#child.on('error', (error) => this.#keep(`${error}\n`));
    this.#child.on('close', () => {
      this.#hasEnded = true;
      this.#ended.resolve();
    });
  }

  /** Starts a server and waits until it serves. @throws Error with what it wrote, where it doesn't. */
  static async start(command: ServerCommand): Promise<ServerProcess> {
    const started = new ServerProcess(command);
    const settled = (): boolean => started.#hasEnded || started.log().includes(command.servingLine);
    try {
      await until(`${command.program} to serve`, settled);
    } catch (error) {
      await started.end();
      throw error;
    }
    if (started.#hasEnded) throw started.#failure();
    return started;
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw this.#failure();
    return pid;
  }

  /** What it has written so far: the last of it. */
  log(): string {
    return this.#output;
  }

  /** Sends a signal; does not wait. Nothing where it has ended. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Kills it and waits until it is gone. */
  async end(): Promise<void> {
    this.kill('SIGKILL');
    await this.#ended.promise;
  }

  #keep(text: string): void {
    this.#output = (this.#output + text).slice(-OUTPUT_MAX);
  }

  #failure(): Error {
    const lines = this.#output.trimEnd().split('\n').slice(-SHOWN_LINES).join('\n');
    return new Error(`${this.#command.program} ended before it served; its last output:\n${lines}`);
  }
}
