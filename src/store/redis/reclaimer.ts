/**
 * Frees claims past retention. Redis has no order by which to find them, so whoever scans tells of
 * those it meets; where that is too few, a patrol of its own reads a page. The script looks at each
 * again before it deletes it: an id may have been born anew.
 */
import { assert } from '../../domain/assert.ts';
import {
  REDIS_DROPPED_BUCKETS_MAX,
  REDIS_REMEMBERED_CLAIMS_MAX,
  SCAN_PAGE_RECORDS,
  SUMMARY_HISTORY_EPOCHS,
} from '../../limits.ts';
import type { RedisConnection } from './connection.ts';
import { packStrings } from './pack.ts';
import type { RedisRegistry } from './registry.ts';
import { type RedisScanPages, SCAN_START, type ScanPosition } from './scan-page.ts';
import { callScript, RECLAIM_SCRIPT } from './scripts.ts';

/** Epochs between two looks at a shard's summaries: those of a bucket. */
const SUMMARIES_EVERY_EPOCHS = 64;

export class RedisReclaimer {
  readonly #registry: RedisRegistry;
  readonly #connection: RedisConnection;
  /** By shard: fields of claims past retention. */
  readonly #past: readonly Set<string>[];
  #remembered = 0;
  /** By shard: the epoch in which its summaries are to be looked at next. */
  readonly #summariesDue: number[];
  #patrol: ScanPosition = SCAN_START;

  constructor(registry: RedisRegistry, connection: RedisConnection) {
    this.#registry = registry;
    this.#connection = connection;
    this.#past = Array.from({ length: registry.keys.shards }, () => new Set<string>());
    this.#summariesDue = new Array(registry.keys.shards).fill(0);
  }

  /** A scan met a claim past retention. */
  remember(shard: number, field: string): void {
    if (this.#remembered >= REDIS_REMEMBERED_CLAIMS_MAX || this.#past[shard].has(field)) return;
    this.#past[shard].add(field);
    this.#remembered += 1;
  }

  /** See ClaimStore.reclaim. @throws StoreUnavailable */
  async reclaim(limit: number, pages: RedisScanPages): Promise<number> {
    assert(limit >= 1, `reclaim: limit ${limit}`);
    if (this.#remembered < limit) {
      const { next } = await pages.read(this.#patrol, SCAN_PAGE_RECORDS);
      this.#patrol = next ?? SCAN_START;
    }
    const freed: Promise<number>[] = [];
    let room = limit;
    for (let shard = 0; shard < this.#past.length; shard += 1) {
      const fields = this.#take(shard, room);
      room -= fields.length;
      const dropsSummaries = this.#registry.reached >= this.#summariesDue[shard];
      if (fields.length > 0 || dropsSummaries) freed.push(this.#free(shard, fields, dropsSummaries));
    }
    return (await Promise.all(freed)).reduce((sum, count) => sum + count, 0);
  }

  #take(shard: number, limit: number): string[] {
    const fields: string[] = [];
    for (const field of this.#past[shard]) {
      if (fields.length === limit) break;
      this.#past[shard].delete(field);
      fields.push(field);
    }
    this.#remembered -= fields.length;
    return fields;
  }

  async #free(shard: number, fields: readonly string[], dropsSummaries: boolean): Promise<number> {
    const { keys, options, reached } = this.#registry;
    const args = [
      ...[options.settings.retentionEpochs, SUMMARY_HISTORY_EPOCHS],
      ...[dropsSummaries ? REDIS_DROPPED_BUCKETS_MAX : 0, packStrings(fields)],
    ];
    const names = [keys.registry(shard), keys.epochs(shard), keys.summaries(shard)];
    const call = { script: RECLAIM_SCRIPT, keys: names, args };
    const freed = await this.#connection.run(this.#registry.deadline(), (client) => callScript(client, call));
    assert(typeof freed === 'number', 'the reclaim script answers with a number');
    if (dropsSummaries) this.#summariesDue[shard] = reached + SUMMARIES_EVERY_EPOCHS;
    return freed;
  }
}
