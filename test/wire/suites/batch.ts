/** BatchSubmitClaims and BatchValidateClaims: order, items that fail alone, and the bounds. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { BATCH_MAX_ITEMS } from '../../../src/limits.ts';
import type { ClaimClient, Item, Outcome, Result } from '../../support/client.ts';
import { failsWith } from '../../support/waiting.ts';
import { LASTING, type SharingSuite } from './suite.ts';

export const batches: SharingSuite = {
  name: 'batches',
  env: LASTING,
  declare: (service) => {
    let client: ClaimClient;
    before(() => {
      client = service().client();
    });

    test('results stand in request order, and a bad item fails alone', async () => {
      const items = itemsNamed('order', 1_000);
      const odd = new Map<number, Item & { submit: Outcome; validate: Outcome }>([
        [0, { claimId: '', playerId: 'p', submit: 'INVALID', validate: 'INVALID' }],
        [17, { claimId: 'x'.repeat(65), playerId: 'p', submit: 'INVALID', validate: 'INVALID' }],
        [18, { claimId: 'order-c', playerId: '\u0085', submit: 'INVALID', validate: 'INVALID' }],
        [500, { ...items[499], submit: 'REPLAYED', validate: 'REPLAYED' }],
        [501, { ...items[499], playerId: 'thief', submit: 'TAKEN', validate: 'TAKEN' }],
        [502, { ...items[498], timestampMs: -5, submit: 'INVALID', validate: 'REPLAYED' }],
        [998, { ...items[999], playerId: 'earlier', submit: 'ACCEPTED', validate: 'ACCEPTED' }],
        [999, { ...items[999], submit: 'TAKEN', validate: 'TAKEN' }],
      ]);
      const sent = items.map((item, index) => odd.get(index) ?? item);
      const submitted = await client.batchSubmit(sent);
      const validated = await client.batchValidate(sent);
      assert.equal(submitted.length, sent.length);
      assert.equal(validated.length, sent.length);
      for (const [index, item] of sent.entries()) {
        checkOwn(submitted[index], odd.get(index)?.submit ?? 'ACCEPTED', item, index);
        checkOwn(validated[index], odd.get(index)?.validate ?? 'ACCEPTED', item, index);
      }
    });

    test('the same claim many times in one batch is decided in order', async () => {
      const ids = ['twice-a', 'twice-b', 'twice-c'];
      const items = Array.from({ length: 3_000 }, (_, n) => ({ claimId: ids[n % 3], playerId: `p${n % 7}` }));
      const results = await client.batchSubmit(items);
      const owners = ids.map((_, n) => items[n].playerId);
      for (const [n, { outcome }] of results.entries()) {
        const own = items[n].playerId === owners[n % 3];
        assert.equal(outcome, n < 3 ? 'ACCEPTED' : own ? 'REPLAYED' : 'TAKEN', `item ${n}`);
      }
    });

    test('an empty batch has an empty reply', async () => {
      assert.deepEqual(await client.batchSubmit([]), []);
      assert.deepEqual(await client.batchValidate([]), []);
    });

    test('8,192 items are taken, with ids of full length', async () => {
      const items = itemsNamed('é'.repeat(28), BATCH_MAX_ITEMS);
      for (const results of [await client.batchSubmit(items), await client.batchValidate(items)]) {
        assert.equal(results.length, BATCH_MAX_ITEMS);
        for (const [index, result] of results.entries()) checkOwn(result, 'ACCEPTED', items[index], index);
      }
    });

    test('8,193 items are INVALID_ARGUMENT, and none of them is decided', async () => {
      const items = itemsNamed('over', BATCH_MAX_ITEMS + 1);
      const error = await failsWith(client.batchSubmit(items), status.INVALID_ARGUMENT);
      assert.match(error.details, /8192|8,192/);
      await failsWith(client.batchValidate(items), status.INVALID_ARGUMENT);
      for (const { claimId } of [items[0], items[BATCH_MAX_ITEMS - 1], items[BATCH_MAX_ITEMS]]) {
        assert.equal((await client.get(claimId)).outcome, 'NOT_FOUND', claimId);
      }
    });

    test('many batches at once keep to themselves', async () => {
      const batches = Array.from({ length: 16 }, (_, b) => itemsNamed(`many${b}`, 500));
      const results = await Promise.all(batches.map((items) => client.batchSubmit(items)));
      for (const [b, items] of batches.entries()) {
        for (const [index, item] of items.entries()) checkOwn(results[b][index], 'ACCEPTED', item, index);
      }
    });
  },
};

function itemsNamed(name: string, count: number): Item[] {
  return Array.from({ length: count }, (_, n) => ({ claimId: `${name}-${n}`, playerId: `player-${n % 7}` }));
}

/** A result is that of its own item: its outcome, and its claim where the player has it. */
function checkOwn(result: Result, outcome: Outcome, item: Item, index: number): void {
  assert.equal(result.outcome, outcome, `item ${index}: ${result.reason}`);
  if (outcome === 'ACCEPTED' || outcome === 'REPLAYED') {
    assert.equal(result.claim?.claimId, item.claimId, `item ${index}`);
    assert.equal(result.claim?.playerId, item.playerId, `item ${index}`);
  } else {
    assert.equal(result.claim, undefined, `item ${index}`);
  }
  assert.equal(result.reason !== '', outcome === 'INVALID', `item ${index}`);
}
