/**
 * Two commits in flight: whatever is lost, delayed or sent again of either, each is decided once, the
 * earlier before the later, and one that was given up not after a later one.
 */
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import * as fc from 'fast-check';
import { systemClock } from '../../../src/clock/clock.ts';
import { ClaimOperation, Outcome } from '../../../src/domain/claim.ts';
import { StoreUnavailable } from '../../../src/domain/errors.ts';
import { EntryTable } from '../../../src/entries/entry-table.ts';
import { REDIS_COMMITS_IN_FLIGHT } from '../../../src/limits.ts';
import { RedisCommits } from '../../../src/store/redis/commits.ts';
import { RedisConnection } from '../../../src/store/redis/connection.ts';
import type { Deadline } from '../../../src/store/redis/deadline.ts';
import type { RedisStoreOptions } from '../../../src/store/redis/options.ts';
import { RedisRegistry } from '../../../src/store/redis/registry.ts';
import type { RedisClient } from '../../../src/store/redis/scripts.ts';
import { type EntryFields, fill, read } from '../../support/entries.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { standaloneAt } from './replica.ts';

const SETTINGS = {
  epochLengthMs: 10_000,
  validationWindowMs: 10_000,
  retentionEpochs: 60,
  partition: 'claim',
} as const;
const EPOCH = 100;

let server: RedisServer;
let made = 0;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

type Work = () => Promise<unknown>;
/** What becomes of one call on its way: it is given how to send it, as often as it likes. */
type Fate = (send: Work) => Promise<unknown>;

const sent: Fate = (send) => send();
const answerLost: Fate = async (send) => {
  await send();
  return send();
};

/** A connection whose calls meet their fates, one for each call of `run`, in order; then they are just sent. */
class FatefulConnection {
  readonly fates: Fate[] = [];
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  run<T>(deadline: Deadline, work: (client: RedisClient) => Promise<T>): Promise<T> {
    const fate = this.fates.shift() ?? sent;
    return fate(() => this.#connection.run(deadline, work)) as Promise<T>;
  }
}

class Replica {
  readonly connection: FatefulConnection;
  readonly #entries = EntryTable.allocate(64);
  readonly #commits: RedisCommits;
  #filled = 0;

  constructor(t: Pick<TestContext, 'after'>) {
    const options: RedisStoreOptions = {
      location: standaloneAt(server),
      settings: SETTINGS,
      shards: 4,
      keyPrefix: `in-flight-${made++}:`,
      maxClockSkewMs: 1e12,
      timeoutMs: 5_000,
      clock: systemClock,
      entries: this.#entries,
      replicaId: 'replica',
      events: { corruptField: () => undefined, connection: () => undefined },
    };
    const connection = new RedisConnection({ ...options, name: 'test' });
    t.after(() => connection.close());
    this.connection = new FatefulConnection(connection);
    this.#commits = new RedisCommits(new RedisRegistry(options), this.connection, () => undefined);
  }

