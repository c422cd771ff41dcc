/** What is true of several replicas over one Redis only: that they are one registry, and outlive each other. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../src/clock/clock.ts';
import { runClaimd } from '../support/claimd.ts';
import type { ClaimClient, Item, Result } from '../support/client.ts';
import { type Caller, FactLoad, type LoadItem, Refused } from '../support/fact-load.ts';
import { serviceFor } from '../support/for-test.ts';
import { RedisTarget } from '../support/redis-service.ts';
import type { Env, Service } from '../support/service.ts';
import { summaries } from '../support/summaries.ts';
import { until, untilEpoch } from '../support/waiting.ts';
import { WAYS } from '../support/ways.ts';
import { LASTING } from './suites/suite.ts';

const REPLICAS = 3;
const LENGTH_MS = 500;
const ENDING: Env = { CLAIMS_EPOCH_LENGTH_MS: `${LENGTH_MS}`, CLAIMS_VALIDATION_WINDOW_MS: '1000' };
/** The same series every time; another seed is another. */
const SEED = 90_210;

const target = new RedisTarget(REPLICAS);
before(() => target.open());
after(() => target.close());

describe(target.name, () => {
  let service: Service;
  let replicas: readonly ClaimClient[];
  before(async () => {
    service = await target.start(LASTING);
    replicas = service.replicas.map((_, n) => service.clientOf(n));
  });
  after(() => service.stop());

  test('players race for 3,000 claims, each through a replica of its own: one winner each, the same everywhere', async () => {
    const ids = Array.from({ length: 3_000 }, (_, n) => `race-${n}`);
    const players = Array.from({ length: 2 * REPLICAS }, (_, n) => `player-${n}`);
    const orders = fc.sample(fc.shuffledSubarray(ids, { minLength: ids.length }), {
      seed: SEED,
      numRuns: players.length,
    });
    const told = await Promise.all(
      players.map((player, n) => submitAll(replicas[n % REPLICAS], player, orders[n], n)),
    );
    const owners = ids.map((id) => {
      const winners = players.filter((_, n) => told[n].get(id) === 'ACCEPTED');
      assert.equal(winners.length, 1, `${id} was won by ${winners}`);
      const others = told.filter((outcomes) => outcomes.get(id) === 'TAKEN');
      assert.equal(others.length, players.length - 1, id);
      return winners[0];
    });
    for (const replica of replicas) {
      const mine = ids.map((claimId, n): Item => ({ claimId, playerId: owners[n] }));
      assert.deepEqual(await outcomes(replica.batchSubmit(mine)), fill('REPLAYED', ids.length));
      const thieves = mine.map((item): Item => ({ ...item, playerId: 'thief' }));
      assert.deepEqual(await outcomes(replica.batchSubmit(thieves)), fill('TAKEN', ids.length));
    }
  });

  test('what one replica was given another validates, and a retry by any of them tells the same', async () => {
    const items = Array.from({ length: 600 }, (_, n): Item => ({ claimId: `passed-${n}`, playerId: 'p' }));
    const timestamps = (await replicas[0].batchSubmit(items)).map(({ claim }) => claim?.timestampMs);
    assert.deepEqual(await outcomes(replicas[1].batchValidate(items)), fill('ACCEPTED', items.length));
    for (const replica of replicas) {
      for (const way of WAYS) {
        for (const again of [await way.submit(replica, items), await way.validate(replica, items)]) {
          const expected = timestamps.map((timestampMs) => ['REPLAYED', 'VALIDATED', timestampMs]);
          const got = again.map(({ outcome, status, claim }) => [outcome, status, claim?.timestampMs]);
          assert.deepEqual(got, expected);
        }
      }
    }
  });

  test('the same validate through every replica at once: one is ACCEPTED, the others REPLAYED', async () => {
    const items = Array.from({ length: 600 }, (_, n): Item => ({ claimId: `at-once-${n}`, playerId: 'p' }));
    await replicas[0].batchSubmit(items);
    const told = await Promise.all(replicas.map((replica) => replica.batchValidate(items)));
    for (const [n, { claimId }] of items.entries()) {
      const each = told.map((results) => results[n].outcome).sort();
      assert.deepEqual(each, ['ACCEPTED', ...fill('REPLAYED', REPLICAS - 1)], claimId);
    }
  });

  test('one that is to have other settings does not start, and says which the registry has', async () => {
    for (const [name, setting, has, other] of [
      ['CLAIMS_EPOCH_LENGTH_MS', 'epoch_length_ms', '10000', '20000'],
      ['CLAIMS_VALIDATION_WINDOW_MS', 'validation_window_ms', '600000', '700000'],
      ['CLAIMS_RETENTION_EPOCHS', 'retention_epochs', '60', '61'],
      ['CLAIMS_PARTITION', 'partition', 'claim', 'player'],
      ['CLAIMS_REGISTRY_SHARDS', 'shards', '16', '8'],
    ]) {
      const { exitCode, log } = await runClaimd({ env: { ...service.env, [name]: other } });
      assert.equal(exitCode, 1, log);
      const said = log.split('\n').filter((line) => line.startsWith('claimd: '));
      assert.equal(said.length, 1, log);
      assert.ok(said[0].includes(`${setting} is ${has}, asked for was ${other}`), log);
    }
    assert.deepEqual(await outcomes(replicas[0].batchSubmit([{ claimId: 'still', playerId: 'p' }])), [
      'ACCEPTED',
    ]);
  });
});

