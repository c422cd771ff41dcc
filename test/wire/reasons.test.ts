import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AssertionFailure } from '../../src/domain/assert.ts';
import { EntryTable } from '../../src/entries/entry-table.ts';
import { viewOf } from '../../src/wire/protobuf-reader.ts';
import {
  describeProblem,
  describeSkew,
  REASON_MAX_BYTES,
  UNAVAILABLE_REASONS,
} from '../../src/wire/reasons.ts';
import { ITEM_OK, RequestDecoder } from '../../src/wire/request-codec.ts';
import { submitForms } from '../support/item-forms.ts';
import { messageType } from '../support/oracle.ts';
import { LEN, writeField } from '../support/wire-forms.ts';

const decoder = new RequestDecoder(EntryTable.allocate(1));
const PRINTABLE = /^[\x20-\x7e]+$/;

function reasonOf(item: Uint8Array): string | null {
  const message = viewOf(item);
  const problem = decoder.submit(message, 0, item.length, 0);
  return problem === ITEM_OK ? null : describeProblem(problem, message, 0, item.length);
}

function reasonFor(fields: Record<string, unknown>): string | null {
  const type = messageType('SubmitClaimRequest');
  return reasonOf(type.encode(type.fromObject({ claimId: 'c', playerId: 'p', ...fields })).finish());
}

const ALLOWED_ID = 'allowed: 1 to 64 bytes of UTF-8 without control characters';
const ALLOWED_TIME = 'allowed: 0 to 9007199254740991, within the clock skew of server time';

describe('the reason for a malformed item', () => {
  it('names the field, the value and what is allowed', () => {
    assert.equal(reasonFor({ claimId: '' }), `claim_id: an empty value is not allowed; ${ALLOWED_ID}`);
    assert.equal(reasonFor({ playerId: '' }), `player_id: an empty value is not allowed; ${ALLOWED_ID}`);
    assert.equal(reasonFor({ claimId: 'x'.repeat(65) }), `claim_id: 65 bytes are not allowed; ${ALLOWED_ID}`);
    assert.equal(
      reasonFor({ playerId: 'a"\n\\b' }),
      `player_id: "a\\x22\\x0a\\x5cb", with a control character at byte 2, is not allowed; ${ALLOWED_ID}`,
    );
    assert.equal(
      reasonFor({ claimId: 'a\x7f' }),
      `claim_id: "a\\x7f", with a control character at byte 1, is not allowed; ${ALLOWED_ID}`,
    );
    assert.equal(
      reasonFor({ claimId: 'é\u{85}' }),
      `claim_id: "\\xc3\\xa9\\xc2\\x85", with a control character at byte 2, is not allowed; ${ALLOWED_ID}`,
    );
    assert.equal(reasonFor({ timestampMs: -1 }), `timestamp_ms: -1 is not allowed; ${ALLOWED_TIME}`);
    assert.equal(
      reasonFor({ timestampMs: '9007199254740992' }),
      `timestamp_ms: 9007199254740992 is not allowed; ${ALLOWED_TIME}`,
    );
    assert.equal(
      reasonFor({ timestampMs: '-9223372036854775808' }),
      `timestamp_ms: -9223372036854775808 is not allowed; ${ALLOWED_TIME}`,
    );
  });

  it('shows the bytes of what is no UTF-8', () => {
    const item = Buffer.concat([
      writeField(1, LEN, Buffer.from('good')),
      writeField(1, LEN, Buffer.from([0x61, 0xff])),
    ]);
    assert.equal(reasonOf(item), `claim_id: "a\\xff", not UTF-8, is not allowed; ${ALLOWED_ID}`);
  });

  it('cuts a long value', () => {
    const reason = reasonFor({ claimId: `${'x'.repeat(63)}\n` });
    assert.equal(
      reason,
      `claim_id: "${'x'.repeat(63)}...", with a control character at byte 63, is not allowed; ${ALLOWED_ID}`,
    );
  });

  it('is absent exactly where the item is good, and otherwise printable and bounded', () => {
    fc.assert(
      fc.property(submitForms, (item) => {
        const reason = reasonOf(item);
        if (reason === null) return;
        assert.match(reason, PRINTABLE);
        assert.match(reason, /^(claim_id|player_id|timestamp_ms): .* not allowed; allowed: /);
        assert(reason.length <= REASON_MAX_BYTES, reason);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is not asked for of a good one', () => {
    assert.throws(() => describeProblem(ITEM_OK, viewOf(new Uint8Array(0)), 0, 0), AssertionFailure);
  });
});

describe('the reason for a timestamp beyond the skew', () => {
  it('gives the range that is allowed', () => {
    assert.equal(
      describeSkew(1_700_000_060_000, 1_700_000_000_000, 5_000),
      'timestamp_ms: 1700000060000 is not allowed; allowed: 1699999995000 to 1700000005000 (server time and clock skew)',
    );
    assert.match(describeSkew(9_000, 1_000, 5_000), /allowed: 0 to 6000 /);
    const { MAX_SAFE_INTEGER } = Number;
    assert(describeSkew(MAX_SAFE_INTEGER, MAX_SAFE_INTEGER, MAX_SAFE_INTEGER).length <= REASON_MAX_BYTES);
  });
});

describe('the reasons of UNAVAILABLE', () => {
  it('are printable, bounded, and say that the item may be sent again', () => {
    for (const reason of Object.values(UNAVAILABLE_REASONS)) {
      assert.match(reason, PRINTABLE);
      assert.match(reason, /safe to send again/);
      assert(reason.length <= REASON_MAX_BYTES, reason);
    }
  });
});
