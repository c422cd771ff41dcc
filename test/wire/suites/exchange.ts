/** ExchangeClaims: frames and their ids, bounds, half-close and cancel. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { BATCH_MAX_ITEMS, INGRESS_ENTRIES } from '../../../src/limits.ts';
import { type ClaimClient, encoded, type Frame, type FrameReply, type Item } from '../../support/client.ts';
import { failsWith, until } from '../../support/waiting.ts';
import { LASTING, type SharingSuite } from './suite.ts';

const MAX_UINT64 = 2n ** 64n - 1n;

export const exchanges: SharingSuite = {
  name: 'ExchangeClaims',
  env: LASTING,
  declare: (service) => {
    let client: ClaimClient;
    /** Of one replica: the bounds of what is in flight are a process's own. */
    let one: ClaimClient;
    before(() => {
      client = service().client();
      one = service().clientOf(0);
    });

    describe('frames', () => {
      test('each is answered once under its own id, with its own results', async () => {
        const frames = Array.from({ length: 60 }, (_, n): Frame => {
          const items = itemsNamed(`own${n}`, 1 + ((n * 37) % 200));
          return { frameId: BigInt(n), submits: items, validates: items.slice(0, items.length / 2) };
        });
        const replies = byId(await client.exchange().all(frames));
        assert.equal(replies.size, frames.length);
        for (const frame of frames) checkAccepted(frame, replies.get(frame.frameId));
      });

      test('ids run from 0 to 2^64 − 1', async () => {
        const ids = [
          0n,
          1n,
          2n ** 32n,
          2n ** 53n + 1n,
          2n ** 63n - 1n,
          2n ** 63n,
          MAX_UINT64 - 1n,
          MAX_UINT64,
        ];
        const replies = await client.exchange().all(ids.map((frameId) => ({ frameId })));
        assert.deepEqual(
          replies.map(({ frameId }) => frameId).sort((a, b) => (a < b ? -1 : 1)),
          ids,
        );
      });

      test('of the same id are answered each', async () => {
        const frames = [1, 2, 3].map((n): Frame => ({ frameId: 7n, submits: itemsNamed('same-id', n) }));
        const replies = await client.exchange().all(frames);
        assert.deepEqual(replies.map(({ submits }) => submits.length).sort(), [1, 2, 3]);
        assert.ok(replies.every(({ frameId }) => frameId === 7n));
      });

      test('submits are decided before validates, whatever their order on the wire', async () => {
        const items = itemsNamed('before', 500);
        const [reply] = await client.exchange().all([{ frameId: 1n, validates: items, submits: items }]);
        checkAccepted({ frameId: 1n, submits: items, validates: items }, reply);
      });

      test('a bad item fails alone, on its side of the frame', async () => {
        const items = itemsNamed('alone', 5);
        const bad: Item = { claimId: '', playerId: 'p' };
        const [reply] = await client
          .exchange()
          .all([{ frameId: 1n, submits: [bad, ...items], validates: [...items, bad] }]);
        assert.deepEqual(
          reply.submits.map(({ outcome }) => outcome),
          ['INVALID', ...items.map(() => 'ACCEPTED')],
        );
        assert.deepEqual(
          reply.validates.map(({ outcome }) => outcome),
          [...items.map(() => 'ACCEPTED'), 'INVALID'],
        );
      });

      test('an empty one gets an empty reply; a stream without frames just ends', async () => {
        const [reply] = await client.exchange().all([{ frameId: 5n }]);
        assert.deepEqual(reply, { frameId: 5n, submits: [], validates: [] });
        assert.deepEqual(await client.exchange().all([]), []);
      });

      test('of 8,192 items are taken, submits and validates together', async () => {
        const items = itemsNamed('full', BATCH_MAX_ITEMS / 2);
        const frame = { frameId: 1n, submits: items, validates: items };
        const [reply] = await client.exchange().all([frame]);
        checkAccepted(frame, reply);
      });

      test('of 8,193 items end the stream with INVALID_ARGUMENT, undecided', async () => {
        const items = itemsNamed('over', BATCH_MAX_ITEMS + 1);
        const validates = items.slice(0, BATCH_MAX_ITEMS / 2);
        for (const frame of [
          { submits: items },
          { validates: items },
          { submits: items.slice(0, BATCH_MAX_ITEMS / 2 + 1), validates },
        ]) {
          const error = await failsWith(
            client.exchange().all([{ frameId: 1n, ...frame }]),
            status.INVALID_ARGUMENT,
          );
          assert.match(error.details, /8192|8,192/);
        }
        assert.equal((await client.get('over-0')).outcome, 'NOT_FOUND');
      });
    });

    describe('streams', () => {
      test('take frames while they give replies, each as soon as it is decided', async () => {
        const exchange = client.exchange();
        for (let n = 0; n < 50; n++) {
          const frame = { frameId: BigInt(n), submits: itemsNamed(`turn${n}`, 20) };
          checkAccepted(frame, await exchange.ask(frame));
        }
        exchange.cancel();
      });

      test('end cleanly after a half-close with everything under way', async () => {
        const frames = Array.from({ length: 30 }, (_, n): Frame => {
          return { frameId: BigInt(n), submits: itemsNamed(`half${n}`, 2_000) };
        });
        const replies = byId(await client.exchange().all(frames));
        for (const frame of frames) checkAccepted(frame, replies.get(frame.frameId));
      });

      test('run beside each other without mixing', async () => {
        const streams = Array.from({ length: 12 }, (_, s) =>
          Array.from({ length: 10 }, (_, n): Frame => {
            return { frameId: BigInt(n), submits: itemsNamed(`beside${s}-${n}`, 50) };
          }),
        );
        const replies = await Promise.all(streams.map((frames) => client.exchange().all(frames)));
        for (const [s, frames] of streams.entries()) {
          const mine = byId(replies[s]);
          for (const frame of frames) checkAccepted(frame, mine.get(frame.frameId));
        }
      });

      test('cancelled midway give back what they held', async () => {
        const perStream = 10_000;
        const rounds = Math.ceil((2 * INGRESS_ENTRIES) / perStream) + 2;
        for (let round = 0; round < rounds; round++) {
          const exchange = one.exchange();
          const first = exchange.ask({ frameId: 0n, submits: itemsNamed(`cancelled${round}`, 1) });
          for (let n = 1; n <= perStream / 1_000; n++) {
            exchange.send({ frameId: BigInt(n), submits: itemsNamed(`cancelled${round}-${n}`, 1_000) });
          }
          await first;
          exchange.cancel();
        }
        await checkServesFullBatches(one, 'after-streams');
      });

      test('batches whose deadline passes give back what they held', async () => {
        let held = 0;
        let round = 0;
        await until('batches that are given up to have held more than there is', async () => {
          const items = itemsNamed(`deadline${round++}`, BATCH_MAX_ITEMS);
          const call = one.raw('BatchSubmitClaims', encoded('BatchSubmitClaims', { items }), 25);
          const isGivenUp = await call.then(() => false, isDeadline);
          if (isGivenUp && (await one.get(items[0].claimId)).outcome === 'FOUND') held += items.length;
          return held > 2 * INGRESS_ENTRIES;
        });
        await checkServesFullBatches(one, 'after-deadlines');
      });
    });
  },
};

