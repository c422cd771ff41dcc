/** What import reads from a hash: every form a claim can have there, and everything that is none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  readSourceClaim,
  type SourceClaim,
  UNREADABLE_REASONS,
  type UnreadableReason,
} from '../../../src/claimctl/import/value.ts';
import { ClaimStatus } from '../../../src/domain/claim.ts';

const LATEST_MS = 1_800_000_000_000;
const NAMES = { 1: 'PENDING', 2: 'VALIDATED', 3: 'EXPIRED' } as const;
const LETTERS = { 1: 'P', 2: 'V', 3: 'E' } as const;
const STATUSES = [ClaimStatus.PENDING, ClaimStatus.VALIDATED, ClaimStatus.EXPIRED] as const;

const id = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 64 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 64 }),
    fc.constantFrom('|', '{"a":1}', 'P|1|2|x', 'x'.repeat(64), '\ufeffx', '__proto__', ' '),
  )
  .filter((text) => Buffer.byteLength(text) <= 64 && !/\p{Cc}/u.test(text));
const claim = fc.record(
  {
    claimId: id,
    playerId: id,
    timestampMs: fc.oneof(fc.integer({ min: 0, max: LATEST_MS }), fc.constantFrom(0, 1, LATEST_MS)),
    status: fc.constantFrom(...STATUSES),
  },
  { noNullPrototype: true },
);
type Status = (typeof STATUSES)[number];
type Claim = SourceClaim & { readonly status: Status };

function read(field: string | Uint8Array, value: string | Uint8Array): SourceClaim | UnreadableReason {
  return readSourceClaim(Buffer.from(field), Buffer.from(value), LATEST_MS);
}

function predecessorValue({ playerId, timestampMs, status }: Claim): object {
  return { playerId, timestamp: timestampMs, status: NAMES[status] };
}

function registryValue({ playerId, timestampMs, status }: Claim, endEpoch = 170_000_001): string {
  return `${LETTERS[status]}|${timestampMs}|${endEpoch}|${playerId}`;
}

test('every claim of the predecessor is read as it is, whatever its keys’ order and whatever else they hold', () => {
  const extra = fc.dictionary(
    fc.string().filter((key) => !['playerId', 'timestamp', 'status'].includes(key)),
    fc.jsonValue(),
  );
  const shape = fc.tuple(
    claim,
    extra,
    fc.shuffledSubarray(['playerId', 'timestamp', 'status', ''], { minLength: 4 }),
  );
  fc.assert(
    fc.property(shape, fc.nat(3), ([made, more, order], indent) => {
      const all: Record<string, unknown> = { ...predecessorValue(made) };
      const parts = order.map((key) => (key === '' ? more : { [key]: all[key] }));
      const value = JSON.stringify(Object.assign({}, ...parts), null, indent);
      assert.deepEqual(read(made.claimId, value), made);
    }),
  );
});

test('every claim of a registry of ours is read as it is, in both partition modes', () => {
  fc.assert(
    fc.property(claim, fc.nat(), (made, endEpoch) => {
      assert.deepEqual(read(made.claimId, registryValue(made, endEpoch)), made);
      assert.deepEqual(read(`${made.playerId}\u001f${made.claimId}`, registryValue(made, endEpoch)), made);
    }),
  );
});

test('a claim with one thing wrong is told by that thing, in either form', () => {
  const badId = fc.oneof(
    fc.constantFrom('', 'x'.repeat(65), 'é'.repeat(33), 'a\nb', 'a\u007f', '\u0085'),
    fc
      .tuple(id, fc.constantFrom('\t', '\u0000', '\u009f'))
      .map(([text, control]) => `${control}${text}`.slice(0, 20)),
  );
  const badTimestamp = fc.oneof(
    fc.constantFrom<unknown>(null, '1700000000000', true, [1], -1, 0.5, LATEST_MS + 1, 2 ** 53, 1e300),
    fc.integer({ min: -(2 ** 53), max: -1 }),
    fc.integer({ min: LATEST_MS + 1, max: 2 ** 53 }),
  );
  const badStatus = fc.oneof(
    fc.constantFrom<unknown>(null, 1, 'pending', 'P', '', 'toString'),
    fc.string({ maxLength: 5 }),
  );
  fc.assert(
    fc.property(claim, badId, badTimestamp, badStatus, (made, wrongId, wrongTime, wrongStatus) => {
      const good = predecessorValue(made);
      const json = (wrong: object): string => JSON.stringify({ ...good, ...wrong });
      assert.equal(read(wrongId, json({})), 'bad_claim_id');
      assert.equal(read(made.claimId, json({ playerId: wrongId })), 'bad_player_id');
      assert.equal(read(made.claimId, json({ timestamp: wrongTime })), 'bad_timestamp');
      assert.equal(read(made.claimId, json({ status: wrongStatus })), 'unknown_status');
    }),
  );
  const late = { claimId: 'c', playerId: 'p', timestampMs: LATEST_MS + 1, status: ClaimStatus.PENDING };
  assert.equal(read('c', registryValue(late)), 'bad_timestamp');
  assert.equal(read('c', 'P|99999999999999999999|1|p'), 'bad_timestamp');
  assert.equal(read('c', 'X|1|1|p'), 'unknown_status');
  assert.equal(read('c', 'P|1|1|'), 'bad_player_id');
  assert.equal(read('c', 'P|1|1|a\nb'), 'bad_player_id');
});

test('what is missing, half a character, or no such value is told as such', () => {
  for (const key of ['playerId', 'timestamp', 'status'] as const) {
    const value: Record<string, unknown> = { playerId: 'p', timestamp: 1, status: 'PENDING' };
    delete value[key];
    const told = { playerId: 'bad_player_id', timestamp: 'bad_timestamp', status: 'unknown_status' }[key];
    assert.equal(read('c', JSON.stringify(value)), told);
  }
  assert.equal(read('c', '{"playerId":"\\ud800","timestamp":1,"status":"PENDING"}'), 'bad_player_id');
  assert.equal(read(Buffer.from([0x61, 0x80]), '{}'), 'bad_claim_id');
  for (const value of [
    '',
    '{',
    '{"playerId":"p"',
    '[]',
    'null',
    '"x"',
    'P|1|p',
    'P|01|1|p',
    'P|-1|1|p',
    'P|1|x|p',
  ]) {
    assert.equal(read('c', value), 'unreadable_value', value);
  }
  assert.equal(read('c', Buffer.from([0x7b, 0xff, 0x7d])), 'unreadable_value');
  assert.equal(read('other\u001fc', 'P|1|1|p'), 'unreadable_value', 'field and value name different players');
});

test('any bytes at all are a claim that is allowed, or a reason', () => {
  const telling = fc.string({ unit: fc.constantFrom(...'PVE|0123{}":,playerIdtmsu\u001f'), maxLength: 60 });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    telling.map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(bytes, bytes, (field, value) => {
      const found = read(field, value);
      if (typeof found === 'string') {
        assert.ok(Object.hasOwn(UNREADABLE_REASONS, found));
        return;
      }
      for (const text of [found.claimId, found.playerId]) {
        assert.ok(Buffer.byteLength(text) >= 1 && Buffer.byteLength(text) <= 64 && !/\p{Cc}/u.test(text));
      }
      assert.ok(
        Number.isSafeInteger(found.timestampMs) && found.timestampMs >= 0 && found.timestampMs <= LATEST_MS,
      );
      assert.ok(STATUSES.some((status) => status === found.status));
    }),
    { numRuns: 20_000 },
  );
});
