/** A stand-in for the process claimctl runs in: it keeps what is written and never really waits. */
import { Readable, Writable } from 'node:stream';
import type { ExitCode } from '../../src/claimctl/exit-codes.ts';
import type { Io } from '../../src/claimctl/io.ts';
import { runClaimctl } from '../../src/claimctl/program.ts';
import { systemClock } from '../../src/clock/clock.ts';

/** What a test reads of a line of --json. */
interface JsonLine {
  readonly epoch?: number;
  readonly pending?: number;
  readonly items?: number;
  readonly calls?: number;
  readonly retries?: number;
  readonly elapsed_ms?: number;
  readonly outcomes?: Readonly<Record<string, number>>;
}

export class CapturedIo implements Io {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly clock = systemClock;
  readonly interruption = new AbortController();
  readonly interrupted = this.interruption.signal;
  /** Every wait that was asked for, milliseconds. */
  readonly waitsMs: number[] = [];
  /** Called at each wait. */
  onWait: () => void = () => undefined;
  out = '';
  err = '';

  constructor(options: { env?: NodeJS.ProcessEnv; stdin?: Readable | string; terminal?: boolean } = {}) {
    const { stdin = '' } = options;
    this.env = options.env ?? {};
    this.stdin = typeof stdin === 'string' ? Readable.from([Buffer.from(stdin)]) : stdin;
    this.stdout = collector((text) => {
      this.out += text;
    });
    const stderr = collector((text) => {
      this.err += text;
    });
    this.stderr = Object.assign(stderr, { isTTY: options.terminal ?? false });
  }

  readonly random = (): number => 0;

  readonly sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    this.waitsMs.push(ms);
    this.onWait();
    // Lets other work go on, as a real wait would.
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  };

  run(...argv: string[]): Promise<ExitCode> {
    return runClaimctl(argv, this);
  }

  /** Standard output as the objects of its lines. */
  json(): JsonLine[] {
    return this.out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }
}

function collector(keep: (text: string) => void): Writable {
  return new Writable({
    write: (chunk, _encoding, done) => {
      keep(String(chunk));
      done();
    },
  });
}