/** False where it was refused: those before it are still with the store. */
function isDeadline(error: { code?: number }): boolean {
  if (isFull(error)) return false;
  assert.equal(error.code, status.DEADLINE_EXCEEDED);
  return true;
}

function isFull(error: { code?: number }): boolean {
  return error.code === status.RESOURCE_EXHAUSTED;
}

/** Three full batches at once fill most of the entries: a leak of some would refuse one for ever. */
async function checkServesFullBatches(client: ClaimClient, name: string): Promise<void> {
  let round = 0;
  await until(`room for three full batches ${name}`, async () => {
    const part = round++;
    const batches = ['a', 'b', 'c'].map((letter) => itemsNamed(`${name}-${part}${letter}`, BATCH_MAX_ITEMS));
    const settled = await Promise.allSettled(batches.map((items) => client.batchSubmit(items)));
    for (const result of settled) {
      if (result.status === 'fulfilled') {
        assert.ok(result.value.every(({ outcome }) => outcome === 'ACCEPTED'));
      } else if (!isFull(result.reason)) throw result.reason;
    }
    return settled.every(({ status }) => status === 'fulfilled');
  });
}

function itemsNamed(name: string, count: number): Item[] {
  return Array.from({ length: count }, (_, n) => ({ claimId: `${name}-${n}`, playerId: 'player' }));
}

function byId(replies: readonly FrameReply[]): ReadonlyMap<bigint, FrameReply> {
  const map = new Map(replies.map((reply) => [reply.frameId, reply]));
  assert.equal(map.size, replies.length, 'a frame was answered twice');
  return map;
}

/** Every item of the frame was ACCEPTED, and each result is its own item's. */
function checkAccepted(frame: Frame, reply: FrameReply | undefined): void {
  assert.ok(reply !== undefined, `frame ${frame.frameId} was not answered`);
  for (const side of ['submits', 'validates'] as const) {
    const items = frame[side] ?? [];
    assert.equal(reply[side].length, items.length);
    for (const [n, { outcome, claim, reason }] of reply[side].entries()) {
      assert.equal(outcome, 'ACCEPTED', `${side}[${n}] of frame ${frame.frameId}: ${reason}`);
      assert.equal(claim?.claimId, items[n].claimId);
    }
  }
}
