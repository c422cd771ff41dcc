/** Malformed fields: each is an INVALID of its own item, with the field and the reason; never more. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { systemClock } from '../../../src/clock/clock.ts';
import type { ClaimClient, Item, Result } from '../../support/client.ts';
import { WAYS } from '../../support/ways.ts';
import { LASTING, type SharingSuite } from './suite.ts';

const SKEW_MS = 5_000;
/** Farther than this from server time is beyond skew however slow the machine. */
const BEYOND_MS = SKEW_MS + 1;
const MINUTE_MS = 60_000;
/** Time that may pass between this clock's reading and the server's. */
const MARGIN_MS = 1_000;
const SEED = 90_125;

/** Ids that are not allowed, with what is wrong about them. */
const BAD_IDS: readonly [what: string, id: Buffer][] = [
  ['empty', Buffer.alloc(0)],
  ['65 bytes', Buffer.from('x'.repeat(65))],
  ['33 two-byte characters', Buffer.from('é'.repeat(33))],
  ['17 four-byte characters', Buffer.from('🗝'.repeat(17))],
  ['10,000 bytes', Buffer.alloc(10_000, 'x')],
  ['U+0000', Buffer.from('a\u0000b')],
  ['U+0001', Buffer.from('\u0001')],
  ['tab', Buffer.from('a\tb')],
  ['line feed', Buffer.from('a\n')],
  ['U+001F', Buffer.from('\u001fa')],
  ['DEL', Buffer.from('a\u007f')],
  ['U+0080', Buffer.from('a\u0080b')],
  ['U+009F', Buffer.from('\u009f')],
  ['a lone continuation byte', Buffer.from([0x61, 0x80])],
  ['a character cut short', Buffer.from([0xe2, 0x82])],
  ['an overlong form', Buffer.from([0xc0, 0xaf])],
  ['an overlong three-byte form', Buffer.from([0xe0, 0x80, 0xaf])],
  ['a surrogate', Buffer.from([0xed, 0xa0, 0x80])],
  ['beyond U+10FFFF', Buffer.from([0xf4, 0x90, 0x80, 0x80])],
  ['bytes that UTF-8 never has', Buffer.from([0xff, 0xfe])],
];

const GOOD_IDS: readonly string[] = [
  'x',
  ' ',
  'x'.repeat(64),
  'é'.repeat(32),
  '🗝'.repeat(16),
  '\u00a0',
  '\u2028',
  '|',
  '\ufeffbom',
  '\uffff',
  '../../etc/passwd',
  "'; DROP TABLE claims; --",
];