  /** Outcomes, in the items' order. */
  async commit(...items: EntryFields[]): Promise<number[]> {
    const entries = Int32Array.from(items, (item) => {
      fill(this.#entries, this.#filled, item);
      return this.#filled++;
    });
    await this.#commits.commit({ entries, count: items.length, epoch: EPOCH });
    return Array.from(entries, (entry) => read(this.#entries, entry).outcome);
  }
}

const submit = (claimId: string, playerId = 'p1'): EntryFields => ({
  operation: ClaimOperation.SUBMIT,
  claimId,
  playerId,
  timestampMs: 1_005_000,
  expiresAtEpoch: 102,
});
const validate = (claimId: string): EntryFields => ({
  operation: ClaimOperation.VALIDATE,
  claimId,
  playerId: 'p1',
});
const { ACCEPTED, REPLAYED, NOT_FOUND, TAKEN } = Outcome;

/** Resolves when it is told to; and a fate that waits for that before it sends. */
function gate(): { open: () => void; held: Fate } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, held: (send) => promise.then(send) };
}

describe('two commits in flight', () => {
  test('are both on their way before either is answered; a third waits for its place', async (t) => {
    const replica = new Replica(t);
    const [first, second] = [gate(), gate()];
    let begun = 0;
    const counted =
      (fate: Fate): Fate =>
      (send) => {
        begun += 1;
        return fate(send);
      };
    replica.connection.fates.push(counted(first.held), counted(second.held), counted(sent));
    const commits = ['a', 'b', 'c'].map((id) => replica.commit(submit(id)));
    await new Promise((next) => {
      setImmediate(next);
    });
    assert.equal(begun, REDIS_COMMITS_IN_FLIGHT);
    first.open();
    await commits[0];
    second.open();
    assert.deepEqual(await Promise.all(commits), [[ACCEPTED], [ACCEPTED], [ACCEPTED]]);
    assert.equal(begun, 3);
  });

  test('the later is not decided first where the earlier was lost on its way', async (t) => {
    const replica = new Replica(t);
    const first = gate();
    let early: unknown;
    replica.connection.fates.push(first.held, async (send) => {
      early = await send();
      first.open();
      return early;
    });
    const commits = [replica.commit(submit('a')), replica.commit(validate('a'))];
    assert.deepEqual(await Promise.all(commits), [[ACCEPTED], [ACCEPTED]]);
    assert.equal(String(early), 'W');
  });

  test('the later is decided without the earlier where that has failed, and that never after it', async (t) => {
    const replica = new Replica(t);
    let ghost: Work | undefined;
    replica.connection.fates.push((send) => {
      ghost = send;
      return Promise.reject(new StoreUnavailable('lost'));
    });
    const commits = [replica.commit(submit('a')), replica.commit(validate('a'))];
    await assert.rejects(commits[0], StoreUnavailable);
    assert.deepEqual(await commits[1], [NOT_FOUND]);
    assert.equal(String(await ghost?.()), 'S', 'what was given up came after the later one');
    assert.deepEqual(await replica.commit(validate('a')), [NOT_FOUND]);
  });

  test('the earlier keeps its answer while the later is decided, and the other way about', async (t) => {
    for (const fates of [
      [answerLost, sent],
      [sent, answerLost],
      [answerLost, answerLost],
    ]) {
      const replica = new Replica(t);
      await replica.commit(submit('z'));
      replica.connection.fates.push(...fates);
      const commits = [
        replica.commit(submit('a'), submit('z', 'p2')),
        replica.commit(submit('a'), validate('a')),
      ];
      assert.deepEqual(await Promise.all(commits), [
        [ACCEPTED, TAKEN],
        [REPLAYED, ACCEPTED],
      ]);
    }
  });

  test('an answer that is asked for again when the later has been decided is that of the first time', async (t) => {
    const replica = new Replica(t);
    const later = gate();
    replica.connection.fates.push(
      async (send) => {
        await send();
        return later.held(send);
      },
      async (send) => {
        const answer = await send();
        later.open();
        return answer;
      },
    );
    const commits = [replica.commit(submit('a')), replica.commit(validate('a'))];
    assert.deepEqual(await Promise.all(commits), [[ACCEPTED], [ACCEPTED]]);
  });
});

/** By number: how often a call is sent before its answer counts, and how long it is held before each, ms. */
const fateOf =
  (sends: readonly number[]): Fate =>
  async (send) => {
    let answer: unknown;
    for (const heldMs of sends) {
      await new Promise<void>((resolve) => {
        setTimeout(resolve, heldMs);
      });
      answer = await send();
    }
    return answer;
  };

test('commits in flight come to what they would one after another, whatever is delayed and lost', async (t) => {
  const ids = fc.constantFrom('a', 'b', 'c');
  const item = fc.oneof(
    fc.record({ id: ids, player: fc.constantFrom('p1', 'p2') }).map(({ id, player }) => submit(id, player)),
    ids.map(validate),
  );
  const commit = fc.record({
    items: fc.array(item, { minLength: 1, maxLength: 4 }),
    sends: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(commit, { minLength: 2, maxLength: 6 }), async (commits) => {
      const [oneByOne, together] = [new Replica(t), new Replica(t)];
      const expected: number[][] = [];
      for (const { items } of commits) expected.push(await oneByOne.commit(...items));
      together.connection.fates.push(...commits.map(({ sends }) => fateOf(sends)));
      const outcomes = await Promise.all(commits.map(({ items }) => together.commit(...items)));
      assert.deepEqual(outcomes, expected);
    }),
    { numRuns: 60 },
  );
});
