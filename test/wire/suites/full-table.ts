/** A full table: refused at once with a time to wait, never half done, room again when claims end. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import type { ClaimClient, Item, Result } from '../../support/client.ts';
import { serviceFor } from '../../support/for-test.ts';
import type { Service } from '../../support/service.ts';
import { failsWith, until, untilEpoch } from '../../support/waiting.ts';
import type { StartingSuite } from './suite.ts';

const CAPACITY = 1_024;
const ENV = { CLAIMS_TABLE_CAPACITY: `${CAPACITY}`, CLAIMS_EPOCH_LENGTH_MS: '500' };

/** google.rpc.Status with a google.rpc.RetryInfo, as grpc-status-details-bin holds them. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
`);

export const fullTable: StartingSuite = {
  name: 'a full table',
  declare: (target) => {
    describe('a table full of pending claims', () => {
      let client: ClaimClient;
      let accepted: Item[];
      let refused: Item[];

      let service: Service;

      beforeEach(async () => {
        service = await target.start({ ...ENV, CLAIMS_VALIDATION_WINDOW_MS: '600000' });
        client = service.client();
        [accepted, refused] = await fill(client);
      });

      afterEach(() => service.stop());

      test('holds what it promises, knows nothing of the refused, and has room for each that ends', async () => {
        assert.ok(accepted.length >= CAPACITY * 0.75, `only ${accepted.length} of ${CAPACITY} fitted`);
        for (const { claimId } of refused.slice(0, 50)) {
          assert.equal((await client.get(claimId)).outcome, 'NOT_FOUND');
        }
        const again = await client.batchSubmit(accepted);
        assert.ok(again.every(({ outcome }) => outcome === 'REPLAYED'));
        assert.ok((await client.batchValidate(accepted)).every(({ outcome }) => outcome === 'ACCEPTED'));
        const more = await client.batchSubmit(refused.slice(0, CAPACITY / 8));
        assert.ok(more.every(({ outcome }) => outcome === 'ACCEPTED'));
        // What had to make room is still known to the store.
        assert.ok((await client.batchValidate(accepted)).every(({ outcome }) => outcome === 'REPLAYED'));
      });

      test('refuses a call with RESOURCE_EXHAUSTED and google.rpc.RetryInfo', async () => {
        const error = await failsWith(client.submit(refused[0]), status.RESOURCE_EXHAUSTED);
        const delayMs = retryDelayMs(error.metadata);
        assert.ok(delayMs > 0 && delayMs <= 10_000, `${delayMs} ms`);
      });

      test('refuses items of a batch and of a frame one by one: UNAVAILABLE with the reason', async () => {
        const mixed = [accepted[0], refused[0], accepted[1], { claimId: '', playerId: 'p' }];
        const [reply] = await client.exchange().all([{ frameId: 1n, submits: mixed }]);
        for (const results of [await client.batchSubmit(mixed), reply.submits]) {
          assert.deepEqual(
            results.map(({ outcome }) => outcome),
            ['REPLAYED', 'UNAVAILABLE', 'REPLAYED', 'INVALID'],
          );
          assert.match(results[1].reason, /full|table|room|pending/);
        }
      });
    });

    test('expiry makes room', async (t) => {
      const env = { ...ENV, CLAIMS_VALIDATION_WINDOW_MS: '3000' };
      const client = (await serviceFor(t, target, env)).client();
      const [accepted, refused] = await fill(client);
      assert.ok(refused.length > 0);
      const { expiresAtEpoch } = await client.get(accepted[accepted.length - 1].claimId);
      await untilEpoch(client, expiresAtEpoch);
      await until('room', async () =>
        (await client.batchSubmit(refused)).every(
          ({ outcome }) => outcome === 'ACCEPTED' || outcome === 'REPLAYED',
        ),
      );
      assert.ok((await client.batchValidate(accepted)).every(({ outcome }) => outcome === 'EXPIRED'));
    });
  },
};

/** Submits twice what the table holds, one by one; gives what it took and what it refused. */
async function fill(client: ClaimClient): Promise<[accepted: Item[], refused: Item[]]> {
  const items = Array.from({ length: 2 * CAPACITY }, (_, n): Item => ({ claimId: `${n}`, playerId: 'p' }));
  const answers = await Promise.all(
    items.map((item): Promise<Result | ServiceError> => client.submit(item).catch((error) => error)),
  );
  const isRefused = (n: number): boolean => {
    const answer = answers[n];
    if ('outcome' in answer) assert.equal(answer.outcome, 'ACCEPTED');
    else assert.equal(answer.code, status.RESOURCE_EXHAUSTED, answer.details);
    return !('outcome' in answer);
  };
  return [items.filter((_, n) => !isRefused(n)), items.filter((_, n) => isRefused(n))];
}

function retryDelayMs(metadata: Metadata): number {
  const [bytes] = metadata.get('grpc-status-details-bin');
  assert.ok(Buffer.isBuffer(bytes), 'no grpc-status-details-bin');
  const decode = (type: string, from: Buffer): Record<string, unknown> => {
    const found = root.lookupType(type);
    return found.toObject(found.decode(from), { longs: Number, bytes: Buffer, defaults: true });
  };
  const { code, details } = decode('Status', bytes) as {
    code: number;
    details: { typeUrl: string; value: Buffer }[];
  };
  assert.equal(code, status.RESOURCE_EXHAUSTED);
  assert.equal(details.length, 1);
  assert.equal(details[0].typeUrl, 'type.googleapis.com/google.rpc.RetryInfo');
  const { retryDelay } = decode('RetryInfo', details[0].value) as {
    retryDelay: { seconds: number; nanos: number };
  };
  return retryDelay.seconds * 1_000 + retryDelay.nanos / 1e6;
}
