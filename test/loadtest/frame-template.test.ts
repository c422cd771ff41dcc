import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { FrameTemplate } from '../../loadtest/measure/frame-template.ts';
import { claimId, GRPC_PREFIX_BYTES, ItemTemplate, playerId } from '../../loadtest/measure/messages.ts';

interface DecodedItem {
  claimId: string;
  playerId: string;
  timestampMs?: number;
}
interface DecodedFrame {
  frameId: number;
  submits?: DecodedItem[];
  validates?: DecodedItem[];
}

const TIME_MS = 1_763_733_600_123;
const FIRST = 1_000;
const LAG = 8;

/** protobufjs is the oracle. */
const proto = new protobuf.Root();
before(() => {
  proto.loadSync(fileURLToPath(new URL('../../proto/claims/v1/claims.proto', import.meta.url)));
});

function decode(message: Buffer): DecodedFrame {
  assert.equal(message.readUInt32BE(1), message.length - GRPC_PREFIX_BYTES);
  const type = proto.lookupType('claims.v1.ExchangeClaimsRequest');
  const decoded = type.decode(message.subarray(GRPC_PREFIX_BYTES));
  return type.toObject(decoded, { longs: Number }) as DecodedFrame;
}

function template(mixed: boolean): FrameTemplate {
  const submit = new ItemTemplate('r', true);
  submit.setTimestamp(TIME_MS);
  const validate = new ItemTemplate('r', false);
  return new FrameTemplate({ submit, submits: 5, validate, mixed, first: FIRST, lag: LAG }, 77);
}

function numbers(items: DecodedItem[] = []): number[] {
  return items.map((item) => {
    const number = Number(item.claimId.slice(-10));
    assert.deepEqual([item.claimId, item.playerId], [claimId('r', number), playerId('r')]);
    return number;
  });
}

test('a frame has its id and submits claims one after the other, with their time', () => {
  const { frameId, submits = [], validates } = decode(template(false).fill(2_000));
  assert.deepEqual([frameId, validates], [77, undefined]);
  assert.deepEqual(numbers(submits), [2_000, 2_001, 2_002, 2_003, 2_004]);
  assert.ok(submits.every(({ timestampMs }) => timestampMs === TIME_MS));
});

test('a mixed frame validates every second claim of those submitted lag claims ago, once there are some', () => {
  const frames = template(true);
  assert.deepEqual(decode(frames.fill(FIRST + LAG - 1)).validates, undefined);
  const { submits, validates } = decode(frames.fill(FIRST + LAG));
  assert.deepEqual(numbers(validates), [FIRST, FIRST + 2]);
  assert.deepEqual(numbers(submits)[0], FIRST + LAG);
  assert.deepEqual(
    decode(frames.fill(FIRST)).validates,
    undefined,
    'a frame before keeps nothing of one after',
  );
});
