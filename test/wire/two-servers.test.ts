/** Two servers on one database: as replicas of one registry they give one answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClaimClient, Item } from '../support/client.ts';
import { claimdFor, clientFor, temporaryFolder } from '../support/for-test.ts';
import { summaries } from '../support/summaries.ts';
import { untilEpoch } from '../support/waiting.ts';
import { WAYS } from '../support/ways.ts';

const ENV = { CLAIMS_EPOCH_LENGTH_MS: '500', CLAIMS_VALIDATION_WINDOW_MS: '1500' };
const CLAIMS = 600;
/** Items of one call, so that the two servers' calls interleave. */
const RUN = 40;

test('one winner, one end of every claim, one count of them', async (t) => {
  const dataFolder = await temporaryFolder(t);
  const one = clientFor(t, await claimdFor(t, { dataFolder, env: ENV }));
  const two = clientFor(t, await claimdFor(t, { dataFolder, env: ENV }));
  const from = (await one.getEpoch()).epoch;

  const owned = await raceForAll([one, two, one, two]);
  const half = owned.slice(0, CLAIMS / 2);
  const [first, second] = await Promise.all([one.batchValidate(half), two.batchValidate(half)]);
  for (const [n, { outcome }] of first.entries()) {
    assert.deepEqual([outcome, second[n].outcome].sort(), ['ACCEPTED', 'REPLAYED'], half[n].claimId);
  }

  const last = Math.max(...(await one.batchSubmit(owned)).map(({ expiresAtEpoch }) => expiresAtEpoch));
  await untilEpoch(one, last + 1);
  await untilEpoch(two, last + 1);
  for (const client of [one, two]) {
    const results = await client.batchValidate(owned);
    for (const [n, { outcome }] of results.entries()) {
      assert.equal(outcome, n < CLAIMS / 2 ? 'REPLAYED' : 'EXPIRED', owned[n].claimId);
    }
  }
  const told = await summaries(one, from, last);
  assert.deepEqual(await summaries(two, from, last), told);
  const sum = (name: 'submitted' | 'validated' | 'expired'): number =>
    told.reduce((total, summary) => total + summary[name], 0);
  assert.deepEqual([sum('submitted'), sum('validated'), sum('expired')], [CLAIMS, CLAIMS / 2, CLAIMS / 2]);
  assert.equal(told.at(-1)?.pending, 0);
});

/** Each client submits all claims as a player of its own; gives them with their owners. */
async function raceForAll(clients: readonly ClaimClient[]): Promise<Item[]> {
  const outcomes = await Promise.all(
    clients.map(async (client, player) => {
      const mine: string[] = [];
      for (let start = 0; start < CLAIMS; start += RUN) {
        const items = claims(player).slice(start, start + RUN);
        const results = await WAYS[(start / RUN) % WAYS.length].submit(client, items);
        mine.push(...results.map(({ outcome }) => outcome));
      }
      return mine;
    }),
  );
  return claims(0).map(({ claimId }, n) => {
    const won = outcomes.map((mine) => mine[n]);
    assert.deepEqual(won.toSorted(), ['ACCEPTED', ...won.slice(1).map(() => 'TAKEN')], claimId);
    return { claimId, playerId: `${won.indexOf('ACCEPTED')}` };
  });
}

function claims(player: number): Item[] {
  return Array.from({ length: CLAIMS }, (_, n) => ({ claimId: `shared-${n}`, playerId: `${player}` }));
}
