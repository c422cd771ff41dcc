/**
 * Commits into Redis: two in flight at most, each one script call (on a cluster one for each shard it
 * touches, together). A commit whose answer was lost is sent again with the number that it had, and
 * the script answers what it answered then; it decides none before the one that was begun before it
 * (scripts/commit.lua).
 */
import { StoreUnavailable } from '../../domain/errors.ts';
import {
  REDIS_BATCH_MAX_ITEMS,
  REDIS_COMMITS_IN_FLIGHT,
  REDIS_FENCE_SECONDS,
  REDIS_WAITING_COMMITS_MAX,
} from '../../limits.ts';
import type { CommitBatch } from '../store.ts';
import { isOfNewShard, isTooEarly, RedisAnswer } from './answer.ts';
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
/** Whether a shard may be begun, and the argument's index. */
const MAY_NOT_BEGIN = '';
const MAY_BEGIN = '1';
const MAY_BEGIN_AT = 7;
/** The commit to decide before, and the argument's index. */
const NO_EARLIER = '';
const EARLIER_AT = 8;

/** Which commit is sent, and which of the replica's two fences keeps its answer. */
export interface CommitNumber {
  /** Growing with each of the replica; NO_NUMBER for one without items. */
  readonly number: string;
  readonly place: number;
}

interface CommitInFlight {
  readonly number: string;
  /** Shards that hold its fence. */
  readonly fenced: ReadonlySet<number>;
  /** Fulfilled when it has been answered or has failed. */
  readonly settled: Promise<void>;
}

