/**
 * Names of a registry's keys in Redis, and which shard a claim lies in.
 *
 *     claim_registry:{k}                  hash: a claim's field (values) → its value
 *     claim_epochs:{k}                    hash: the shard's epoch, counts of it, and what falls due when
 *     claim_summaries:{k}                 hash: first epoch of a bucket → summaries of complete epochs
 *     claim_commit:{k}:<replica>:<place>  string: number and answer of the last commit that a replica
 *                                         had in flight in that place, 0 or 1
 *     claim_registry_settings             hash: what the registry was made with
 *
 * All keys of a shard have one tag and so one slot of a Redis Cluster. A single shard's hash is
 * plain `claim_registry`; the others are tagged with its whole name, which has the same effect.
 */
import { assert } from '../../domain/assert.ts';
import type { PartitionMode } from '../../domain/claim.ts';
import type { EntryTable } from '../../entries/entry-table.ts';
import { hashBytes } from '../../partitioner/hash.ts';
import { StatePartitioner } from '../../partitioner/partitioner.ts';

export class RedisKeys {
  readonly shards: number;
  readonly settings: string;
  readonly #prefix: string;

  /** @param prefix begins every name; holds no braces, which would make another tag. */
  constructor(prefix: string, shards: number) {
    assert(!/[{}]/.test(prefix), `key prefix: ${prefix}`);
    this.shards = shards;
    this.settings = `${prefix}claim_registry_settings`;
    this.#prefix = prefix;
  }

  registry(shard: number): string {
    return this.shards === 1 ? `${this.#prefix}claim_registry` : this.#tagged('claim_registry', shard);
  }

  epochs(shard: number): string {
    return this.#tagged('claim_epochs', shard);
  }

  summaries(shard: number): string {
    return this.#tagged('claim_summaries', shard);
  }

  /** @param place 0 or 1, of the two commits that a replica may have in flight. */
  fence(shard: number, replicaId: string, place: number): string {
    return `${this.#tagged('claim_commit', shard)}:${replicaId}:${place}`;
  }

  #tagged(name: string, shard: number): string {
    const tag = this.shards === 1 ? `${this.#prefix}claim_registry` : String(shard);
    return `${this.#prefix}${name}:{${tag}}`;
  }
}

/** Which shard an entry's claim lies in: the high bits that choose its segment too. */
export class RedisSharding {
  readonly #partitioner: StatePartitioner;

  /** @param shards a power of two. */
  constructor(shards: number, partition: PartitionMode) {
    this.#partitioner = new StatePartitioner(shards, partition);
  }

  shardOf(entries: EntryTable, entry: number): number {
    if (this.#partitioner.segments === 1) return 0;
    if (this.#partitioner.mode === 'claim') return this.#partitioner.segmentOf(entries.hash[entry]);
    // Of a player's bucket: entries.hash is the claim's own, whose high bits lie anywhere.
    const at = entries.playerOffset(entry);
    return this.#partitioner.segmentOf(hashBytes(entries.ids, at, at + entries.playerLength[entry]));
  }
}
