/**
 * A Redis Cluster of real servers on the loopback: masters that share the slots evenly, a replica of
 * each where asked for, and what a test does to one: look up owners, move a slot.
 */
import type { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { type RedisServer, type RedisServerOptions, startRedis } from './redis-server.ts';
import { until } from './waiting.ts';

export const SLOTS = 16_384;
/** Keys of one MIGRATE: so that a slot's keys are apart for a while. */
const MIGRATED_KEYS = 1;
const MIGRATE_TIMEOUT_MS = 5_000;

export interface RedisClusterOptions {
  readonly masters?: number;
  /** Of each master. */
  readonly replicas?: 0 | 1;
  /**
   * After so long without an answer a node counts as failed, milliseconds; 5,000 by default, so that
   * a machine that is busy has no failed nodes.
   */
  readonly nodeTimeoutMs?: number;
  readonly server?: Omit<RedisServerOptions, 'port' | 'replicaOf'>;
}

/** Starts the servers, and waits until each says that the cluster is whole. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const { masters = 3, replicas = 0, nodeTimeoutMs = 5_000, server = {} } = options;
  const nodes: RedisServer[] = [];
  try {
    for (let n = 0; n < masters * (1 + replicas); n += 1) {
      const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', `${nodeTimeoutMs}`];
      args.push('--cluster-port', `${await freePort()}`, ...(server.args ?? []));
      nodes.push(await startRedis({ ...server, args }));
    }
    const cluster = new RedisCluster(nodes, masters);
    await cluster.form();
    return cluster;
  } catch (error) {
    await Promise.all(nodes.map((node) => node.stop()));
    throw error;
  }
}

export class RedisCluster {
  /** First those that began as masters, then the replicas of each, in the same order. */
  readonly nodes: readonly RedisServer[];
  readonly masters: readonly RedisServer[];
  readonly replicas: readonly RedisServer[];
  readonly #clients: ReadonlyMap<RedisServer, Redis>;
  readonly #ids = new Map<RedisServer, string>();

  constructor(nodes: readonly RedisServer[], masters: number) {
    this.nodes = nodes;
    this.masters = nodes.slice(0, masters);
    this.replicas = nodes.slice(masters);
    this.#clients = new Map(nodes.map((node) => [node, node.client()]));
  }

  /** As CLAIMS_STORE names it. */
  get url(): string {
    return `redis+cluster://${this.masters.map(({ host, port }) => `${host}:${port}`).join(',')}`;
  }

  /** A connection of the test's to one node; what it asks, that node answers itself. */
  client(node: RedisServer): Redis {
    const client = this.#clients.get(node);
    if (client === undefined) throw new Error('a node of another cluster');
    return client;
  }

  idOf(node: RedisServer): string {
    const id = this.#ids.get(node);
    if (id === undefined) throw new Error('a node of another cluster');
    return id;
  }

  async slotOf(key: string): Promise<number> {
    return this.client(this.masters[0]).cluster('KEYSLOT', key);
  }

  /** The node that, as it says itself, serves a slot. Waits where none does. */
  async ownerOf(slot: number): Promise<RedisServer> {
    return until(`an owner of slot ${slot}`, async () => {
      const owners = await Promise.all(this.nodes.map((node) => this.#serves(node, slot)));
      return this.nodes[owners.indexOf(true)];
    });
  }

  /** Joins the nodes; startRedisCluster does. */
  async form(): Promise<void> {
    for (const node of this.nodes)
      this.#ids.set(node, (await this.client(node).call('CLUSTER', 'MYID')) as string);
    await Promise.all(this.masters.map((node, n) => this.#giveSlots(node, n)));
    await this.#introduce();
    await Promise.all(this.replicas.map((node, n) => this.#follow(node, this.masters[n])));
    await this.untilOk(this.nodes);
  }

  /** Waits until each of the nodes serves, and knows of every replica. */
  async untilOk(nodes: readonly RedisServer[]): Promise<void> {
    for (const node of nodes) {
      await until(`the cluster to be ok as port ${node.port} sees it`, () => this.#isOk(node));
    }
  }

  /** Moves a slot with its keys to another master, as redis-cli --cluster reshard does. */
  async moveSlot(
    slot: number,
    to: RedisServer,
    between: () => Promise<unknown> = async () => undefined,
  ): Promise<void> {
    const from = await this.ownerOf(slot);
    await this.client(to).call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', this.idOf(from));
    await this.client(from).call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', this.idOf(to));
    await between();
    while (await this.#moveKeys(slot, from, to)) await between();
    for (const node of [to, from, ...this.masters.filter((other) => other !== to && other !== from)]) {
      await this.client(node).call('CLUSTER', 'SETSLOT', slot, 'NODE', this.idOf(to));
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  /** @returns whether there may be more */
  async #moveKeys(slot: number, from: RedisServer, to: RedisServer): Promise<boolean> {
    const client = this.client(from);
    const keys = await client.cluster('GETKEYSINSLOT', slot, MIGRATED_KEYS);
    if (keys.length === 0) return false;
    await client.call('MIGRATE', to.host, to.port, '', 0, MIGRATE_TIMEOUT_MS, 'KEYS', ...keys);
    return true;
  }

  async #giveSlots(node: RedisServer, n: number): Promise<void> {
    const share = (part: number): number => Math.floor((SLOTS * part) / this.masters.length);
    const client = this.client(node);
    await client.call('CLUSTER', 'ADDSLOTSRANGE', share(n), share(n + 1) - 1);
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', n + 1);
  }

  /** Everybody meets everybody: gossip would get there as well, seconds later. */
  async #introduce(): Promise<void> {
    const busPorts = await Promise.all(this.nodes.map((node) => this.#busPort(node)));
    for (const [n, node] of this.nodes.entries()) {
      for (let other = 0; other < n; other += 1) {
        const { host, port } = this.nodes[other];
        await this.client(node).call('CLUSTER', 'MEET', host, port, busPorts[other]);
      }
    }
    for (const node of this.nodes) {
      await until(`port ${node.port} to know all nodes`, async () => {
        const known = (await this.#lines(node)).filter((line) => !line.includes('handshake'));
        return known.length === this.nodes.length;
      });
    }
  }

  async #busPort(node: RedisServer): Promise<number> {
    const [, port] = (await this.client(node).config('GET', 'cluster-port')) as string[];
    return Number(port);
  }

  async #follow(replica: RedisServer, master: RedisServer): Promise<void> {
    await this.client(replica).call('CLUSTER', 'REPLICATE', this.idOf(master));
    await replica.untilFollowing(master);
  }

  async #isOk(node: RedisServer): Promise<boolean> {
    const info = await this.client(node).cluster('INFO');
    const lines = await this.#lines(node);
    const replicas = lines.filter((line) => /\bslave\b/.test(line)).length;
    return String(info).includes('cluster_state:ok') && replicas === this.replicas.length;
  }

  async #lines(node: RedisServer): Promise<string[]> {
    return String(await this.client(node).call('CLUSTER', 'NODES'))
      .trim()
      .split('\n');
  }

  async #serves(node: RedisServer, slot: number): Promise<boolean> {
    const lines = await this.#lines(node);
    const own = lines.find((line) => line.includes('myself') && line.includes('master')) ?? '';
    return own
      .split(' ')
      .slice(8)
      .some((range) => {
        const [first, last = first] = range.split('-').map(Number);
        return first <= slot && slot <= last;
      });
  }
}
