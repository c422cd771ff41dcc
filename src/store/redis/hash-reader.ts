/**
 * Reads the hashes of a registry in Redis field by field, as they are: for `claimctl import`, which
 * may find there what another program wrote. On a connection of its own, a bounded page at a time.
 */
import { Cluster, type Redis } from 'ioredis';
import { assert } from '../../domain/assert.ts';
import { type ClientOptions, serverOfSlot, slotOf } from './clients.ts';
import { RedisConnection } from './connection.ts';
import { Deadline } from './deadline.ts';
import { RedisKeys } from './keys.ts';
import { type KnownSettings, knownSettings } from './known-settings.ts';
import type { RedisStoreOptions } from './options.ts';
import type { RedisClient } from './scripts.ts';

export interface HashReaderOptions extends ClientOptions, Pick<RedisStoreOptions, 'clock' | 'keyPrefix'> {}

export interface HashPage {
  /** Of the server's run that the page is of: a cursor is good for no other. */
  readonly runId: string;
  /** Leads to the next page; '0' after the last. */
  readonly cursor: string;
  /** May be none, may be of an earlier page, may be more than were asked for. */
  readonly fields: readonly (readonly [field: Buffer, value: Buffer])[];
}

/** The cursor that begins. */
export const FIRST_CURSOR = '0';
/** Names the connection in CLIENT LIST. */
const NAME = 'claimctl-import-source';

export class RedisHashReader {
  readonly #options: HashReaderOptions;
  readonly #connection: RedisConnection;

  constructor(options: HashReaderOptions) {
    this.#options = options;
    this.#connection = new RedisConnection({ ...options, name: NAME });
  }

  /** What the registry under the prefix was made with; null where there is none. @throws StoreUnavailable, RegistryMismatch */
  settings(): Promise<KnownSettings | null> {
    return this.#run((client) => knownSettings(client, this.#options.keyPrefix));
  }

  /**
   * The names of its hashes: of a registry of ours as many as it has shards, else the one that the
   * predecessor had.
   * @throws StoreUnavailable, RegistryMismatch
   */
  async hashes(): Promise<string[]> {
    const shards = (await this.settings())?.shards ?? 1;
    const keys = new RedisKeys(this.#options.keyPrefix, shards);
    return Array.from({ length: shards }, (_, shard) => keys.registry(shard));
  }

  /** How many fields the hashes have, together. @throws StoreUnavailable */
  count(hashes: readonly string[]): Promise<number> {
    return this.#run(async (client) => {
      const lengths = await Promise.all(hashes.map((hash) => client.hlen(hash)));
      return lengths.reduce((sum, length) => sum + length, 0);
    });
  }

  /** The run_id of the server that has the hash. @throws StoreUnavailable */
  runIdOf(hash: string): Promise<string> {
    return this.#run(async (client) => runIdOf(await serverOf(client, hash)));
  }

  /** @param limit about how many fields. @throws StoreUnavailable */
  page(hash: string, cursor: string, limit: number): Promise<HashPage> {
    return this.#run(async (client) => {
      const server = await serverOf(client, hash);
      // One connection, so it is the same run of a server that says both.
      const scanned = server.callBuffer('hscan', [hash, cursor, 'COUNT', limit]);
      const [page, runId] = await Promise.all([scanned, runIdOf(server)]);
      return { runId, ...readPage(page) };
    });
  }

  close(): void {
    this.#connection.close();
  }

  #run<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    const deadline = new Deadline(this.#options.clock, this.#options.timeoutMs);
    return this.#connection.run(deadline, (client) => work(client));
  }
}

/** The connection to the server that has the key. */
async function serverOf(client: RedisClient, key: string): Promise<Redis> {
  if (!(client instanceof Cluster)) return client;
  return serverOfSlot(client, await slotOf(client, key));
}

async function runIdOf(server: Redis): Promise<string> {
  const runId = /^run_id:(\w+)/m.exec(String(await server.info('server')))?.[1];
  assert(runId !== undefined, 'every server has a run id');
  return runId;
}

function readPage(answer: unknown): Pick<HashPage, 'cursor' | 'fields'> {
  assert(Array.isArray(answer) && answer.length === 2, 'HSCAN answers with a cursor and fields');
  const [cursor, flat]: [Buffer, Buffer[]] = [answer[0], answer[1]];
  const fields = Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]] as const);
  return { cursor: cursor.toString(), fields };
}
