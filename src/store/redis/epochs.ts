/**
 * Counts of complete epochs, summed over the shards. A summary is complete when every shard has
 * passed its epoch; each shard's is final from then on, so they need not be read at one moment.
 */
import { assert } from '../../domain/assert.ts';
import { EpochOutOfRange } from '../../domain/errors.ts';
import { SUMMARY_HISTORY_EPOCHS } from '../../limits.ts';
import type { EpochCounts } from '../store.ts';
import type { RedisConnection } from './connection.ts';
import type { RedisRegistry } from './registry.ts';
import { COUNTS_SCRIPT, callScript, type RedisClient } from './scripts.ts';

/** What one shard tells: its epoch, and unless that was too early or too late, its summaries. */
interface ShardSummaries {
  readonly epoch: number;
  /** Claims pending before the first epoch asked for. */
  readonly pendingBefore: number;
  /** Of epochs with activity, in order; some may lie outside those asked for. */
  readonly rows: readonly EpochCounts[];
}

type MutableCounts = { -readonly [K in keyof EpochCounts]: number };

export class RedisEpochs {
  readonly #registry: RedisRegistry;
  readonly #connection: RedisConnection;

  constructor(registry: RedisRegistry, connection: RedisConnection) {
    this.#registry = registry;
    this.#connection = connection;
  }

  /** See ClaimStore.epochCounts. @throws StoreUnavailable, EpochOutOfRange */
  async counts(from: number, to: number): Promise<EpochCounts[]> {
    const shards = await this.#shards(from, to);
    // A shard that another replica is just showing the next epoch is ahead of the others.
    checkRange(from, to, Math.min(...shards.map((shard) => shard.epoch)));
    const sums: MutableCounts[] = [];
    for (let epoch = from; epoch <= to; epoch += 1) {
      sums.push({ epoch, submitted: 0, validated: 0, expired: 0, pending: 0 });
    }
    for (const shard of shards) addShard(sums, shard);
    return sums;
  }

  async #shards(from: number, to: number): Promise<ShardSummaries[]> {
    const { groups } = this.#registry;
    const deadline = this.#registry.deadline();
    const told = await Promise.all(
      groups.map((group) => this.#connection.run(deadline, (client) => this.#ask(client, group, from, to))),
    );
    return told.flat();
  }

  async #ask(client: RedisClient, shards: readonly number[], from: number, to: number) {
    const { keys } = this.#registry;
    const names = shards.flatMap((shard) => [keys.epochs(shard), keys.summaries(shard)]);
    const args = [from, to, SUMMARY_HISTORY_EPOCHS];
    const answer = await callScript(client, { script: COUNTS_SCRIPT, keys: names, args });
    assert(Array.isArray(answer) && answer.length === shards.length, 'counts of each shard');
    return answer.map((told: Buffer[]) => parseShard(told.map(String)));
  }
}

function parseShard([epoch, before, ...buckets]: readonly string[]): ShardSummaries {
  const rows = buckets.filter((bucket) => bucket !== '').flatMap((bucket) => bucket.split(' ').map(parseRow));
  const hasBefore = before !== undefined && before !== '';
  return { epoch: Number(epoch), pendingBefore: hasBefore ? parseRow(before).pending : 0, rows };
}

/** `<epoch>:<submitted>|<validated>|<expired>|<pending>` */
function parseRow(row: string): EpochCounts {
  const numbers = row.split(/[:|]/).map(Number);
  assert(numbers.length === 5 && numbers.every(Number.isSafeInteger), `summary: ${row}`);
  const [epoch, submitted, validated, expired, pending] = numbers;
  return { epoch, submitted, validated, expired, pending };
}

/** Epochs without a row had no activity: as many stay pending as before. */
function addShard(sums: readonly MutableCounts[], { rows, pendingBefore }: ShardSummaries): void {
  const byEpoch = new Map(rows.map((row) => [row.epoch, row]));
  let pending = pendingBefore;
  for (const sum of sums) {
    const row = byEpoch.get(sum.epoch);
    if (row !== undefined) {
      pending = row.pending;
      sum.submitted += row.submitted;
      sum.validated += row.validated;
      sum.expired += row.expired;
    }
    sum.pending += pending;
  }
}

function checkRange(from: number, to: number, highest: number): void {
  const oldest = Math.max(0, highest - SUMMARY_HISTORY_EPOCHS);
  if (to >= highest) {
    throw new EpochOutOfRange(`epoch ${to} is not complete: the registry is in epoch ${highest}`);
  }
  if (from < oldest) {
    throw new EpochOutOfRange(`epoch ${from} is no longer kept: the oldest is ${oldest}`);
  }
}
