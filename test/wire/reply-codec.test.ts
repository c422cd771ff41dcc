import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AssertionFailure } from '../../src/domain/assert.ts';
import { ClaimStatus, Outcome, UnavailableReason } from '../../src/domain/claim.ts';
import { type EpochRules, expiryEpoch, maxTimestampMs, timestampMs } from '../../src/domain/epochs.ts';
import { EntryTable, NO_ENTRY } from '../../src/entries/entry-table.ts';
import { BATCH_MAX_ITEMS, SEND_MAX_BYTES } from '../../src/limits.ts';
import { REASON_MAX_BYTES, UNAVAILABLE_REASONS } from '../../src/wire/reasons.ts';
import { type ItemResults, ReplyEncoder } from '../../src/wire/reply-codec.ts';
import { messageType } from '../support/oracle.ts';

const RULES: EpochRules = { epochLengthMs: 10_000, validationWindowMs: 10_000, retentionEpochs: 60 };
const CAPACITY = 16;
const REFUSAL_EPOCH = 170_000_000;

const entries = EntryTable.allocate(CAPACITY);
const encoder = new ReplyEncoder(entries, RULES);

/** The columns of a decided entry. */
interface Decided {
  readonly outcome: Outcome;
  readonly status: ClaimStatus;
  readonly reason: UnavailableReason;
  readonly epoch: number;
  readonly timestampMs: number;
  readonly claimId: string;
  readonly playerId: string;
}

const id = fc
  .oneof(
    fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 64 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
    fc.constant('x'.repeat(64)),
  )
  .filter((text) => Buffer.byteLength(text) <= 64);
const decided: fc.Arbitrary<Decided> = fc.record({
  outcome: fc.constantFrom(...Object.values(Outcome).filter((o) => o !== Outcome.UNSPECIFIED)),
  status: fc.constantFrom(...Object.values(ClaimStatus)),
  reason: fc.constantFrom(...Object.values(UnavailableReason).filter((r) => r !== UnavailableReason.NONE)),
  epoch: fc.oneof(fc.nat(2 ** 30), fc.maxSafeNat()),
  timestampMs: fc.oneof(
    fc.integer({ min: 1_600_000_000_000, max: 1_800_000_000_000 }),
    fc.integer({ min: 0, max: maxTimestampMs(RULES) }),
    fc.constantFrom(0, 2 ** 28, 2 ** 32, maxTimestampMs(RULES)),
  ),
  claimId: id,
  playerId: id,
});

function fill(entry: number, claim: Decided): void {
  entries.outcome[entry] = claim.outcome;
  entries.status[entry] = claim.status;
  entries.reason[entry] = claim.reason;
  entries.epoch[entry] = claim.epoch;
  entries.timestampMs[entry] = claim.timestampMs;
  entries.setClaimId(entry, claim.claimId);
  entries.setPlayerId(entry, claim.playerId);
}

const TELLS_CLAIM: readonly Outcome[] = [Outcome.ACCEPTED, Outcome.REPLAYED, Outcome.EXPIRED, Outcome.FOUND];

/** The ClaimResult for it, in the form of `read`: defaults absent, 64-bit integers as strings. */
function resultOf(claim: Decided): Record<string, unknown> {
  const { outcome, claimId, playerId } = claim;
  if (outcome === Outcome.UNAVAILABLE) {
    assert(claim.reason !== UnavailableReason.NONE);
    return { outcome, reason: UNAVAILABLE_REASONS[claim.reason] };
  }
  const epoch = int64('epoch', claim.epoch);
  if (!TELLS_CLAIM.includes(outcome)) return { outcome, ...epoch };
  const status = claim.status === ClaimStatus.UNSPECIFIED ? {} : { status: claim.status };
  const expiresAtEpoch = expiryEpoch(timestampMs(claim.timestampMs, RULES), RULES);
  return {
    outcome,
    ...status,
    ...epoch,
    ...int64('expiresAtEpoch', expiresAtEpoch),
    claim: { claimId, playerId, ...int64('timestampMs', claim.timestampMs), ...status },
  };
}

function int64(name: string, value: number | bigint): Record<string, string> {
  return Number(value) === 0 ? {} : { [name]: String(value) };
}

/** Reads a reply with protobufjs, and checks that it is written as protobufjs would have. */
function read(name: string, reply: Buffer): Record<string, unknown> {
  const type = messageType(name);
  const message = type.decode(reply);
  assert.deepEqual(Buffer.from(type.encode(message).finish()), Buffer.from(reply), 'not the canonical form');
  return type.toObject(message, { longs: String });
}

function results(items: readonly number[], refusals: ReadonlyMap<number, string>): ItemResults {
  return { entries: Int32Array.from(items), count: items.length, refusals, epoch: REFUSAL_EPOCH };
}

/** Items of one call: decided ones (in any entries) and refused ones. */
const call = fc.array(fc.oneof(decided, fc.string({ unit: 'grapheme', maxLength: 60 })), {
  maxLength: CAPACITY / 2,
});

/** Fills entries from firstEntry on, in reverse, so that order is not by entry. */
function place(items: readonly (Decided | string)[], firstEntry: number): ItemResults {
  const numbers: number[] = [];
  const refusals = new Map<number, string>();
  for (const [i, item] of items.entries()) {
    if (typeof item === 'string') {
      numbers.push(NO_ENTRY);
      refusals.set(i, item);
    } else {
      numbers.push(firstEntry + items.length - 1 - i);
      fill(numbers[i], item);
    }
  }
  return results(numbers, refusals);
}

