/** A batch as it is sent: read back by a decoder of the test's own, it says what the entries said. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ClaimOperation, type PartitionMode } from '../../../src/domain/claim.ts';
import { EntryTable } from '../../../src/entries/entry-table.ts';
import { hashBytes } from '../../../src/partitioner/hash.ts';
import { RedisBatch, type ShardItems } from '../../../src/store/redis/batch.ts';
import { RedisSharding } from '../../../src/store/redis/keys.ts';
import { packStrings } from '../../../src/store/redis/pack.ts';
import { fill } from '../../support/entries.ts';

const CAPACITY = 32;

/** MessagePack, as the specification has it: the types that a batch may use. */
function unpack(bytes: Buffer): (string | number)[] {
  const values: (string | number)[] = [];
  for (let at = 0; at < bytes.length; ) {
    const type = bytes[at];
    const take = (head: number, length: number): Buffer => {
      at += head + length;
      assert.ok(at <= bytes.length, 'cut short');
      return bytes.subarray(at - length, at);
    };
    if (type <= 0x7f) values.push(take(0, 1)[0]);
    else if (type >= 0xa0 && type <= 0xbf) values.push(take(1, type & 0x1f).toString());
    else if (type === 0xd9) values.push(take(2, bytes[at + 1]).toString());
    else if (type === 0xce) values.push(take(1, 4).readUInt32BE());
    else if (type === 0xcb) values.push(take(1, 8).readDoubleBE());
    else assert.fail(`type ${type} at ${at}`);
  }
  return values;
}

interface Request {
  readonly operation: ClaimOperation;
  readonly claimId: string;
  readonly playerId: string;
  readonly timestampMs: number;
  readonly expiresAtEpoch: number;
}

/** An id: any UTF-8 of up to 64 bytes without control characters. */
const id = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 64 })
  .map((text) => text.replaceAll(/\p{Cc}/gu, 'x'))
  .filter((text) => Buffer.byteLength(text) <= 64);
/** Digits of every length, and the numbers beside a change of length. */
const whole = fc.oneof(
  fc.maxSafeNat(),
  fc
    .integer({ min: 0, max: 15 })
    .chain((power) => fc.integer({ min: -1, max: 1 }).map((d) => 10 ** power + d)),
  fc.constantFrom(0, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
);
const request: fc.Arbitrary<Request> = fc.record({
  operation: fc.constantFrom(...Object.values(ClaimOperation)),
  claimId: id,
  playerId: id,
  timestampMs: whole,
  expiresAtEpoch: whole,
});

function encode(requests: readonly Request[], partition: PartitionMode, shards: number) {
  const entries = EntryTable.allocate(CAPACITY);
  for (const [entry, fields] of requests.entries()) fill(entries, entry, fields);
  const settings = { epochLengthMs: 1_000, validationWindowMs: 1_000, retentionEpochs: 1, partition };
  const sharding = new RedisSharding(shards, partition);
  const batch = new RedisBatch(entries, settings, sharding, shards, CAPACITY);
  const numbers = Int32Array.from(requests.keys());
  return batch.encode({ entries: numbers, count: numbers.length, epoch: 1 });
}

/** What the script must read of a request: its field, and its item. */
function expected(request: Request, partition: PartitionMode): [string, (string | number)[]] {
  const { operation, claimId, playerId, timestampMs, expiresAtEpoch } = request;
  const field = partition === 'claim' ? claimId : `${playerId}\u001f${claimId}`;
  const value = `P|${timestampMs}|${expiresAtEpoch}|${playerId}`;
  if (operation === ClaimOperation.SUBMIT) return [field, [operation, expiresAtEpoch, value]];
  return [field, operation === ClaimOperation.VALIDATE ? [operation, playerId] : [operation]];
}

/** The shard of the bytes that choose it, by the rule: the highest bits of their hash. */
function shardOf({ claimId, playerId }: Request, partition: PartitionMode, shards: number): number {
  const bytes = Buffer.from(partition === 'claim' ? claimId : playerId);
  return Math.floor((hashBytes(bytes, 0, bytes.length) / 2 ** 32) * shards);
}

function checkParts(
  parts: readonly ShardItems[],
  requests: readonly Request[],
  partition: PartitionMode,
  shards: number,
): void {
  const shardsSeen = parts.map((part) => part.shard);
  assert.deepEqual(
    shardsSeen,
    [...new Set(shardsSeen)].sort((a, b) => a - b),
  );
  for (const part of parts) {
    const own = [...requests.keys()].filter((i) => shardOf(requests[i], partition, shards) === part.shard);
    assert.deepEqual([...part.entries], own, 'its items, in the batch’s order');
    const wanted = own.map((i) => expected(requests[i], partition));
    assert.deepEqual(
      unpack(part.fields),
      wanted.map(([field]) => field),
    );
    assert.deepEqual(
      unpack(part.items),
      wanted.flatMap(([, item]) => item),
    );
  }
  assert.equal(parts.flatMap((part) => [...part.entries]).length, requests.length);
}

describe('a batch', () => {
  for (const partition of ['claim', 'player'] as const) {
    for (const shards of [1, 2, 64]) {
      test(`${partition} mode, ${shards} shards: every item, in its shard, in its order`, () => {
        const requests = fc.array(request, { maxLength: CAPACITY });
        fc.assert(
          fc.property(requests, (all) => checkParts(encode(all, partition, shards), all, partition, shards)),
        );
      });
    }
  }

  test('the longest items fit', () => {
    const longest: Request = {
      operation: ClaimOperation.SUBMIT,
      claimId: 'c'.repeat(64),
      playerId: 'p'.repeat(64),
      timestampMs: Number.MAX_SAFE_INTEGER,
      expiresAtEpoch: Number.MAX_SAFE_INTEGER,
    };
    const all = Array.from({ length: CAPACITY }, () => longest);
    checkParts(encode(all, 'player', 1), all, 'player', 1);
  });

  test('what is encoded stays as it is when the next batch is', () => {
    const first: Request = {
      operation: ClaimOperation.VALIDATE,
      claimId: 'first',
      playerId: 'p',
      timestampMs: 0,
      expiresAtEpoch: 0,
    };
    const entries = EntryTable.allocate(1);
    const settings = {
      epochLengthMs: 1_000,
      validationWindowMs: 1_000,
      retentionEpochs: 1,
      partition: 'claim',
    } as const;
    const batch = new RedisBatch(entries, settings, new RedisSharding(1, 'claim'), 1, 1);
    const one = { entries: Int32Array.of(0), count: 1, epoch: 1 };
    fill(entries, 0, first);
    const [part] = batch.encode(one);
    fill(entries, 0, { ...first, claimId: 'other', playerId: 'q' });
    batch.encode(one);
    checkParts([part], [first], 'claim', 1);
  });
});

test('strings packed for a script are unpacked the same', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 40 })), (strings) => {
      const short = strings.filter((text) => Buffer.byteLength(text) <= 255);
      assert.deepEqual(unpack(packStrings(short)), short);
    }),
  );
  assert.deepEqual(unpack(packStrings(['x'.repeat(255)])), ['x'.repeat(255)]);
});
