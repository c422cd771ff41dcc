/**
 * Adds claims of another registry to one in Redis, for `claimctl import`. Adding is idempotent: a
 * claim of the same identity that is there stands, so everything may be added again. Beside running
 * replicas it does no more than they do themselves: it shows the registry the epoch of its clock and
 * runs bounded scripts (scripts/import.lua).
 */
import { assert } from '../../domain/assert.ts';
import type { ClaimStatus } from '../../domain/claim.ts';
import { epochOf, expiryEpoch, type TimestampMs, timestampMs } from '../../domain/epochs.ts';
import { StoreUnavailable } from '../../domain/errors.ts';
import { EntryTable } from '../../entries/entry-table.ts';
import { REDIS_BATCH_MAX_ITEMS } from '../../limits.ts';
import { StatePartitioner } from '../../partitioner/partitioner.ts';
import { RedisCommits } from './commits.ts';
import { RedisConnection } from './connection.ts';
import type { RedisStoreOptions } from './options.ts';
import { RedisRegistry } from './registry.ts';
import { callScript, IMPORT_SCRIPT } from './scripts.ts';
import { checkSettings } from './settings.ts';
import { fieldOf } from './values.ts';

/** A claim to add, as it was elsewhere; its timestamp is one that the registry's rules allow. */
export interface ImportedClaim {
  readonly claimId: string;
  readonly playerId: string;
  readonly timestampMs: number;
  readonly status: ClaimStatus;
}

/** What became of a claim; the first three were added. */
export const IMPORT_OUTCOMES = {
  P: 'pending',
  V: 'validated',
  E: 'expired',
  S: 'same',
  T: 'taken',
  R: 'past_retention',
  U: 'unreadable_there',
} as const;
export type ImportOutcome = (typeof IMPORT_OUTCOMES)[keyof typeof IMPORT_OUTCOMES];

export interface RedisImportOptions extends Omit<RedisStoreOptions, 'entries' | 'events' | 'replicaId'> {
  /** Says what would become of the claims; writes nothing, not even settings. */
  readonly isDryRun: boolean;
  /** Whether there is no registry yet; then it is made, but by a dry run. */
  readonly isNew: boolean;
}

const LETTERS: Readonly<Record<number, string>> = { 1: 'P', 2: 'V', 3: 'E' };
/** A shard is behind the epoch it was shown only where Redis has lost data since: it is shown it again. */
const TRIES = 3;
const BEHIND = 'behind';
/** Names the connection in CLIENT LIST. Commits of no claims keep nothing under a replica's name. */
const NAME = 'claimctl-import';

export class RedisImport {
  readonly #registry: RedisRegistry;
  readonly #isDryRun: boolean;
  readonly #partitioner: StatePartitioner;
  readonly #connection: RedisConnection;
  readonly #commits: RedisCommits;

  constructor(options: RedisImportOptions) {
    const { isDryRun, isNew, settings, shards } = options;
    const events = { corruptField: () => undefined, connection: () => undefined };
    const entries = EntryTable.allocate(1);
    this.#registry = new RedisRegistry({ ...options, entries, events, replicaId: NAME });
    this.#isDryRun = isDryRun;
    this.#partitioner = new StatePartitioner(shards, settings.partition);
    this.#connection = new RedisConnection({
      ...options,
      name: NAME,
      prepare: async (client) => {
        if (!(isDryRun && isNew)) await checkSettings(this.#registry, client);
      },
    });
    this.#commits = new RedisCommits(this.#registry, this.#connection, () => undefined);
  }

  /**
   * Adds the claims, in the epoch of now.
   * @returns what became of each, in their order. After a failure some may have been added.
   * @throws RegistryMismatch, StoreUnavailable, ClockAhead
   */
  async add(claims: readonly ImportedClaim[]): Promise<ImportOutcome[]> {
    const byShard = Map.groupBy(claims.keys(), (index) => this.#shardOf(claims[index]));
    const calls = [...byShard].flatMap(([shard, indexes]) =>
      pages(indexes, REDIS_BATCH_MAX_ITEMS).map((page) => ({ shard, page })),
    );
    await this.#showEpoch();
    const outcomes = new Array<ImportOutcome>(claims.length);
    const answers = calls.map(async ({ shard, page }) => {
      const letters = await this.#addToShard(
        shard,
        page.map((index) => claims[index]),
      );
      for (const [i, index] of page.entries()) outcomes[index] = outcomeOf(letters[i]);
    });
    for (const answer of await Promise.allSettled(answers)) {
      if (answer.status === 'rejected') throw answer.reason;
    }
    return outcomes;
  }

  close(): void {
    this.#connection.close();
  }

  /** Boundaries up to now are passed before anything is added: what is due in them has expired. */
  async #showEpoch(): Promise<void> {
    const { settings } = this.#registry.options;
    const epoch = epochOf(timestampMs(this.#registry.options.clock.nowMs(), settings), settings);
    if (this.#isDryRun) this.#registry.reach(epoch);
    else if (epoch > this.#registry.reached) await this.#commits.advanceEpoch(epoch);
  }

  async #addToShard(shard: number, claims: readonly ImportedClaim[]): Promise<string> {
    const { keys, options } = this.#registry;
    const names = [keys.registry(shard), keys.epochs(shard)];
    const items = claims.flatMap((claim) => this.#item(claim));
    for (let tried = 0; tried < TRIES; tried += 1) {
      const { reached } = this.#registry;
      const args = [reached, options.settings.retentionEpochs, this.#isDryRun ? 0 : 1, ...items];
      const call = { script: IMPORT_SCRIPT, keys: names, args };
      const deadline = this.#registry.deadline();
      const answer = await this.#connection.run(deadline, (client) => callScript(client, call));
      assert(Buffer.isBuffer(answer), 'the import script answers with a string');
      const letters = answer.toString('latin1');
      if (letters !== BEHIND) return letters;
      await this.#commits.advanceEpoch(reached);
    }
    throw new StoreUnavailable(`${names[0]} does not stay in the epoch that it was shown`);
  }

  /** The script's arguments for a claim. */
  #item({ claimId, playerId, timestampMs: time, status }: ImportedClaim): (string | number)[] {
    const { settings } = this.#registry.options;
    const field = fieldOf(claimId, playerId, settings.partition);
    return [field, LETTERS[status], time, expiryEpoch(time as TimestampMs, settings), playerId];
  }

  #shardOf({ claimId, playerId }: ImportedClaim): number {
    const { entries } = this.#registry.options;
    entries.setClaimId(0, claimId);
    entries.setPlayerId(0, playerId);
    this.#partitioner.assign(entries, 0);
    return this.#registry.sharding.shardOf(entries, 0);
  }
}

function outcomeOf(letter: string): ImportOutcome {
  assert(letter in IMPORT_OUTCOMES, `the import script answers with ${letter}`);
  return IMPORT_OUTCOMES[letter as keyof typeof IMPORT_OUTCOMES];
}

function pages<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size));
}
