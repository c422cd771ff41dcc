/**
 * Commits into Redis: one after another, each one script call (on a cluster one for each shard it
 * touches, together). A commit whose answer was lost is sent again with the number that it had, and
 * the script answers what it answered then (scripts/commit.lua).
 */
import { StoreUnavailable } from '../../domain/errors.ts';
import { REDIS_BATCH_MAX_ITEMS, REDIS_FENCE_SECONDS, REDIS_WAITING_COMMITS_MAX } from '../../limits.ts';
import type { CommitBatch } from '../store.ts';
import { isOfNewShard, RedisAnswer } from './answer.ts';
import { RedisBatch, type ShardItems } from './batch.ts';
import type { RedisConnection } from './connection.ts';
import type { Deadline } from './deadline.ts';
import type { RedisRegistry } from './registry.ts';
import {
  COMMIT_SCRIPT,
  callScript,
  type RedisClient,
  type ScriptArgument,
  type ScriptCall,
} from './scripts.ts';
import { makeSettings } from './settings.ts';

const NOTHING = Buffer.alloc(0);
/** A call without items is not counted, and keeps no fence: it may be sent any number of times. */
const NO_NUMBER = '';
/** Whether a shard may be begun, and the argument's place. */
const MAY_NOT_BEGIN = '';
const MAY_BEGIN = '1';
const MAY_BEGIN_AT = 7;

export class RedisCommits {
  readonly #registry: RedisRegistry;
  readonly #connection: Pick<RedisConnection, 'run'>;
  readonly #batch: RedisBatch;
  readonly #unreadable: (entry: number) => void;
  /** Number of the last commit that was begun. */
  #last = 0;
  #waiting = 0;
  /** Settles with the last commit that was called for; never rejects. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param unreadable told each entry whose claim has a value in Redis that can't be read. */
  constructor(
    registry: RedisRegistry,
    connection: Pick<RedisConnection, 'run'>,
    unreadable: (entry: number) => void,
  ) {
    const { entries, settings, shards } = registry.options;
    this.#registry = registry;
    this.#connection = connection;
    this.#unreadable = unreadable;
    this.#batch = new RedisBatch(entries, settings, registry.sharding, shards, REDIS_BATCH_MAX_ITEMS);
  }

  /** See ClaimStore.commit. @throws StoreUnavailable, ClockAhead */
  async commit(batch: CommitBatch): Promise<number> {
    if (this.#waiting >= REDIS_WAITING_COMMITS_MAX) {
      throw new StoreUnavailable(`${this.#waiting} commits wait for Redis already`);
    }
    // Counted from the call: whoever waits behind a server that is away ends no later for it.
    const deadline = this.#registry.deadline();
    this.#waiting += 1;
    const committed = this.#turn.then(() => this.#send(batch, deadline));
    const settled = () => {
      this.#waiting -= 1;
    };
    this.#turn = committed.then(settled, settled);
    return committed;
  }

  /** See ClaimStore.advanceEpoch: a commit of no items in every shard. @throws StoreUnavailable, ClockAhead */
  async advanceEpoch(epoch: number): Promise<number> {
    const asked = Math.max(epoch, this.#registry.reached);
    const deadline = this.#registry.deadline();
    const calls = this.#registry.groups.map((shards) =>
      commitCall(this.#registry, NO_NUMBER, asked, shards.map(noItems)),
    );
    const answers = await this.#answers(calls, asked, deadline);
    for (const answer of answers) this.#registry.reach(answer.epoch);
    return this.#registry.reached;
  }

  async #send(batch: CommitBatch, deadline: Deadline): Promise<number> {
    const asked = Math.max(batch.epoch, this.#registry.reached);
    const touched = this.#batch.encode(batch);
    const parts = touched.length === 0 ? [noItems(0)] : touched;
    // On a cluster each shard has a call of its own, elsewhere they share one.
    const isCluster = this.#registry.options.location.kind === 'cluster';
    const groups = isCluster ? parts.map((part) => [part]) : [parts];
    this.#last += 1;
    const number = String(this.#last);
    const calls = groups.map((group) => commitCall(this.#registry, number, asked, group));
    const answers = await this.#answers(calls, asked, deadline);
    for (const [i, group] of groups.entries()) this.#publish(answers[i], group);
    return this.#registry.reached;
  }

  #publish(answer: RedisAnswer, group: readonly ShardItems[]): void {
    this.#registry.reach(answer.epoch);
    const decided = group.map((part) => part.entries);
    answer.publish(this.#registry.options.entries, decided, this.#unreadable);
  }

  /** All or none: only when every call is answered is any entry written to. */
  async #answers(calls: readonly ScriptCall[], asked: number, deadline: Deadline): Promise<RedisAnswer[]> {
    const answered = await Promise.allSettled(
      calls.map((call) => this.#connection.run(deadline, (client) => this.#ask(client, call))),
    );
    return answered.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return new RedisAnswer(result.value, asked);
    });
  }

  /** A shard is begun only where the registry's settings are: whoever empties Redis takes them too. */
  async #ask(client: RedisClient, call: ScriptCall): Promise<unknown> {
    const answer = await callScript(client, call);
    if (!isOfNewShard(answer)) return answer;
    await makeSettings(this.#registry, client);
    return callScript(client, { ...call, args: call.args.with(MAY_BEGIN_AT, MAY_BEGIN) });
  }
}

/**
 * The script's call for some shards' items: all that a batch touches, on a cluster one at a time.
 * @param number of the commit, growing with each of the replica; NO_NUMBER for one without items.
 */
export function commitCall(
  { keys, reached, options }: RedisRegistry,
  number: string,
  asked: number,
  parts: readonly ShardItems[],
): ScriptCall {
  const { settings, maxClockSkewMs, location, replicaId } = options;
  // One key fences all shards of a server, so that it is the same whatever the batch touches.
  const fenced = location.kind === 'cluster' ? parts[0].shard : 0;
  const names = [keys.fence(fenced, replicaId)];
  const args: ScriptArgument[] = [
    ...[number, asked, reached, settings.retentionEpochs, settings.epochLengthMs],
    ...[maxClockSkewMs, REDIS_FENCE_SECONDS, MAY_NOT_BEGIN],
  ];
  for (const { shard, fields, items } of parts) {
    names.push(keys.registry(shard), keys.epochs(shard), keys.summaries(shard));
    args.push(fields, items);
  }
  return { script: COMMIT_SCRIPT, keys: names, args };
}

function noItems(shard: number): ShardItems {
  return { shard, entries: new Int32Array(0), fields: NOTHING, items: NOTHING };
}