function expectedResults(items: readonly (Decided | string)[]): Record<string, unknown>[] {
  return items.map((item) => (typeof item === 'string' ? refusalOf(item) : resultOf(item)));
}

function refusalOf(reason: string): Record<string, unknown> {
  const result = { outcome: Outcome.INVALID, epoch: String(REFUSAL_EPOCH) };
  return reason === '' ? result : { ...result, reason };
}

/** A list that is empty is absent. */
function list(name: string, items: unknown[]): Record<string, unknown> {
  return items.length === 0 ? {} : { [name]: items };
}

describe('a unary reply', () => {
  it('says what the columns say', () => {
    fc.assert(
      fc.property(decided, fc.nat(CAPACITY - 1), (claim, entry) => {
        fill(entry, claim);
        const reply = encoder.unary(entry);
        for (const name of ['SubmitClaimResponse', 'ValidateClaimResponse', 'GetClaimResponse']) {
          assert.deepEqual(read(name, reply), { result: resultOf(claim) });
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('to a malformed request has the reason and the current epoch', () => {
    const reply = encoder.unaryRefusal('claim_id: too short', REFUSAL_EPOCH);
    assert.deepEqual(read('SubmitClaimResponse', reply), { result: refusalOf('claim_id: too short') });
  });

  it('never tells a claim to one who does not own it', () => {
    const secret = { claimId: 'claim', playerId: 'owner', timestampMs: 1_700_000_000_000, epoch: 5 };
    for (const outcome of Object.values(Outcome)) {
      if (TELLS_CLAIM.includes(outcome)) continue;
      fill(0, { ...secret, outcome, status: ClaimStatus.VALIDATED, reason: UnavailableReason.STORE_FAILED });
      const reply = encoder.unary(0);
      assert(!reply.includes('owner') && !reply.includes('claim'), `outcome ${outcome}`);
      const told = Object.keys(Object(Reflect.get(read('SubmitClaimResponse', reply), 'result')));
      assert(
        told.every((field) => ['outcome', 'epoch', 'reason'].includes(field)),
        `outcome ${outcome} tells ${told}`,
      );
    }
  });

  it('is UNAVAILABLE for a reason', () => {
    fill(0, {
      outcome: Outcome.UNAVAILABLE,
      status: ClaimStatus.UNSPECIFIED,
      reason: UnavailableReason.NONE,
      epoch: 0,
      timestampMs: 0,
      claimId: 'c',
      playerId: 'p',
    });
    assert.throws(() => encoder.unary(0), AssertionFailure);
  });
});

describe('the reply to a batch', () => {
  it('has every result in request order', () => {
    fc.assert(
      fc.property(call, (items) => {
        const reply = encoder.batch(place(items, 0));
        const expected = list('results', expectedResults(items));
        assert.deepEqual(read('BatchSubmitClaimsResponse', reply), expected);
        assert.deepEqual(read('BatchValidateClaimsResponse', reply), expected);
      }),
      { numRuns: 1_000 },
    );
  });

  it('of the largest kind has room, and can be sent', () => {
    // Epochs of a millisecond have the largest numbers.
    const rules: EpochRules = { epochLengthMs: 1, validationWindowMs: 1, retentionEpochs: 1 };
    fill(0, {
      outcome: Outcome.FOUND,
      status: ClaimStatus.EXPIRED,
      reason: UnavailableReason.NONE,
      epoch: Number.MAX_SAFE_INTEGER,
      timestampMs: maxTimestampMs(rules),
      claimId: 'c'.repeat(64),
      playerId: 'p'.repeat(64),
    });
    const largest = new ReplyEncoder(entries, rules);
    const claims = results(new Array<number>(BATCH_MAX_ITEMS).fill(0), new Map());
    assert(largest.batch(claims).length <= SEND_MAX_BYTES);
    const reasons = new Map(
      Array.from({ length: BATCH_MAX_ITEMS }, (_, i) => [i, 'x'.repeat(REASON_MAX_BYTES)]),
    );
    const refused = results(new Array<number>(BATCH_MAX_ITEMS).fill(NO_ENTRY), reasons);
    assert(largest.batch(refused).length <= SEND_MAX_BYTES);
  });

  it('has a reason for every item without an entry', () => {
    assert.throws(() => encoder.batch(results([NO_ENTRY], new Map())), AssertionFailure);
  });

  it('is empty for an empty batch', () => {
    assert.equal(encoder.batch(results([], new Map())).length, 0);
  });
});

describe('a frame of replies', () => {
  it('has the id and both kinds in request order', () => {
    const frameId = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(frameId, call, call, (id, submits, validates) => {
        const reply = encoder.frame(id, place(submits, 0), place(validates, CAPACITY / 2));
        assert.deepEqual(read('ExchangeClaimsResponse', reply), {
          ...int64('frameId', id),
          ...list('submits', expectedResults(submits)),
          ...list('validates', expectedResults(validates)),
        });
      }),
      { numRuns: 1_000 },
    );
  });

  it('has ids to 2^64 − 1', () => {
    const none = results([], new Map());
    for (const id of [0n, 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
      assert.deepEqual(read('ExchangeClaimsResponse', encoder.frame(id, none, none)), int64('frameId', id));
    }
  });
});
