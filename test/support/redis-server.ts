/**
 * Real Redis servers for tests: redis-server (or valkey-server) on a free port of the loopback, with
 * a folder of its own. What it has confirmed outlives its process (append-only file), so that a test
 * can kill it and start it again with or without its data.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { programPath } from '../../scripts/debian.ts';
import { freePort, LOOPBACK } from './free-port.ts';
import type { RedisTls } from './redis-tls.ts';
import { ServerProcess } from './server-process.ts';
import { until } from './waiting.ts';

export type ServerProgram = 'redis-server' | 'valkey-server';

export interface RedisServerOptions {
  /** Flags of redis-server, such as '--maxmemory', '10mb'. */
  readonly args?: readonly string[];
  /** A free one by default. */
  readonly port?: number;
  /** redis-server by default. */
  readonly program?: ServerProgram;
  /** Makes it a replica, which has what the other has once it is started. */
  readonly replicaOf?: RedisServer;
  /** Makes it speak TLS only, to clients with a certificate. */
  readonly tls?: RedisTls;
  /** Lines of an ACL file, such as 'user default off'. */
  readonly users?: readonly string[];
}

/** So often another free port is tried where somebody was quicker to take the last one. */
const PORT_ATTEMPTS = 5;
const SERVING_LINE = 'Ready to accept connections';
/**
 * What is confirmed is in the kernel's hands, where it outlives the process ('everysec' would hold
 * writes back while an fsync is under way). Replicas need not wait for each other.
 */
const DEFAULT_ARGS = [
  ...['--bind', LOOPBACK, '--save', '', '--appendonly', 'yes', '--appendfsync', 'no'],
  ...['--repl-diskless-sync-delay', '0', '--loglevel', 'notice'],
];

/** The kinds of server that this machine can run; redis-server always, so that a test fails without it. */
export function serverPrograms(): ServerProgram[] {
  return programPath('valkey-server') === undefined ? ['redis-server'] : ['redis-server', 'valkey-server'];
}

/** Starts a server and waits until it serves; a replica, until it has its master's data. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    try {
      return await RedisServer.start({ ...options, port });
    } catch (error) {
      const taken = error instanceof Error && error.message.includes('Address already in use');
      if (!taken || options.port !== undefined || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

export class RedisServer {
  readonly host = LOOPBACK;
  readonly port: number;
  /** Holds its data; removed when it stops. */
  readonly folder: string;
  readonly #options: RedisServerOptions;
  readonly #clients = new Set<Redis>();
  #process: ServerProcess;

  private constructor(port: number, folder: string, options: RedisServerOptions, process: ServerProcess) {
    this.port = port;
    this.folder = folder;
    this.#options = options;
    this.#process = process;
  }

  /** Use startRedis, which finds a port. @throws Error with what the server wrote */
  static async start(options: RedisServerOptions & { port: number }): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), 'claims-redis-'));
    try {
      const process = await startIn(folder, options.port, options);
      const server = new RedisServer(options.port, folder, options, process);
      if (options.replicaOf !== undefined) await server.untilFollowing(options.replicaOf);
      return server;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get pid(): number {
    return this.#process.pid;
  }

  get url(): string {
    return `${this.#options.tls === undefined ? 'redis' : 'rediss'}://${this.host}:${this.port}`;
  }

  /** What it has written since it was last started. */
  log(): string {
    return this.#process.log();
  }

  /** A client of its own for the test, which reconnects; closed when the server stops. */
  client(user: { username?: string; password?: string } = {}): Redis {
    const { tls } = this.#options;
    const secured = tls === undefined ? {} : { tls: tls.client };
    const client = new Redis({ host: this.host, port: this.port, ...secured, ...user });
    // What fails is told by the command that it fails; ioredis would print it a second time.
    client.on('error', () => undefined);
    this.#clients.add(client);
    return client;
  }

  /** Kills it, as a machine does that loses its power, and waits until it is gone. */
  async kill(): Promise<void> {
    await this.#process.end();
  }

  /** Starts it again on its port, killing it first where it runs. */
  async restart({ keepData }: { keepData: boolean }): Promise<void> {
    await this.kill();
    if (!keepData) {
      await rm(this.folder, { recursive: true });
      await mkdir(this.folder);
    }
    this.#process = await startIn(this.folder, this.port, this.#options);
  }

  /** From now on it answers nothing, while its connections stay open. */
  pause(): void {
    this.#process.kill('SIGSTOP');
  }

  resume(): void {
    this.#process.kill('SIGCONT');
  }

  /** Waits until it, as a replica, has what its master has, and its master knows that. */
  async untilFollowing(master: RedisServer): Promise<void> {
    const [own, masters] = [this.client(), master.client()];
    await until(`port ${this.port} to follow port ${master.port}`, async () => {
      const replica = new RegExp(`port=${this.port},state=online`);
      const up = (await own.info('replication')).includes('master_link_status:up');
      return up && replica.test(await masters.info('replication'));
    });
    own.disconnect();
    masters.disconnect();
  }

  /** Ends it and its clients, and removes its data. */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function startIn(folder: string, port: number, options: RedisServerOptions): Promise<ServerProcess> {
  const { args = [], program = 'redis-server', replicaOf, tls, users } = options;
  const all = ['--dir', folder, ...DEFAULT_ARGS];
  all.push(...(tls === undefined ? ['--port', `${port}`] : ['--port', '0', '--tls-port', `${port}`]));
  if (tls !== undefined) all.push(...tls.serverArgs);
  if (replicaOf !== undefined) all.push('--replicaof', replicaOf.host, `${replicaOf.port}`);
  if (users !== undefined) {
    const file = join(folder, 'users.acl');
    await writeFile(file, `${users.join('\n')}\n`);
    all.push('--aclfile', file);
  }
  return ServerProcess.start({ program, args: [...all, ...args], servingLine: SERVING_LINE });
}
