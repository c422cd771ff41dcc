/** A service started again on its registry answers as before, and makes up for the epochs it was away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../src/clock/clock.ts';
import type { ClaimClient, Item } from '../../support/client.ts';
import { serviceFor } from '../../support/for-test.ts';
import { untilEpoch } from '../../support/waiting.ts';
import type { StartingSuite } from './suite.ts';

const LENGTH_MS = 500;

export const restarts: StartingSuite = {
  name: 'restarts',
  declare: (target) => {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      test(`after ${signal} every claim answers as before`, async (t) => {
        const env = { CLAIMS_VALIDATION_WINDOW_MS: '600000', CLAIMS_MAX_CLOCK_SKEW_MS: '600000' };
        const service = await serviceFor(t, target, env);
        const client = service.client();
        const timestampMs = systemClock.nowMs() - 1_234;
        const items = Array.from({ length: 3_000 }, (_, n): Item => {
          return { claimId: `${n}`, playerId: `p${n % 5}`, timestampMs: timestampMs + n };
        });
        await client.batchSubmit(items);
        await client.batchValidate(items.slice(0, 1_000));
        const before = await answers(client, items);
        await service.restart(signal);
        const again = service.client();
        assert.deepEqual(await answers(again, items), before);
        const validated = await again.batchValidate(items);
        assert.ok(validated.every(({ outcome }, n) => outcome === (n < 1_000 ? 'REPLAYED' : 'ACCEPTED')));
      });
    }

    test('what fell due while it was away has expired in its own epoch, and is counted there', async (t) => {
      const env = { CLAIMS_EPOCH_LENGTH_MS: `${LENGTH_MS}`, CLAIMS_VALIDATION_WINDOW_MS: `${LENGTH_MS}` };
      const service = await serviceFor(t, target, env);
      const client = service.client();
      const items = Array.from({ length: 200 }, (_, n): Item => ({ claimId: `${n}`, playerId: 'p' }));
      const submitted = await client.batchSubmit(items);
      await client.batchValidate(items.slice(0, 50));
      const expiries = submitted.map(({ expiresAtEpoch }) => expiresAtEpoch);
      const last = Math.max(...expiries);
      await service.restart('SIGKILL', (last + 1) * LENGTH_MS);
      const again = service.client();
      const results = await again.batchValidate(items);
      assert.ok(results.every(({ outcome }, n) => outcome === (n < 50 ? 'REPLAYED' : 'EXPIRED')));
      await untilEpoch(again, Math.max(...results.map(({ epoch }) => epoch)) + 1);
      const sums = { submitted: 0, validated: 0, expired: 0 };
      for await (const summary of again.watch(Math.min(...submitted.map(({ epoch }) => epoch)))) {
        sums.submitted += summary.submitted;
        sums.validated += summary.validated;
        sums.expired += summary.expired;
        const { epoch, pending } = summary;
        assert.equal(pending, sums.submitted - sums.validated - sums.expired, `pending in ${epoch}`);
        const due = expiries.slice(50).filter((expiry) => expiry <= epoch).length;
        assert.equal(sums.expired, due, `expired by ${epoch}`);
        if (epoch > last) break;
      }
      assert.deepEqual(sums, { submitted: 200, validated: 50, expired: 150 });
    });

    test('what is past retention when it comes back is gone, and its id is new', async (t) => {
      const env = {
        CLAIMS_EPOCH_LENGTH_MS: `${LENGTH_MS}`,
        CLAIMS_VALIDATION_WINDOW_MS: '600000',
        CLAIMS_RETENTION_EPOCHS: '1',
      };
      const service = await serviceFor(t, target, env);
      const client = service.client();
      const [gone, pending]: Item[] = ['gone', 'pending'].map((claimId) => ({ claimId, playerId: 'p' }));
      await client.batchSubmit([gone, pending]);
      const { epoch } = await client.validate(gone);
      await service.restart('SIGKILL', (epoch + 2) * LENGTH_MS);
      const again = service.client();
      assert.equal((await again.validate(gone)).outcome, 'NOT_FOUND');
      assert.equal((await again.submit({ ...gone, playerId: 'heir' })).outcome, 'ACCEPTED');
      assert.equal((await again.validate(pending)).outcome, 'ACCEPTED');
    });
  },
};

/** What GetClaim and a replayed submit say of each claim, but for the epoch in which they say it. */
async function answers(client: ClaimClient, items: readonly Item[]): Promise<unknown[]> {
  const sampled = items.filter((_, n) => n % 10 === 0);
  const found = await Promise.all(sampled.map(({ claimId }) => client.get(claimId)));
  const replayed = await client.batchSubmit(items);
  return [...found, ...replayed].map(({ epoch: _now, ...answer }) => answer);
}