export const badInput: SharingSuite = {
  name: 'bad input',
  env: LASTING,
  declare: (service) => {
    let client: ClaimClient;
    before(() => {
      client = service().client();
    });

    describe('ids', () => {
      for (const [what, id] of BAD_IDS) {
        test(`${what}: INVALID wherever an id is read`, async () => {
          const good = Buffer.from('good');
          for (const [method, claimId, playerId, field] of [
            ['SubmitClaim', id, good, /claim_id/],
            ['SubmitClaim', good, id, /player_id/],
            ['ValidateClaim', id, good, /claim_id/],
            ['ValidateClaim', good, id, /player_id/],
            ['GetClaim', id, undefined, /claim_id/],
          ] as const) {
            checkInvalid(await client.rawResult(method, item({ claimId, playerId })), field);
          }
          for (const method of ['BatchSubmitClaims', 'BatchValidateClaims']) {
            const [first, second] = await client.rawResults(
              method,
              batchOf([item({ claimId: id, playerId: good }), item({ claimId: good, playerId: id })]),
            );
            checkInvalid(first, /claim_id/);
            checkInvalid(second, /player_id/);
          }
          assert.equal((await client.get('good')).outcome, 'NOT_FOUND');
        });
      }

      test('absent fields: INVALID, naming the first that is missing', async () => {
        for (const method of ['SubmitClaim', 'ValidateClaim', 'GetClaim']) {
          checkInvalid(await client.rawResult(method, Buffer.alloc(0)), /claim_id/);
        }
        const claimId = Buffer.from('absent');
        for (const method of ['SubmitClaim', 'ValidateClaim']) {
          checkInvalid(await client.rawResult(method, item({ claimId })), /player_id/);
          checkInvalid(await client.rawResult(method, item({ playerId: claimId })), /claim_id/);
        }
      });

      test('all that are allowed are taken as they are, byte for byte', async () => {
        for (const way of WAYS) {
          const items = GOOD_IDS.map((id): Item => ({ claimId: `${id}`, playerId: id }));
          const mine = items.map(({ playerId }, n) => ({
            playerId,
            claimId: n < 3 ? items[n].claimId : playerId,
          }));
          for (const [n, { outcome, claim, reason }] of (await way.submit(client, mine)).entries()) {
            assert.equal(outcome, way === WAYS[0] ? 'ACCEPTED' : 'REPLAYED', `${GOOD_IDS[n]}: ${reason}`);
            assert.deepEqual([claim?.claimId, claim?.playerId], [mine[n].claimId, mine[n].playerId]);
          }
        }
        for (const id of GOOD_IDS) assert.equal((await client.get(id)).claim?.playerId, id);
      });
    });

    describe('timestamps', () => {
      const bad: readonly [string, () => bigint][] = [
        ['−1', () => -1n],
        ['−2^63', () => -(2n ** 63n)],
        ['2^63 − 1', () => 2n ** 63n - 1n],
        ['2^53', () => 2n ** 53n],
        ['2^53 − 1', () => 2n ** 53n - 1n],
        ['2^53 − 1 less window and length', () => 2n ** 53n - 1n - 610_000n],
        ['0', () => 0n],
        ['seconds for milliseconds', () => nowMs() / 1_000n],
        ['microseconds for milliseconds', () => nowMs() * 1_000n],
        ['just beyond skew before', () => nowMs() - BigInt(BEYOND_MS)],
        ['a minute beyond skew after', () => nowMs() + BigInt(BEYOND_MS + MINUTE_MS)],
        // What is cut to 32 or 53 bits looks like now.
        ['now + 2^53', () => nowMs() + 2n ** 53n],
        ['now + 2^62', () => nowMs() + 2n ** 62n],
        ['now − 2^63', () => nowMs() - 2n ** 63n],
      ];
      for (const [what, timestampMs] of bad) {
        test(`${what}: INVALID, and no claim`, async () => {
          for (const way of WAYS) {
            const claimId = `time-${way.name}`;
            const [result] = await way.submit(client, [
              { claimId, playerId: 'p', timestampMs: timestampMs() },
            ]);
            checkInvalid(result, /timestamp_ms/);
            assert.equal((await client.get(claimId)).outcome, 'NOT_FOUND');
          }
        });
      }

      test('within skew, before and after: ACCEPTED as given', async () => {
        for (const offset of [0, -1, -SKEW_MS + MARGIN_MS, SKEW_MS]) {
          const timestampMs = systemClock.nowMs() + offset;
          const result = await client.submit({ claimId: `within${offset}`, playerId: 'p', timestampMs });
          assert.equal(result.outcome, 'ACCEPTED', `${offset}: ${result.reason}`);
          assert.equal(result.claim?.timestampMs, timestampMs);
        }
      });
    });

    describe('what later clients may send', () => {
      test('unknown fields of every wire type are passed over', async () => {
        const unknown = protobuf.Writer.create();
        unknown.uint32((15 << 3) | 0).uint64('18446744073709551615');
        unknown.uint32((16 << 3) | 1).fixed64('7');
        unknown.uint32((17 << 3) | 2).bytes(Buffer.from([0xff, 0x0a, 0x00]));
        unknown.uint32((18 << 3) | 5).fixed32(7);
        // An enum of a later version: a number that nobody knows.
        unknown.uint32((536_870_911 << 3) >>> 0).int32(9_999);
        const extra = Buffer.from(unknown.finish());
        const plain = item({ claimId: Buffer.from('later'), playerId: Buffer.from('p') });
        const around = Buffer.concat([extra, plain, extra]);
        assert.equal((await client.rawResult('SubmitClaim', around)).outcome, 'ACCEPTED');
        assert.equal((await client.rawResult('ValidateClaim', around)).outcome, 'ACCEPTED');
        const found = await client.rawResult('GetClaim', Buffer.concat([extra, plain.subarray(0, 7), extra]));
        assert.equal(found.outcome, 'FOUND');
        const batch = Buffer.concat([extra, batchOf([around, around]), extra]);
        const results = await client.rawResults('BatchValidateClaims', batch);
        assert.deepEqual(
          results.map(({ outcome }) => outcome),
          ['REPLAYED', 'REPLAYED'],
        );
      });

      test('a field that comes again replaces what came before', async () => {
        const first = item({ claimId: Buffer.from('first'), playerId: Buffer.from('p1') });
        const second = item({ claimId: Buffer.from('second'), playerId: Buffer.from('p2') });
        const { claim } = await client.rawResult('SubmitClaim', Buffer.concat([first, second]));
        assert.deepEqual([claim?.claimId, claim?.playerId], ['second', 'p2']);
        assert.equal((await client.get('first')).outcome, 'NOT_FOUND');
      });
    });

    test('of a random batch every item gets what is its own, whatever its neighbours are', async () => {
      const good = fc
        .integer({ min: 0, max: 10_000 })
        .map((n) => ({ bad: false, claimId: Buffer.from(`n${n}`) }));
      const bad = fc.constantFrom(...BAD_IDS).map(([, claimId]) => ({ bad: true, claimId }));
      const batches = fc.sample(fc.array(fc.oneof(good, bad), { minLength: 1, maxLength: 600 }), {
        seed: SEED,
        numRuns: 40,
      });
      for (const items of batches) {
        const playerId = Buffer.from('p');
        const results = await client.rawResults(
          'BatchSubmitClaims',
          batchOf(items.map(({ claimId }) => item({ claimId, playerId }))),
        );
        assert.equal(results.length, items.length);
        for (const [n, result] of results.entries()) {
          if (items[n].bad) checkInvalid(result, /claim_id/);
          else assert.equal(result.claim?.claimId, items[n].claimId.toString(), `item ${n}`);
        }
      }
    });
  },
};

function nowMs(): bigint {
  return BigInt(systemClock.nowMs());
}

/** An item's bytes; its ids are bytes, for no string can hold some of them. */
function item({ claimId, playerId }: { claimId?: Buffer; playerId?: Buffer | undefined }): Buffer {
  const writer = protobuf.Writer.create();
  if (claimId !== undefined) writer.uint32(0x0a).bytes(claimId);
  if (playerId !== undefined) writer.uint32(0x12).bytes(playerId);
  return Buffer.from(writer.finish());
}

function batchOf(items: readonly Buffer[]): Buffer {
  const writer = protobuf.Writer.create();
  for (const bytes of items) writer.uint32(0x0a).bytes(bytes);
  return Buffer.from(writer.finish());
}

function checkInvalid(result: Result, field: RegExp): void {
  assert.equal(result.outcome, 'INVALID');
  assert.equal(result.status, 'UNSPECIFIED');
  assert.equal(result.claim, undefined);
  assert.match(result.reason, field);
  assert.ok(result.reason.length <= 256, `a reason of ${result.reason.length} characters`);
}
