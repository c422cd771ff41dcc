/**
 * Broken framing below the messages: cut prefixes, wrong lengths, resets and dropped connections,
 * compression. Each call ends with a status of its own, and the server goes on.
 */
import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { compressionAlgorithms, status } from '@grpc/grpc-js';
import { type ClaimClient, encoded } from '../../support/client.ts';
import { endOf, framed, RawSession } from '../../support/raw-http2.ts';
import { LASTING, type SharingSuite } from './suite.ts';

const SUBMIT = encoded('SubmitClaim', { claimId: 'framed', playerId: 'p' });
const FRAME = encoded('ExchangeClaims', { frameId: '1', submits: [{ claimId: 'framed', playerId: 'p' }] });
const CALLS: readonly (readonly [method: string, message: Buffer])[] = [
  ['SubmitClaim', SUBMIT],
  ['BatchSubmitClaims', encoded('BatchSubmitClaims', { items: [{ claimId: 'framed', playerId: 'p' }] })],
  ['ExchangeClaims', FRAME],
  ['GetEpoch', encoded('GetEpoch', {})],
];
const MEBIBYTE = 1 << 20;

export const framing: SharingSuite = {
  name: 'broken framing',
  env: LASTING,
  declare: (service) => {
    let client: ClaimClient;
    let session: RawSession;
    before(() => {
      client = service().client();
      session = new RawSession(service().address());
    });
    after(() => session.destroy());

    for (const [method, message] of CALLS) {
      describe(`${method}, broken`, () => {
        for (const [what, body] of truncated(message)) {
          test(`${what}, then the end: it ends, and nothing is decided`, async () => {
            const { grpcStatus } = await session.send(method, body);
            assert.ok(grpcStatus !== undefined && grpcStatus !== status.UNKNOWN, `grpc-status ${grpcStatus}`);
            // grpc-js drops what is left of a stream's last message without a word.
            if (method !== 'ExchangeClaims') assert.notEqual(grpcStatus, status.OK);
            assert.equal((await client.get('framed')).outcome, 'NOT_FOUND');
          });
        }

        test('a length of 2^32 − 1: RESOURCE_EXHAUSTED before it is read', async () => {
          const { grpcStatus } = await session.send(method, framed(message, { length: 2 ** 32 - 1 }));
          assert.equal(grpcStatus, status.RESOURCE_EXHAUSTED);
          await checkAlive(client);
        });

        test('packed by an unknown way, or not as it says: a clear status', async () => {
          for (const [encoding, expected] of [
            ['snappy', status.UNIMPLEMENTED],
            // What grpc's own specification asks for.
            ['gzip', status.INTERNAL],
          ] as const) {
            const headers = { 'grpc-encoding': encoding };
            const { grpcStatus } = await session.send(method, framed(message, { flag: 1 }), headers);
            assert.equal(grpcStatus, expected, encoding);
            await checkAlive(client);
          }
        });

        test('reset in the middle of a message: nobody else notices', async () => {
          for (const code of [constants.NGHTTP2_CANCEL, constants.NGHTTP2_INTERNAL_ERROR]) {
            const stream = session.call(method);
            const end = endOf(stream);
            await new Promise((resolve) => stream.write(framed(message).subarray(0, 6), resolve));
            stream.close(code);
            await end;
          }
          await checkAlive(client);
        });

        test('a connection dropped in the middle of a message: nobody else notices', async () => {
          const dropped = new RawSession(service().address());
          const stream = dropped.call(method);
          const end = endOf(stream);
          await new Promise((resolve) => stream.write(framed(message).subarray(0, -1), resolve));
          dropped.destroy();
          await end;
          await checkAlive(client);
        });
      });
    }

    test('frames before a cut one are answered', async () => {
      const stream = session.call('ExchangeClaims');
      const replied = new Promise<Buffer>((resolve) => stream.once('data', resolve));
      const whole = encoded('ExchangeClaims', {
        frameId: '1',
        submits: [{ claimId: 'whole', playerId: 'p' }],
      });
      stream.write(Buffer.concat([framed(whole), framed(FRAME).subarray(0, -1)]));
      assert.match((await replied).toString('latin1'), /whole/);
      const end = endOf(stream);
      stream.end();
      await end;
      assert.equal((await client.get('whole')).outcome, 'FOUND');
      assert.equal((await client.get('framed')).outcome, 'NOT_FOUND');
    });

    test('a unary call with no message or with two: an error', async () => {
      const other = encoded('SubmitClaim', { claimId: 'two', playerId: 'p' });
      for (const body of [Buffer.alloc(0), Buffer.concat([framed(other), framed(other)])]) {
        const { grpcStatus } = await session.send('SubmitClaim', body);
        assert.ok(grpcStatus !== undefined && grpcStatus !== status.OK, `grpc-status ${grpcStatus}`);
      }
      await checkAlive(client);
    });

    test('a message in many small pieces is read as one', async () => {
      const stream = session.call('ExchangeClaims');
      const end = endOf(stream);
      for (const byte of Buffer.concat([framed(FRAME), framed(FRAME)])) {
        await new Promise((resolve) => stream.write(Buffer.from([byte]), resolve));
      }
      stream.end();
      assert.equal((await end).grpcStatus, status.OK);
    });

    test('what is no gRPC at all is refused by HTTP', async () => {
      const { httpStatus, grpcStatus } = await session.send('SubmitClaim', framed(SUBMIT), {
        'content-type': 'application/json',
      });
      assert.equal(httpStatus, 415);
      assert.equal(grpcStatus, undefined);
    });

    test('gzip: requests and replies work', async () => {
      const gzip = service().client({
        'grpc.default_compression_algorithm': compressionAlgorithms.gzip,
      });
      const items = Array.from({ length: 2_000 }, (_, n) => ({ claimId: `gzip-${n}`, playerId: 'p' }));
      assert.ok((await gzip.batchSubmit(items)).every(({ outcome }) => outcome === 'ACCEPTED'));
      const [reply] = await gzip.exchange().all([{ frameId: 1n, validates: items }]);
      assert.ok(reply.validates.every(({ outcome }) => outcome === 'ACCEPTED'));
      assert.equal((await gzip.get('gzip-0')).status, 'VALIDATED');
    });

    test('a small message that unpacks to 512 MiB: RESOURCE_EXHAUSTED, and not unpacked', async () => {
      const before = await service().residentBytes();
      const bomb = framed(gzipSync(Buffer.alloc(512 * MEBIBYTE)), { flag: 1 });
      for (const [method] of CALLS) {
        const { grpcStatus } = await session.send(method, bomb, { 'grpc-encoding': 'gzip' });
        assert.equal(grpcStatus, status.RESOURCE_EXHAUSTED, method);
      }
      const growth = (await service().residentBytes()) - before;
      assert.ok(growth < 128 * MEBIBYTE, `RSS grew by ${growth / MEBIBYTE} MiB`);
      await checkAlive(client);
    });

    test('nothing of all this was an error of the server', () => {
      assert.doesNotMatch(service().log(), /"level":"(error|fatal)"|uncaught|unhandled/i);
    });
  },
};

function truncated(message: Buffer): readonly (readonly [what: string, body: Buffer])[] {
  return [
    ['a prefix cut short', framed(message).subarray(0, 3)],
    ['a message cut short', framed(message).subarray(0, -1)],
    ['a length beyond the end', framed(message, { length: message.length + 100 })],
    ['a length within limits that never comes', framed(message, { length: 1 << 20 })],
  ];
}

let alive = 0;
async function checkAlive(client: ClaimClient): Promise<void> {
  assert.equal((await client.submit({ claimId: `alive-${alive++}`, playerId: 'p' })).outcome, 'ACCEPTED');
}
