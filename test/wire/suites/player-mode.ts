/** Partition mode `player`: each player may have the same claim once, and TAKEN does not occur. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { ClaimClient, Item } from '../../support/client.ts';
import { serviceFor } from '../../support/for-test.ts';
import { untilEpoch } from '../../support/waiting.ts';
import { WAYS } from '../../support/ways.ts';
import type { SharingSuite } from './suite.ts';

export const playerMode: SharingSuite = {
  name: 'player mode',
  isWaiting: true,
  env: {
    CLAIMS_PARTITION: 'player',
    CLAIMS_EPOCH_LENGTH_MS: '500',
    // Long beside what a test makes of a pending claim.
    CLAIMS_VALIDATION_WINDOW_MS: '5000',
  },
  declare: (service, target) => {
    let client: ClaimClient;
    before(() => {
      client = service().client();
    });
    for (const way of WAYS) {
      describe(`by ${way.name}`, () => {
        test('the same treasure is claimed once by every player', async () => {
          const items = playersOf(`treasure-${way.name}`, 100);
          assert.deepEqual(await outcomes(way.submit(client, items)), fill('ACCEPTED', 100));
          assert.deepEqual(await outcomes(way.submit(client, items)), fill('REPLAYED', 100));
          assert.deepEqual(await outcomes(way.validate(client, items.slice(0, 50))), fill('ACCEPTED', 50));
          assert.deepEqual(await outcomes(way.validate(client, items.slice(0, 50))), fill('REPLAYED', 50));
          for (const { claimId, playerId } of items) {
            const { outcome, claim } = await client.get(claimId, playerId);
            assert.equal(outcome, 'FOUND');
            assert.equal(claim?.playerId, playerId);
            assert.equal(claim?.status, Number(playerId) < 50 ? 'VALIDATED' : 'PENDING');
          }
        });

        test("another player's claim is unknown, not taken", async () => {
          const item: Item = { claimId: `mine-${way.name}`, playerId: 'me' };
          await way.submit(client, [item]);
          const other = { ...item, playerId: 'you' };
          assert.deepEqual(await outcomes(way.validate(client, [other])), ['NOT_FOUND']);
          assert.equal((await client.get(other.claimId, 'you')).outcome, 'NOT_FOUND');
          assert.deepEqual(await outcomes(way.validate(client, [item])), ['ACCEPTED']);
        });

        test('ids whose joined bytes are equal stay apart', async () => {
          const items: Item[] = [
            { playerId: 'ab', claimId: `c-${way.name}` },
            { playerId: 'a', claimId: `bc-${way.name}` },
          ];
          assert.deepEqual(await outcomes(way.submit(client, items)), ['ACCEPTED', 'ACCEPTED']);
          assert.deepEqual(await outcomes(way.validate(client, [items[1]])), ['ACCEPTED']);
          assert.equal((await client.get(items[0].claimId, 'ab')).status, 'PENDING');
        });
      });
    }

    test('GetClaim without player_id is INVALID and says so', async () => {
      for (const playerId of [undefined, '', 'p'.repeat(65)]) {
        const result = await client.get('treasure-unary', playerId);
        assert.equal(result.outcome, 'INVALID');
        assert.match(result.reason, /player_id/);
        assert.equal(result.claim, undefined);
      }
    });

    test('each player’s claim expires by itself', async () => {
      const items = playersOf('expiring', 20);
      const results = await client.batchSubmit(items);
      await client.batchValidate(items.slice(0, 10));
      await untilEpoch(client, Math.max(...results.map(({ expiresAtEpoch }) => expiresAtEpoch)));
      assert.deepEqual(await outcomes(client.batchValidate(items)), [
        ...fill('REPLAYED', 10),
        ...fill('EXPIRED', 10),
      ]);
    });

    test('a restart knows both parts of the identity', async (t) => {
      const settings = { CLAIMS_PARTITION: 'player', CLAIMS_VALIDATION_WINDOW_MS: '60000' };
      const restarted = await serviceFor(t, target, settings);
      const items = playersOf('kept', 10);
      const before = restarted.client();
      await before.batchSubmit(items);
      await before.batchValidate(items.slice(0, 5));
      await restarted.restart('SIGTERM');
      const after = restarted.client();
      assert.deepEqual(await outcomes(after.batchValidate(items)), [
        ...fill('REPLAYED', 5),
        ...fill('ACCEPTED', 5),
      ]);
      assert.equal((await after.get('kept', 'stranger')).outcome, 'NOT_FOUND');
    });
  },
};

function playersOf(claimId: string, count: number): Item[] {
  return Array.from({ length: count }, (_, n) => ({ claimId, playerId: `${n}` }));
}

async function outcomes(results: Promise<readonly { outcome: string }[]>): Promise<string[]> {
  return (await results).map(({ outcome }) => outcome);
}

function fill(outcome: string, count: number): string[] {
  return Array.from({ length: count }, () => outcome);
}