test('WatchEpochs tells the same on every replica, each epoch once, and its counts are those of the answers', async (t) => {
  const service = await serviceFor(t, target, ENDING);
  const client = service.client();
  const from = Math.max(...(await client.lastEpochs())) + 1;
  const endMs = systemClock.nowMs() + 6 * LENGTH_MS;
  const submitted: Result[] = [];
  const validated: Result[] = [];
  const load = async (worker: number): Promise<void> => {
    for (let round = 0; systemClock.nowMs() < endMs; round += 1) {
      const items = Array.from(
        { length: 40 },
        (_, n): Item => ({ claimId: `${worker}-${round}-${n}`, playerId: 'p' }),
      );
      submitted.push(...(await WAYS[round % WAYS.length].submit(client, items)));
      validated.push(...(await WAYS[worker % WAYS.length].validate(client, items.slice(0, 15))));
    }
  };
  await Promise.all([0, 1, 2, 3].map(load));
  assert.ok([...submitted, ...validated].every(({ outcome }) => outcome === 'ACCEPTED'));
  const last = Math.max(...submitted.map(({ expiresAtEpoch }) => expiresAtEpoch));
  const told = await Promise.all(service.replicas.map((_, n) => summaries(service.clientOf(n), from, last)));
  for (const other of told) assert.deepEqual(other, told[0]);
  assert.deepEqual(
    told[0].map(({ epoch }) => epoch),
    Array.from({ length: last - from + 1 }, (_, n) => from + n),
  );
  const ended = new Set(validated.map(({ claim }) => claim?.claimId));
  const expired = submitted.filter(({ claim }) => !ended.has(claim?.claimId));
  let pending = 0;
  for (const summary of told[0]) {
    const { epoch } = summary;
    assert.equal(
      summary.submitted,
      submitted.filter((result) => result.epoch === epoch).length,
      `in ${epoch}`,
    );
    assert.equal(
      summary.validated,
      validated.filter((result) => result.epoch === epoch).length,
      `in ${epoch}`,
    );
    assert.equal(
      summary.expired,
      expired.filter((result) => result.expiresAtEpoch === epoch).length,
      `in ${epoch}`,
    );
    pending += summary.submitted - summary.validated - summary.expired;
    assert.equal(summary.pending, pending, `in ${epoch}`);
  }
  assert.equal(pending, 0);
  assert.ok(validated.length > 500, `only ${validated.length} were validated`);
});

