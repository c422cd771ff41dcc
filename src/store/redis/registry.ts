/**
 * What the parts of a Redis store share: its options, keys and sharding, the script arguments that
 * say the registry's rules, and the highest epoch that Redis has told of.
 */
import { Deadline } from './deadline.ts';
import { RedisKeys, RedisSharding } from './keys.ts';
import type { RedisStoreOptions } from './options.ts';

export class RedisRegistry {
  readonly options: RedisStoreOptions;
  readonly keys: RedisKeys;
  readonly sharding: RedisSharding;
  /** Groups of shards that one script call can be given: all of them, but on a cluster each alone. */
  readonly groups: readonly (readonly number[])[];
  #reached = 0;

  constructor(options: RedisStoreOptions) {
    const { keyPrefix, shards, settings, location } = options;
    this.options = options;
    this.keys = new RedisKeys(keyPrefix, shards);
    this.sharding = new RedisSharding(shards, settings.partition);
    const all = Array.from({ length: shards }, (_, shard) => shard);
    this.groups = location.kind === 'cluster' ? all.map((shard) => [shard]) : [all];
  }

  /** The highest epoch that the registry is known to have reached. */
  get reached(): number {
    return this.#reached;
  }

  /** Redis has told of an epoch. */
  reach(epoch: number): void {
    if (epoch > this.#reached) this.#reached = epoch;
  }

  /** For a call that begins now. */
  deadline(): Deadline {
    return new Deadline(this.options.clock, this.options.timeoutMs);
  }
}