export class RedisCommits {
  readonly #registry: RedisRegistry;
  readonly #connection: Pick<RedisConnection, 'run'>;
  readonly #batch: RedisBatch;
  readonly #unreadable: (entry: number) => void;
  /** Number of the last commit that was begun. */
  #last = 0;
  #waiting = 0;
  readonly #inFlight: (CommitInFlight | undefined)[] = Array.from(
    { length: REDIS_COMMITS_IN_FLIGHT },
    () => undefined,
  );
  /** Fulfilled when the last commit that was called for has been sent. */
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
    const sent = this.#turn.then(() => this.#send(batch, deadline));
    this.#turn = sent.catch(() => undefined);
    try {
      return await (await sent).answered;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** See ClaimStore.advanceEpoch: a commit of no items in every shard. @throws StoreUnavailable, ClockAhead */
  async advanceEpoch(epoch: number): Promise<number> {
    const asked = Math.max(epoch, this.#registry.reached);
    const deadline = this.#registry.deadline();
    const calls = this.#registry.groups.map((shards) =>
      commitCall(this.#registry, { number: NO_NUMBER, place: 0 }, asked, shards.map(noItems)),
    );
    const answers = await allOrNone(calls.map((call) => this.#answer(call, deadline)));
    for (const answer of answers) this.#registry.reach(new RedisAnswer(answer, asked).epoch);
    return this.#registry.reached;
  }

  /** Waits until it may be in flight, and sends it. */
  async #send(batch: CommitBatch, deadline: Deadline): Promise<{ readonly answered: Promise<number> }> {
    const place = await this.#freePlace();
    this.#last += 1;
    const number = String(this.#last);
    const groups = this.#groups(batch);
    const earlier = this.#inFlight.find((commit) => commit !== undefined);
    const answered = this.#decide({ number, place }, groups, batch.epoch, earlier, deadline);
    const settle = () => {
      this.#inFlight[place] = undefined;
    };
    const fenced = new Set(groups.map((group) => fencedShard(this.#registry, group)));
    this.#inFlight[place] = { number, fenced, settled: answered.then(settle, settle) };
    return { answered };
  }

  async #freePlace(): Promise<number> {
    for (;;) {
      const place = this.#inFlight.indexOf(undefined);
      if (place !== -1) return place;
      await Promise.race(this.#inFlight.map((commit) => commit?.settled));
    }
  }

  /** What each script call decides: on a cluster each shard has one of its own, elsewhere they share it. */
  #groups(batch: CommitBatch): ShardItems[][] {
    const touched = this.#batch.encode(batch);
    const parts = touched.length === 0 ? [noItems(0)] : touched;
    return isCluster(this.#registry) ? parts.map((part) => [part]) : [parts];
  }

  /** @param earlier the other commit that is in flight, if there is one. */
  async #decide(
    number: CommitNumber,
    groups: readonly ShardItems[][],
    epoch: number,
    earlier: CommitInFlight | undefined,
    deadline: Deadline,
  ): Promise<number> {
    const asked = Math.max(epoch, this.#registry.reached);
    const calls = groups.map((group) => {
      const call = commitCall(this.#registry, number, asked, group);
      const isFree = earlier === undefined || !earlier.fenced.has(fencedShard(this.#registry, group));
      return isFree ? this.#answer(call, deadline) : this.#answerAfter(earlier, call, deadline);
    });
    const answers = (await allOrNone(calls)).map((answer) => new RedisAnswer(answer, asked));
    for (const [i, group] of groups.entries()) this.#publish(answers[i], group);
    return this.#registry.reached;
  }

  #publish(answer: RedisAnswer, group: readonly ShardItems[]): void {
    this.#registry.reach(answer.epoch);
    const decided = group.map((part) => part.entries);
    answer.publish(this.#registry.options.entries, decided, this.#unreadable);
  }

  /** Sent behind the earlier one at once. Should that have been lost on the way, it waits for what becomes of it. */
  async #answerAfter(earlier: CommitInFlight, call: ScriptCall, deadline: Deadline): Promise<unknown> {
    const args = call.args.with(EARLIER_AT, earlier.number);
    const answer = await this.#answer({ ...call, args }, deadline);
    if (!isTooEarly(answer)) return answer;
    await earlier.settled;
    return this.#answer(call, deadline);
  }

  #answer(call: ScriptCall, deadline: Deadline): Promise<unknown> {
    return this.#connection.run(deadline, (client) => this.#ask(client, call));
  }

  /** A shard is begun only where the registry's settings are: whoever empties Redis takes them too. */
  async #ask(client: RedisClient, call: ScriptCall): Promise<unknown> {
    const answer = await callScript(client, call);
    if (!isOfNewShard(answer)) return answer;
    await makeSettings(this.#registry, client);
    return callScript(client, { ...call, args: call.args.with(MAY_BEGIN_AT, MAY_BEGIN) });
  }
}

/** The script's call for some shards' items: all that a batch touches, on a cluster one at a time. */
export function commitCall(
  registry: RedisRegistry,
  { number, place }: CommitNumber,
  asked: number,
  parts: readonly ShardItems[],
): ScriptCall {
  const { keys, reached, options } = registry;
  const { settings, maxClockSkewMs, replicaId } = options;
  const fenced = fencedShard(registry, parts);
  const names = [keys.fence(fenced, replicaId, place), keys.fence(fenced, replicaId, 1 - place)];
  const args: ScriptArgument[] = [
    ...[number, asked, reached, settings.retentionEpochs, settings.epochLengthMs],
    ...[maxClockSkewMs, REDIS_FENCE_SECONDS, MAY_NOT_BEGIN, NO_EARLIER],
  ];
  for (const { shard, fields, items } of parts) {
    names.push(keys.registry(shard), keys.epochs(shard), keys.summaries(shard));
    args.push(fields, items);
  }
  return { script: COMMIT_SCRIPT, keys: names, args };
}

/** The shard that keeps the fences: one for all shards of a server, so that it is the same whatever a batch touches. */
function fencedShard(registry: RedisRegistry, parts: readonly ShardItems[]): number {
  return isCluster(registry) ? parts[0].shard : 0;
}

function isCluster({ options }: RedisRegistry): boolean {
  return options.location.kind === 'cluster';
}

/** What all come to; only when every one is answered is anything made of any. */
async function allOrNone<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(work);
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

function noItems(shard: number): ShardItems {
  return { shard, entries: new Int32Array(0), fields: NOTHING, items: NOTHING };
}
