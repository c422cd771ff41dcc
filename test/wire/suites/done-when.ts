/**
 * The service's own measure: 100,000 claims submitted in batches, half of them validated before
 * their epoch ends, counts that add up, and the same answers after kill -9.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClaimClient, Item, Result } from '../../support/client.ts';
import { serviceFor } from '../../support/for-test.ts';
import { untilEpoch } from '../../support/waiting.ts';
import type { StartingSuite } from './suite.ts';

const CLAIMS = 100_000;
const BATCH = 4_000;
const ENV = { CLAIMS_EPOCH_LENGTH_MS: '2000', CLAIMS_VALIDATION_WINDOW_MS: '4000' };
/** One claim of so many is asked for by itself. */
const SPOT = 997;

export const doneWhen: StartingSuite = {
  name: 'the measure',
  declare: (target) => {
    test('100,000 claims, half validated, half expired, all kept', async (t) => {
      const service = await serviceFor(t, target, ENV);
      const client = service.client();
      const { epoch: from } = await client.getEpoch();
      const items = Array.from({ length: CLAIMS }, (_, n): Item => {
        return { claimId: `claim-${n}`, playerId: `player-${n % 977}` };
      });
      let last = 0;
      for (let start = 0; start < CLAIMS; start += BATCH) {
        const batch = items.slice(start, start + BATCH);
        const submitted = await client.batchSubmit(batch);
        assert.ok(submitted.every(({ outcome, status }) => outcome === 'ACCEPTED' && status === 'PENDING'));
        last = submitted.reduce((latest, { expiresAtEpoch }) => Math.max(latest, expiresAtEpoch), last);
        const validated = await client.batchValidate(batch.filter((_, n) => isValidated(start + n)));
        assert.ok(validated.every(({ outcome, status }) => outcome === 'ACCEPTED' && status === 'VALIDATED'));
      }
      await untilEpoch(client, last + 1);

      const sums = { submitted: 0, validated: 0, expired: 0, pending: 0 };
      for await (const summary of client.watch(from)) {
        sums.submitted += summary.submitted;
        sums.validated += summary.validated;
        sums.expired += summary.expired;
        sums.pending = summary.pending;
        assert.equal(summary.pending, sums.submitted - sums.validated - sums.expired, `in ${summary.epoch}`);
        if (summary.epoch === last) break;
      }
      assert.deepEqual(sums, { submitted: CLAIMS, validated: CLAIMS / 2, expired: CLAIMS / 2, pending: 0 });

      const before = await spots(client, items);
      await service.restart('SIGKILL');
      const again = service.client();
      assert.deepEqual(await spots(again, items), before);
      for (let start = 0; start < CLAIMS; start += BATCH) {
        const results = await again.batchValidate(items.slice(start, start + BATCH));
        for (const [n, { outcome }] of results.entries()) {
          assert.equal(outcome, isValidated(start + n) ? 'REPLAYED' : 'EXPIRED', items[start + n].claimId);
        }
      }
    });
  },
};

function isValidated(n: number): boolean {
  return n % 2 === 0;
}

/** What GetClaim says of some claims, but for the epoch in which it says it. */
async function spots(client: ClaimClient, items: readonly Item[]): Promise<Omit<Result, 'epoch'>[]> {
  const asked = items.filter((_, n) => n % SPOT === 0);
  const results = await Promise.all(asked.map(({ claimId }) => client.get(claimId)));
  return results.map(({ epoch: _now, ...answer }, n) => {
    assert.equal(answer.claim?.playerId, asked[n].playerId);
    return answer;
  });
}
