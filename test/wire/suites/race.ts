/** One winner: of many clients that submit the same ids at once, by any way, each id has one. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import type { ClaimClient, Item, Result } from '../../support/client.ts';
import { WAYS } from '../../support/ways.ts';
import { LASTING, type SharingSuite } from './suite.ts';

const PLAYERS = 8;
const IDS = Array.from({ length: 300 }, (_, n) => `race-${n}`);
/** Same runs every time; another seed is another interleaving. */
const SEED = 20_260;

export const races: SharingSuite = {
  name: 'races',
  env: LASTING,
  declare: (service) => {
    let clients: readonly ClaimClient[];
    before(() => {
      clients = Array.from({ length: PLAYERS }, () => service().client());
    });

    test('8 players race for 300 claims by unary, batch and stream mixed', async () => {
      const orders = fc.sample(fc.shuffledSubarray(IDS, { minLength: IDS.length }), {
        seed: SEED,
        numRuns: PLAYERS,
      });
      const races = await Promise.all(clients.map((client, player) => race(client, player, orders[player])));
      const owners = new Map<string, string>();
      for (const id of IDS) {
        const outcomes = races.map((results) => results.get(id)?.outcome);
        assert.equal(outcomes.filter((outcome) => outcome === 'ACCEPTED').length, 1, `${id}: ${outcomes}`);
        assert.equal(
          outcomes.filter((outcome) => outcome === 'TAKEN').length,
          PLAYERS - 1,
          `${id}: ${outcomes}`,
        );
        owners.set(id, `player-${outcomes.indexOf('ACCEPTED')}`);
      }
      await Promise.all(clients.map((client, player) => checkOwner(client, `player-${player}`, owners)));
    });

    test('many validates of one claim at once: one ACCEPTED, the others REPLAYED', async () => {
      const items = IDS.map((_, n): Item => ({ claimId: `validate-race-${n}`, playerId: 'p' }));
      await clients[0].batchSubmit(items);
      const results = await Promise.all(
        clients.map((client, n) => WAYS[n % WAYS.length].validate(client, items)),
      );
      for (const [n, item] of items.entries()) {
        const outcomes = results.map((all) => all[n].outcome);
        assert.equal(outcomes.filter((outcome) => outcome === 'ACCEPTED').length, 1, item.claimId);
        assert.equal(outcomes.filter((outcome) => outcome === 'REPLAYED').length, PLAYERS - 1, item.claimId);
      }
    });
  },
};

/** Submits all ids in the given order, in runs of 1 to 40, each by the next way. */
async function race(
  client: ClaimClient,
  player: number,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Result>> {
  const results = new Map<string, Result>();
  const sizes = fc.sample(fc.integer({ min: 1, max: 40 }), { seed: SEED + player, numRuns: ids.length });
  for (let start = 0, turn = player; start < ids.length; turn++) {
    const run = ids.slice(start, start + sizes[turn]);
    const items = run.map((claimId) => ({ claimId, playerId: `player-${player}` }));
    const decided = await WAYS[turn % WAYS.length].submit(client, items);
    for (const [n, id] of run.entries()) results.set(id, decided[n]);
    start += run.length;
  }
  return results;
}

async function checkOwner(
  client: ClaimClient,
  playerId: string,
  owners: ReadonlyMap<string, string>,
): Promise<void> {
  const items = IDS.map((claimId) => ({ claimId, playerId }));
  for (const way of WAYS) {
    const again = await way.submit(client, items);
    for (const [n, { outcome }] of again.entries()) {
      assert.equal(outcome, owners.get(IDS[n]) === playerId ? 'REPLAYED' : 'TAKEN', IDS[n]);
    }
  }
}
