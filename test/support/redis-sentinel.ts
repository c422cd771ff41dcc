/** Redis Sentinels that watch a master and its replicas, and make a replica the master when it fails. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort, LOOPBACK } from './free-port.ts';
import type { RedisServer } from './redis-server.ts';
import { ServerProcess } from './server-process.ts';
import { until } from './waiting.ts';

/** The name under which they know the master. */
export const MASTER_NAME = 'claims';
/** A master that is silent for so long has failed, milliseconds. */
const DOWN_AFTER_MS = 1_000;
const FAILOVER_TIMEOUT_MS = 3_000;

export interface SentinelOptions {
  readonly master: RedisServer;
  /** All that follow the master already. */
  readonly replicas: readonly RedisServer[];
  /** 3 by default; most of them have to agree. */
  readonly count?: number;
}

/** Starts sentinels and waits until each knows the replicas and the other sentinels. */
export async function startSentinels(options: SentinelOptions): Promise<RedisSentinels> {
  const { master, replicas, count = 3 } = options;
  const folder = await mkdtemp(join(tmpdir(), 'claims-sentinel-'));
  const started: Sentinel[] = [];
  try {
    for (let n = 0; n < count; n += 1)
      started.push(await startSentinel(join(folder, `${n}.conf`), master, count));
    const sentinels = new RedisSentinels(folder, started);
    await sentinels.untilInformed(replicas.length);
    return sentinels;
  } catch (error) {
    await Promise.all(started.map(({ process }) => process.end()));
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

interface Sentinel {
  readonly port: number;
  readonly process: ServerProcess;
}

async function startSentinel(file: string, master: RedisServer, count: number): Promise<Sentinel> {
  const port = await freePort();
  const quorum = Math.floor(count / 2) + 1;
  const lines = [
    `port ${port}`,
    `bind ${LOOPBACK}`,
    `sentinel monitor ${MASTER_NAME} ${master.host} ${master.port} ${quorum}`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${MASTER_NAME} ${FAILOVER_TIMEOUT_MS}`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const command = { program: 'redis-server', args: [file, '--sentinel'], servingLine: '+monitor master' };
  return { port, process: await ServerProcess.start(command) };
}

export class RedisSentinels {
  readonly #folder: string;
  readonly #sentinels: readonly Sentinel[];
  readonly #clients: readonly Redis[];

  constructor(folder: string, sentinels: readonly Sentinel[]) {
    this.#folder = folder;
    this.#sentinels = sentinels;
    this.#clients = sentinels.map(({ port }) => {
      const client = new Redis({ host: LOOPBACK, port });
      // What fails is told by the command that it fails; ioredis would print it a second time.
      client.on('error', () => undefined);
      return client;
    });
  }

  get addresses(): { host: string; port: number }[] {
    return this.#sentinels.map(({ port }) => ({ host: LOOPBACK, port }));
  }

  /** As CLAIMS_STORE names the master. */
  get url(): string {
    const hosts = this.#sentinels.map(({ port }) => `${LOOPBACK}:${port}`).join(',');
    return `redis+sentinel://${hosts}/${MASTER_NAME}/0`;
  }

  /** The port of the master, as every sentinel says; undefined while they differ. */
  async masterPort(): Promise<number | undefined> {
    const told = await Promise.all(
      this.#clients.map((client) => client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME)),
    );
    const ports = new Set(told.map((address) => Number((address as string[])[1])));
    return ports.size === 1 ? [...ports][0] : undefined;
  }

  /** Makes a replica the master, as an operator does. */
  async failover(): Promise<void> {
    await this.#clients[0].call('SENTINEL', 'FAILOVER', MASTER_NAME);
  }

  /** Waits until each sentinel knows so many replicas and all other sentinels. */
  async untilInformed(replicas: number): Promise<void> {
    for (const client of this.#clients) {
      await until('a sentinel to know the others', async () => {
        const found = await Promise.all(
          ['REPLICAS', 'SENTINELS'].map((of) => client.call('SENTINEL', of, MASTER_NAME)),
        );
        const [slaves, others] = found.map((list) => (list as unknown[]).length);
        return slaves === replicas && others === this.#sentinels.length - 1;
      });
    }
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    await Promise.all(this.#sentinels.map(({ process }) => process.end()));
    await rm(this.#folder, { recursive: true, force: true });
  }
}
