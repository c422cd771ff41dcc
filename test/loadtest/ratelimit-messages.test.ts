import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import { claimId, GRPC_PREFIX_BYTES } from '../../loadtest/measure/messages.ts';
import { countDecision, RateLimitTemplate } from '../../loadtest/measure/ratelimit-messages.ts';
import { makeWorkload } from '../../loadtest/measure/workload.ts';
import { Outcome } from '../../src/domain/claim.ts';
import { REPOSITORY } from '../support/program.ts';

const PACKAGE = 'envoy.service.ratelimit.v3';
const proto = protobuf.loadSync(join(REPOSITORY, 'loadtest/ratelimit/rls.proto'));

function decode(grpcMessage: Buffer): object {
  assert.equal(grpcMessage[0], 0);
  assert.equal(grpcMessage.readUInt32BE(1), grpcMessage.length - GRPC_PREFIX_BYTES);
  const message = proto.lookupType(`${PACKAGE}.RateLimitRequest`);
  return message.toObject(message.decode(grpcMessage.subarray(GRPC_PREFIX_BYTES)));
}

function request(value: string): object {
  return { domain: 'claims', descriptors: [{ entries: [{ key: 'claim_id', value }] }] };
}

function reply(value: object): Buffer {
  const message = proto.lookupType(`${PACKAGE}.RateLimitResponse`);
  return Buffer.from(message.encode(message.fromObject(value)).finish());
}

test('a request asks about one claim, and keeps nothing of the number before', () => {
  const template = new RateLimitTemplate('run-a');
  assert.deepEqual(decode(template.fill(9_999_999_999)), request('run-a-9999999999'));
  assert.deepEqual(decode(template.fill(7)), request(claimId('run-a', 7)));
});

test('the workload goes through the claims one by one, of a run as long as runs can be', () => {
  const run = 'r'.repeat(48);
  const options = { workload: 'ratelimit', run, first: 99, items: 1, lag: 0, scattered: false } as const;
  const workload = makeWorkload(options);
  for (const number of [99, 100, 101]) {
    const { path, message } = workload.next();
    assert.equal(path, `/${PACKAGE}.RateLimitService/ShouldRateLimit`);
    assert.deepEqual(decode(message), request(claimId(run, number)));
  }
});

test('replies are counted by their code', () => {
  const counts = new Float64Array(Outcome.FOUND + 1);
  const statuses = [{ code: 'OK', limitRemaining: 3 }];
  const replies = [
    { overallCode: 'OK', statuses },
    { overallCode: 'OK' },
    { overallCode: 'OVER_LIMIT', statuses },
  ];
  for (const value of [...replies, { statuses }, {}]) {
    const bytes = Buffer.concat([Buffer.from([9]), reply(value)]);
    countDecision(bytes, 1, bytes.length, counts);
  }
  const [unspecified, accepted, replayed, taken] = counts;
  assert.deepEqual(
    { unspecified, accepted, replayed, taken },
    { unspecified: 2, accepted: 2, replayed: 0, taken: 1 },
  );
});
