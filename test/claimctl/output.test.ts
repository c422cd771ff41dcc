import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  claimReport,
  epochReport,
  isoTime,
  jsonInt64,
  Output,
  outcomeName,
  printable,
  statusName,
} from '../../src/claimctl/output.ts';
import type { ClaimResult } from '../../src/claimctl/service.ts';
import { ClaimStatus, Outcome } from '../../src/domain/claim.ts';

const CLAIM = { claim_id: 'c1', player_id: 'p1', timestamp_ms: '1700000000123', status: ClaimStatus.PENDING };
const RESULT: ClaimResult = {
  outcome: Outcome.ACCEPTED,
  status: ClaimStatus.PENDING,
  epoch: '170000000',
  expires_at_epoch: '170000002',
  claim: CLAIM,
  reason: '',
};
const NOTHING: ClaimResult = {
  outcome: 0,
  status: 0,
  epoch: '0',
  expires_at_epoch: '0',
  claim: null,
  reason: '',
};
const SUBMIT = { command: 'submit', claimId: 'c1', playerId: 'p1' } as const;

test('a claim as text', () => {
  const text = (result: Partial<ClaimResult>, question = SUBMIT as Parameters<typeof claimReport>[0]) =>
    claimReport(question, { ...NOTHING, epoch: '7', ...result }).text;
  assert.equal(
    claimReport(SUBMIT, RESULT).text,
    'ACCEPTED: claim c1, player p1, PENDING, time 2023-11-14T22:13:20.123Z, decided in epoch 170000000, expires at epoch 170000002',
  );
  assert.equal(
    text({ outcome: Outcome.TAKEN }),
    'TAKEN: claim c1, player p1, another player has it, decided in epoch 7',
  );
  assert.equal(
    text({ outcome: Outcome.EXPIRED, status: ClaimStatus.EXPIRED }),
    'EXPIRED: claim c1, player p1, it expired before it was validated, decided in epoch 7',
  );
  assert.equal(
    text({ outcome: Outcome.NOT_FOUND }, { command: 'get', claimId: 'c1', playerId: null }),
    'NOT_FOUND: claim c1, unknown or past retention, decided in epoch 7',
  );
  assert.equal(
    text({ outcome: Outcome.INVALID, epoch: '0', reason: 'no id' }, { ...SUBMIT, claimId: '' }),
    'INVALID: claim "", player p1, no id',
  );
  assert.equal(
    text({ outcome: 99, status: 98 }),
    'UNKNOWN_99: claim c1, player p1, UNKNOWN_98, decided in epoch 7',
  );
});

test('a claim as JSON has the same keys whatever the outcome', () => {
  assert.deepEqual(claimReport(SUBMIT, RESULT).json, {
    command: 'submit',
    claim_id: 'c1',
    player_id: 'p1',
    outcome: 'ACCEPTED',
    status: 'PENDING',
    timestamp_ms: 1_700_000_000_123,
    epoch: 170_000_000,
    expires_at_epoch: 170_000_002,
    reason: null,
  });
  const get = { command: 'get', claimId: 'c1', playerId: null } as const;
  assert.deepEqual(claimReport(get, { ...NOTHING, outcome: Outcome.UNAVAILABLE, reason: 'no disk' }).json, {
    command: 'get',
    claim_id: 'c1',
    player_id: null,
    outcome: 'UNAVAILABLE',
    status: null,
    timestamp_ms: null,
    epoch: null,
    expires_at_epoch: null,
    reason: 'no disk',
  });
  const { player_id } = claimReport(get, { ...RESULT, outcome: Outcome.FOUND }).json;
  assert.equal(player_id, 'p1');
});

test('an epoch in both forms', () => {
  const summary = { epoch: '170000000', start_ms: '1700000000000', duration_us: '1234' };
  const counts = { submitted: '12', validated: '10', expired: '2', pending: '9007199254740993' };
  const { text, json } = epochReport({ ...summary, ...counts });
  assert.equal(
    text,
    'epoch 170000000  2023-11-14T22:13:20.000Z  submitted      12  validated      10  expired       2  pending 9007199254740993  advanced in 1.2 ms',
  );
  assert.deepEqual(json, {
    epoch: 170_000_000,
    start_ms: 1_700_000_000_000,
    start_time: '2023-11-14T22:13:20.000Z',
    submitted: 12,
    validated: 10,
    expired: 2,
    pending: '9007199254740993',
    duration_us: 1_234,
  });
});

test('every outcome and status of the contract has its name', () => {
  for (const [name, number] of Object.entries(Outcome)) assert.equal(outcomeName(number), name);
  assert.equal(statusName(ClaimStatus.UNSPECIFIED), null);
  assert.equal(statusName(ClaimStatus.VALIDATED), 'VALIDATED');
});

test('an int64 is a JSON number where that is exact', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      const written = jsonInt64(value.toString());
      assert.equal(BigInt(written), value);
      assert.equal(
        typeof written,
        value >= -(2n ** 53n) + 1n && value <= 2n ** 53n - 1n ? 'number' : 'string',
      );
    }),
  );
});

test('a time that is no date is shown as its number', () => {
  assert.equal(isoTime('0'), '1970-01-01T00:00:00.000Z');
  assert.equal(isoTime('8640000000000001'), '8640000000000001 ms');
});

test('text from elsewhere stays on its line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(printable(text), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
  );
  assert.equal(printable('a\u001b[2Jb\u202ec\nü'), 'a\\u{1b}[2Jb\\u{202e}c\\u{a}ü');
  const told = claimReport(
    { ...SUBMIT, claimId: 'a\nb' },
    { ...RESULT, claim: { ...CLAIM, player_id: '\u0007' } },
  );
  assert.match(told.text, /^ACCEPTED: claim a\\u\{a\}b, player \\u\{7\}, /);
});

test('a reader that has gone is told apart from a failure to write', async () => {
  const failing = (code: string) =>
    new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })) }).on(
      'error',
      () => undefined,
    );
  const report = { text: 'a', json: {} };
  assert.equal(await new Output(failing('EPIPE'), false).print(report), false);
  await assert.rejects(new Output(failing('ENOSPC'), false).print(report), { code: 'ENOSPC' });
});
