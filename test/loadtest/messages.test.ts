import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import {
  claimId,
  countOutcomes,
  GRPC_PREFIX_BYTES,
  ItemTemplate,
  playerId,
  RequestTemplate,
  readFrameId,
  sampleResult,
  varint,
} from '../../loadtest/measure/messages.ts';
import { Outcome } from '../../src/domain/claim.ts';

/** protobufjs is the oracle: what it reads of our bytes, and what we read of its. */
const proto = new protobuf.Root();
before(() => {
  proto.loadSync(fileURLToPath(new URL('../../proto/claims/v1/claims.proto', import.meta.url)));
});

function decode(type: string, grpcMessage: Buffer): object {
  assert.equal(grpcMessage[0], 0);
  assert.equal(grpcMessage.readUInt32BE(1), grpcMessage.length - GRPC_PREFIX_BYTES);
  const message = proto.lookupType(`claims.v1.${type}`);
  return message.toObject(message.decode(grpcMessage.subarray(GRPC_PREFIX_BYTES)), { longs: Number });
}

function encode(type: string, value: object): Buffer {
  const message = proto.lookupType(`claims.v1.${type}`);
  return Buffer.from(message.encode(message.fromObject(value)).finish());
}

test('a submit carries its claim, player and time', () => {
  const item = new ItemTemplate('run-a', true);
  item.setTimestamp(1_763_733_600_123);
  const decoded = decode('SubmitClaimRequest', RequestTemplate.single(item).fill(4711));
  assert.deepEqual(decoded, {
    claimId: 'run-a-0000004711',
    playerId: playerId('run-a'),
    timestampMs: 1_763_733_600_123,
  });
});

test('a template filled again keeps nothing of the number before', () => {
  const template = RequestTemplate.single(new ItemTemplate('run-a', false));
  template.fill(9_999_999_999);
  const decoded = decode('ValidateClaimRequest', template.fill(7));
  assert.deepEqual(decoded, { claimId: claimId('run-a', 7), playerId: playerId('run-a') });
});

test('scattered ids are all different, and in no order', () => {
  const template = RequestTemplate.list(new ItemTemplate('r', false, true), 5_000, 1, Buffer.alloc(0));
  const { items } = decode('BatchSubmitClaimsRequest', template.fill(1_000_000)) as {
    items: { claimId: string }[];
  };
  const ids = items.map((item) => item.claimId);
  assert.equal(new Set(ids).size, 5_000);
  const ascents = ids.filter((id, i) => i > 0 && id > ids[i - 1]).length;
  assert.ok(ascents > 1_000 && ascents < 4_999, `${ascents} ids are above the one before`);
  assert.ok(ids.every((id) => id.length === 'r-'.length + 10));
});

test('a batch carries claims of ascending number', () => {
  const template = RequestTemplate.list(new ItemTemplate('r', false), 300, 1, Buffer.alloc(0));
  const items = Array.from({ length: 300 }, (_, i) => ({
    claimId: claimId('r', 50 + i),
    playerId: playerId('r'),
  }));
  assert.deepEqual(decode('BatchSubmitClaimsRequest', template.fill(50)), { items });
});

test('outcomes of unary, batch and frame replies are counted', () => {
  const counts = new Float64Array(Outcome.FOUND + 1);
  const result = (outcome: number) => ({ outcome, epoch: 170_000_000, reason: 'x'.repeat(200) });
  const count = (bytes: Buffer, firstField: number): void =>
    countOutcomes(bytes, 0, bytes.length, firstField, counts);
  count(encode('SubmitClaimResponse', { result: result(Outcome.ACCEPTED) }), 1);
  count(
    encode('BatchSubmitClaimsResponse', { results: [result(Outcome.TAKEN), result(Outcome.INVALID)] }),
    1,
  );
  const frame = {
    frameId: 300,
    submits: [result(Outcome.REPLAYED)],
    validates: [result(Outcome.EXPIRED), {}],
  };
  count(encode('ExchangeClaimsResponse', frame), 2);
  assert.deepEqual([...counts], [1, 1, 1, 1, 1, 0, 1, 0, 0]);
});

test("a frame's id is read, and is 0 where it has none", () => {
  for (const frameId of [1, 127, 128, 300_000, 2 ** 40]) {
    const bytes = encode('ExchangeClaimsResponse', { frameId, submits: [{ outcome: 1 }] });
    assert.equal(readFrameId(bytes, 0, bytes.length), frameId);
  }
  const without = encode('ExchangeClaimsResponse', { submits: [{ outcome: 1 }] });
  assert.equal(readFrameId(without, 0, without.length), 0);
});

test('varints are as protobufjs writes them', () => {
  const values = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(values, (value) => {
      assert.deepEqual(varint(value), Buffer.from(protobuf.Writer.create().uint64(value).finish()));
    }),
  );
});

test('the sample result is a ClaimResult with its claim', () => {
  const type = proto.lookupType('claims.v1.ClaimResult');
  const result = type.toObject(type.decode(sampleResult()), { longs: Number, enums: String });
  const { outcome, claim } = result;
  assert.equal(outcome, 'OUTCOME_ACCEPTED');
  assert.equal(claim.status, 'CLAIM_STATUS_PENDING');
});
