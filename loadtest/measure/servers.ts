/** The servers that are measured: claimd, and the floor it is measured against. */
import { type ClaimdOptions, START_FLAGS, startClaimd } from '../../test/support/claimd.ts';
import { startProgram } from '../../test/support/program.ts';
import { builtClaimd, builtProgram } from './built-programs.ts';

export interface MeasuredServer {
  /** "127.0.0.1:port". */
  readonly address: string;
  readonly pid: number;
  /** Where it tells its metrics, "127.0.0.1:port"; the echo server has none. */
  readonly adminAddress?: string;
  /** Ends it. @throws Error where it does not end with code 0. */
  stop(): Promise<void>;
}

/** How to start a server anew, as often as it is measured. */
export interface ServerSpec {
  /** As tables show it. */
  readonly name: string;
  start(): Promise<MeasuredServer>;
}

/** claimd as it ships, bundled from the sources; on SQLite in a temporary data folder by default. */
export function claimdServer(name: string, options: ClaimdOptions = {}): ServerSpec {
  const start = async (): Promise<MeasuredServer> => {
    const claimd = await startClaimd({ file: await builtClaimd(), ...options });
    const stop = (): Promise<void> => stopCleanly(name, claimd);
    return { address: claimd.address, adminAddress: claimd.adminAddress, pid: claimd.pid, stop };
  };
  return { name, start };
}

export interface EchoOptions {
  /** Results that replies to batches and frames hold. */
  readonly batchItems?: number;
  readonly threads?: number;
  readonly placement?: 'passed' | 'reuse-port';
  /** Flags of Node; claimd's by default. */
  readonly execArgv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The bare grpc-js echo, bundled as claimd is. */
export function echoServer(name: string, options: EchoOptions = {}): ServerSpec {
  const { batchItems = 1, threads = 1, placement = 'passed', execArgv = START_FLAGS, env = {} } = options;
  const args = Object.entries({ 'batch-items': batchItems, threads, placement }).flatMap(([flag, value]) => [
    `--${flag}`,
    String(value),
  ]);
  const start = async (): Promise<MeasuredServer> => {
    const file = await builtProgram('loadtest/echo-server.ts');
    const { program, serving } = await startProgram({ file, args, execArgv, env });
    const stop = (): Promise<void> => stopCleanly(name, program);
    return { address: serving.address, pid: program.pid, stop };
  };
  return { name, start };
}

/** A program that can be stopped, and its exit code and log. */
interface Stoppable {
  stop(): Promise<number>;
  log(): string;
}

/** Ends a program. @throws Error with its log where it does not end with code 0. */
export async function stopCleanly(name: string, program: Stoppable): Promise<void> {
  const code = await program.stop();
  if (code !== 0) throw new Error(`${name} ended with code ${code}:\n${program.log()}`);
}