describe('kill -9 of one replica', () => {
  test('under load: nothing that anyone was told is lost, and no claim has two winners', async (t) => {
    const service = await serviceFor(t, target, LASTING);
    const replicas = service.replicas.map((_, n) => service.clientOf(n));
    // Callers of every replica, two of the one that dies; where theirs is gone they turn to the next.
    const load = new FactLoad([0, 0, 1, 2].map((first) => callerOf(replicas, first)));
    t.after(() => load.abandon());
    const grow = (claims: number) => until(`${claims} claims`, () => load.facts.claims >= claims);
    await grow(500);
    await service.lose(0, 'SIGKILL');
    await grow(load.facts.claims + 500);
    await load.untilConfirmed();
    assert.ok(load.refusals.length > 0, 'somebody waited for the replica that died');
    await load.end();
  });

  test('the others expire its overdue claims, in Redis too, and count them where they fell due', async (t) => {
    const service = await serviceFor(t, target, ENDING);
    const items = Array.from({ length: 700 }, (_, n): Item => ({ claimId: `left-${n}`, playerId: 'p' }));
    const from = Math.max(...(await service.client().lastEpochs())) + 1;
    const submitted = await service.clientOf(0).batchSubmit(items);
    await service.lose(0, 'SIGKILL');
    const expiries = submitted.map(({ expiresAtEpoch }) => expiresAtEpoch);
    const last = Math.max(...expiries);
    const client = service.client();
    await untilEpoch(client, last + 1);
    assert.deepEqual(await outcomes(client.batchValidate(items)), fill('EXPIRED', items.length));
    const told = await summaries(client, from, last);
    const expired = told.filter((summary) => summary.expired > 0);
    assert.deepEqual(
      expired.map((summary) => [summary.epoch, summary.expired]),
      [...Map.groupBy(expiries, (epoch) => epoch)].map(([epoch, all]) => [epoch, all.length]).sort(),
    );
    assert.equal(told.at(-1)?.pending, 0);
    await until('every claim to be E in Redis', async () => {
      const values = await storedValues(service);
      return values.length === items.length && values.every((value) => value.startsWith('E|'));
    });
  });
});

/** Each player submits all ids in an order of its own, in runs, by each way in turn. */
async function submitAll(
  client: ClaimClient,
  playerId: string,
  ids: readonly string[],
  turn: number,
): Promise<ReadonlyMap<string, string>> {
  const told = new Map<string, string>();
  const run = 60;
  for (let start = 0; start < ids.length; start += run) {
    const items = ids.slice(start, start + run).map((claimId) => ({ claimId, playerId }));
    const results = await WAYS[(start / run + turn) % WAYS.length].submit(client, items);
    for (const [n, { claimId }] of items.entries()) told.set(claimId, results[n].outcome);
  }
  return told;
}

/** A caller of one replica, and of the next where that refuses. */
function callerOf(replicas: readonly ClaimClient[], first: number): Caller {
  let at = first;
  const itemOf = ({ claim, player }: LoadItem): Item => ({ claimId: claim, playerId: player });
  return {
    commit: async (items) => {
      const submits = items.filter(({ operation }) => operation === 'SUBMIT').map(itemOf);
      const validates = items.filter(({ operation }) => operation === 'VALIDATE').map(itemOf);
      try {
        const [reply] = await replicas[at].exchange().all([{ frameId: 1n, submits, validates }]);
        const told = [...reply.submits, ...reply.validates];
        const refused = told.find(({ outcome }) => outcome === 'UNAVAILABLE');
        if (refused !== undefined) throw new Refused(refused.reason);
        return told.map(({ outcome }) => outcome);
      } catch (error) {
        at = (at + 1) % replicas.length;
        throw error instanceof Error && 'code' in error ? new Refused(error.message) : error;
      }
    },
    get: async (claims) => {
      const results = await Promise.all(claims.map((claim) => replicas[at].get(claim)));
      return results.map(({ outcome, status, claim }) => ({
        outcome,
        status,
        player: claim?.playerId ?? '',
      }));
    },
  };
}

/** The values of every claim of a service, as Redis has them. */
async function storedValues(service: Service): Promise<string[]> {
  const database = Number(new URL(service.env['CLAIMS_STORE']).pathname.slice(1));
  const client = target.redis.client();
  try {
    await client.select(database);
    const hashes = await client.keys('claim_registry:*');
    return (await Promise.all(hashes.map((hash) => client.hvals(hash)))).flat();
  } finally {
    client.disconnect();
  }
}

async function outcomes(results: Promise<readonly Result[]>): Promise<string[]> {
  return (await results).map(({ outcome }) => outcome);
}

function fill(outcome: string, count: number): string[] {
  return Array.from({ length: count }, () => outcome);
}
