/**
 * Starts and ends the real claimd in tests and load tests: a process of its own on free ports of
 * the loopback, with a data folder of its own, that never outlives the process that started it.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProgramOptions, REPOSITORY, RunningProgram } from './program.ts';

/** The flags that `npm start` gives Node. */
export const START_FLAGS = startScript()
  .split(' ')
  .filter((word) => word.startsWith('-'));
/** The sources themselves, not what `npm run build` made of them some time ago. */
const SOURCES = 'src/main.ts';
const START_TIMEOUT_MS = 20_000;

function startScript(): string {
  const { scripts } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
  return scripts.start;
}

export interface ClaimdOptions extends Omit<ProgramOptions, 'file'> {
  /** What is started: dist/main.js of a bundle; the sources by default. */
  readonly file?: string;
  /** Holds claims.db; kept at the end. Absent: a temporary folder, removed when claimd has ended. */
  readonly dataFolder?: string;
}

export interface Claimd {
  /** Where it serves gRPC, "127.0.0.1:port". */
  readonly address: string;
  /** Where it serves metrics and health over HTTP, "127.0.0.1:port"; empty where that is off. */
  readonly adminAddress: string;
  readonly pid: number;
  readonly dataFolder: string;
  /** What it has written to stdout and stderr so far. */
  log(): string;
  /**
   * Ends it by SIGTERM and gives its exit code.
   * @throws Error with the log's last lines where it takes longer than timeoutMs (30,000); it is
   * killed then.
   */
  stop(timeoutMs?: number): Promise<number>;
  /** Sends a signal; does not wait. */
  kill(signal: NodeJS.Signals): void;
  /** Its exit code once it has ended: 128 + the number of a signal that ended it. */
  wait(): Promise<number>;
}

/** A claimd that was started; it may be long until it serves. */
export interface LaunchedClaimd extends Omit<Claimd, 'address' | 'adminAddress'> {
  /** It, once it serves. @throws Error with the log's last lines; then it is ended. */
  serving(timeoutMs?: number): Promise<Claimd>;
}

/** Starts claimd and waits until it serves. @throws Error with the log's last lines. */
export async function startClaimd(options: ClaimdOptions = {}): Promise<Claimd> {
  return (await launchClaimd(options)).serving(options.startTimeoutMs);
}

/** Starts claimd, and waits for nothing. */
export async function launchClaimd(options: ClaimdOptions = {}): Promise<LaunchedClaimd> {
  const folder = await dataFolder(options.dataFolder);
  const program = new RunningProgram(claimdProgram(options, folder.path));
  const ended = program.wait().finally(folder.release);
  const launched = {
    pid: program.pid,
    dataFolder: folder.path,
    log: () => program.log(),
    kill: (signal: NodeJS.Signals) => program.kill(signal),
    wait: () => ended,
    stop: async (timeoutMs?: number) => {
      await program.stop(timeoutMs);
      return ended;
    },
  };
  const serving = async (timeoutMs = START_TIMEOUT_MS): Promise<Claimd> => {
    const { address, adminAddress = '' } = await program.serving(timeoutMs);
    return { ...launched, address, adminAddress };
  };
  return { ...launched, serving };
}

export interface ClaimdRun {
  readonly exitCode: number;
  /** stdout and stderr together. */
  readonly log: string;
}

/**
 * Runs claimd until it ends by itself: for `--help` and for starts that must fail. Settings are
 * as in startClaimd, so one under test is given in `env` or `args`.
 * @throws Error where it has not ended within startTimeoutMs; it is killed then.
 */
export async function runClaimd(options: ClaimdOptions = {}): Promise<ClaimdRun> {
  const folder = await dataFolder(options.dataFolder);
  const program = new RunningProgram(claimdProgram(options, folder.path));
  const timeoutMs = options.startTimeoutMs ?? START_TIMEOUT_MS;
  const late = setTimeout(() => program.kill('SIGKILL'), timeoutMs);
  const exitCode = await program.wait();
  clearTimeout(late);
  await folder.release();
  if (exitCode === 128 + 9) throw new Error(`claimd still ran after ${timeoutMs} ms:\n${program.log()}`);
  return { exitCode, log: program.log() };
}

function claimdProgram(options: ClaimdOptions, folder: string): ProgramOptions {
  const env = {
    CLAIMS_LISTEN: '127.0.0.1:0',
    CLAIMS_ADMIN_LISTEN: '127.0.0.1:0',
    CLAIMS_STORE: `sqlite:${join(folder, 'claims.db')}`,
    ...options.env,
  };
  return {
    ...options,
    execArgv: [...START_FLAGS, ...(options.execArgv ?? [])],
    file: options.file ?? SOURCES,
    env,
  };
}

/** The folder asked for, or a temporary one that `release` removes. */
async function dataFolder(
  asked: string | undefined,
): Promise<{ path: string; release: () => Promise<void> }> {
  if (asked !== undefined) return { path: asked, release: async () => undefined };
  const path = await mkdtemp(join(tmpdir(), 'claimd-'));
  return { path, release: () => rm(path, { recursive: true, force: true }) };
}
