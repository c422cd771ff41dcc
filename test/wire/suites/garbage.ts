/**
 * Messages that are none: random bytes and damaged messages through every method. Each call ends
 * with a reply or INVALID_ARGUMENT, and the server goes on.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { RECEIVE_MAX_BYTES } from '../../../src/limits.ts';
import { type ClaimClient, encoded } from '../../support/client.ts';
import { failsWith } from '../../support/waiting.ts';
import { LASTING, type SharingSuite } from './suite.ts';

const SEED = 4_242;
const MESSAGES_PER_METHOD = 800;
/** Calls under way at once. */
const WIDTH = 200;

const ITEM = { claimId: 'claim', playerId: 'player', timestampMs: '1700000000000' };
/** What a proper client would send; damaged below. */
const REQUESTS: Readonly<Record<string, object>> = {
  SubmitClaim: ITEM,
  ValidateClaim: ITEM,
  GetClaim: { claimId: 'claim', playerId: 'player' },
  BatchSubmitClaims: { items: [ITEM, ITEM, ITEM] },
  BatchValidateClaims: { items: [ITEM, ITEM, ITEM] },
  ExchangeClaims: { frameId: '9007199254740993', submits: [ITEM, ITEM], validates: [ITEM] },
  GetEpoch: { epoch: '170000000' },
  WatchEpochs: { fromEpoch: '-1' },
};
const STREAMS: readonly string[] = ['ExchangeClaims', 'WatchEpochs'];

export const garbage: SharingSuite = {
  name: 'garbage',
  env: LASTING,
  declare: (service) => {
    let client: ClaimClient;
    before(() => {
      client = service().client();
    });

    for (const [method, request] of Object.entries(REQUESTS)) {
      test(`${method}: ${MESSAGES_PER_METHOD} random and damaged messages`, async () => {
        const message = encoded(method, request);
        const messages = fc.sample(fc.oneof(randomBytes, damaged(message)), {
          seed: SEED,
          numRuns: MESSAGES_PER_METHOD,
        });
        const send = STREAMS.includes(method) ? streamed : called;
        for (let start = 0; start < messages.length; start += WIDTH) {
          const codes = await Promise.all(
            messages.slice(start, start + WIDTH).map((bytes) => send(client, method, bytes)),
          );
          for (const [n, code] of codes.entries()) {
            const allowed: readonly status[] = [status.OK, status.INVALID_ARGUMENT, status.OUT_OF_RANGE];
            assert.ok(allowed.includes(code), `status ${code} for ${messages[start + n].toString('hex')}`);
          }
        }
        await checkAlive(client, method);
      });
    }

    test('an unreadable message says so: INVALID_ARGUMENT', async () => {
      // A length of 100 with 3 bytes behind it, and a tag of field 0.
      for (const bytes of [Buffer.from([0x0a, 100, 1, 2, 3]), Buffer.from([0x00, 0x00])]) {
        for (const method of Object.keys(REQUESTS)) {
          const send = STREAMS.includes(method) ? streamed : called;
          assert.equal(
            await send(client, method, bytes),
            status.INVALID_ARGUMENT,
            `${method} ${bytes.toString('hex')}`,
          );
        }
      }
    });

    test('an unreadable frame ends its stream; frames before it were answered or not, others live', async () => {
      const frame = encoded('ExchangeClaims', {
        frameId: '1',
        submits: [{ claimId: 'before', playerId: 'p' }],
      });
      const call = client.rawStream('ExchangeClaims');
      const ended = endOf(call);
      call.write(frame);
      call.write(Buffer.from([0x12, 0xff]));
      call.write(frame);
      assert.equal(await ended, status.INVALID_ARGUMENT);
      await checkAlive(client, 'after-frame');
    });

    test('a message over the size limit: RESOURCE_EXHAUSTED, on every method', async () => {
      const bytes = Buffer.alloc(RECEIVE_MAX_BYTES + 1);
      for (const method of Object.keys(REQUESTS)) {
        const send = STREAMS.includes(method) ? streamed : called;
        assert.equal(await send(client, method, bytes), status.RESOURCE_EXHAUSTED, method);
      }
      await checkAlive(client, 'after-large');
    });

    test('a method that does not exist: UNIMPLEMENTED', async () => {
      await failsWith(client.raw('StealClaim', Buffer.alloc(0)), status.UNIMPLEMENTED);
    });

    test('nothing of all this was an error of the server', () => {
      assert.doesNotMatch(service().log(), /"level":"(error|fatal)"|uncaught|unhandled/i);
    });
  },
};

const randomBytes = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

/** A proper message with some bytes changed, removed, or put in. */
function damaged(message: Buffer): fc.Arbitrary<Buffer> {
  const place = fc.integer({ min: 0, max: message.length - 1 });
  const damage = fc.record({
    place,
    remove: fc.integer({ min: 0, max: 3 }),
    put: fc.uint8Array({ maxLength: 3 }),
  });
  return fc.array(damage, { minLength: 1, maxLength: 4 }).map((damages) => {
    let bytes = message;
    for (const { place: at, remove, put } of damages) {
      bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + remove)]);
    }
    return bytes;
  });
}

function called(client: ClaimClient, method: string, bytes: Buffer): Promise<status> {
  return client.raw(method, bytes).then(
    () => status.OK,
    (error: { code: status }) => error.code,
  );
}

/** A first reply counts as OK: a stream of epochs would go on for ever. */
function streamed(client: ClaimClient, method: string, bytes: Buffer): Promise<status> {
  const call = client.rawStream(method);
  const ended = endOf(call);
  const replied = new Promise<status>((resolve) => {
    call.on('data', () => {
      resolve(status.OK);
      call.cancel();
    });
  });
  call.end(bytes);
  return Promise.race([ended, replied, liveWatch(method, call)]);
}

/** A watch of epochs to come has neither reply nor end for a while: that is as good as a reply. */
function liveWatch(method: string, call: { cancel(): void }): Promise<status> {
  return new Promise((resolve) => {
    if (method !== 'WatchEpochs') return;
    setTimeout(() => {
      resolve(status.OK);
      call.cancel();
    }, 300);
  });
}

function endOf(call: ReturnType<ClaimClient['rawStream']>): Promise<status> {
  return new Promise((resolve) => {
    call.on('error', () => undefined);
    call.on('data', () => undefined);
    call.on('status', ({ code }: { code: status }) => resolve(code));
  });
}

async function checkAlive(client: ClaimClient, name: string): Promise<void> {
  const alive = { claimId: `alive-${name}`, playerId: 'p' };
  assert.equal((await client.submit(alive)).outcome, 'ACCEPTED');
  assert.equal((await client.validate(alive)).outcome, 'ACCEPTED');
}
