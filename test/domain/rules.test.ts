/** The table of outcomes (DESIGN § 2) row by row, and that a fact is never wrong on another replica. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimOperation, ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import {
  ASK_STORE,
  type Decision,
  decideAbsent,
  decideFromFacts,
  decidePresent,
  effectiveStatus,
  outcomeOf,
  statusOf,
} from '../../src/domain/rules.ts';

const { SUBMIT, VALIDATE, GET, EXPIRE } = ClaimOperation;
const { UNSPECIFIED, PENDING, VALIDATED, EXPIRED } = ClaimStatus;

/** The epoch that the rows below are decided in. */
const NOW = 170_000_000;

interface Row {
  readonly what: string;
  readonly operation: ClaimOperation;
  /** What the registry holds; absent where it holds nothing, or past retention. */
  readonly stored?: {
    readonly status: ClaimStatus;
    readonly endEpoch: number;
    readonly otherPlayer?: boolean;
  };
  /** Expiry epoch of the claim that is submitted. */
  readonly expiresAtEpoch?: number;
  readonly outcome: Outcome;
  readonly status: ClaimStatus;
}

const pending = { status: PENDING, endEpoch: NOW + 1 };
const overdue = { status: PENDING, endEpoch: NOW };
const validated = { status: VALIDATED, endEpoch: NOW - 1 };
const expired = { status: EXPIRED, endEpoch: NOW - 1 };
const others = (stored: { status: ClaimStatus; endEpoch: number }) => ({ ...stored, otherPlayer: true });

function described(stored: { status: ClaimStatus; endEpoch: number }): string {
  const isOverdue = stored.status === PENDING && stored.endEpoch <= NOW;
  return isOverdue ? 'overdue' : nameOf(ClaimStatus, stored.status).toLowerCase();
}

const ROWS: readonly Row[] = [
  { what: 'submit a new id', operation: SUBMIT, outcome: Outcome.ACCEPTED, status: PENDING },
  {
    what: 'submit a new id whose expiry epoch has just come',
    operation: SUBMIT,
    expiresAtEpoch: NOW,
    outcome: Outcome.ACCEPTED,
    status: EXPIRED,
  },
  {
    what: 'submit a new id whose expiry epoch came long ago',
    operation: SUBMIT,
    expiresAtEpoch: NOW - 1_000,
    outcome: Outcome.ACCEPTED,
    status: EXPIRED,
  },
  {
    what: 'submit again, pending',
    operation: SUBMIT,
    stored: pending,
    outcome: Outcome.REPLAYED,
    status: PENDING,
  },
  {
    what: 'submit again, overdue',
    operation: SUBMIT,
    stored: overdue,
    outcome: Outcome.REPLAYED,
    status: EXPIRED,
  },
  {
    what: 'submit again, validated',
    operation: SUBMIT,
    stored: validated,
    outcome: Outcome.REPLAYED,
    status: VALIDATED,
  },
  {
    what: 'submit again, expired',
    operation: SUBMIT,
    stored: expired,
    outcome: Outcome.REPLAYED,
    status: EXPIRED,
  },
  ...[pending, overdue, validated, expired].map((stored) => ({
    what: `submit another player's, ${described(stored)}`,
    operation: SUBMIT,
    stored: others(stored),
    outcome: Outcome.TAKEN,
    status: UNSPECIFIED,
  })),
  {
    what: 'validate, pending, before expiry',
    operation: VALIDATE,
    stored: pending,
    outcome: Outcome.ACCEPTED,
    status: VALIDATED,
  },
  {
    what: 'validate again',
    operation: VALIDATE,
    stored: validated,
    outcome: Outcome.REPLAYED,
    status: VALIDATED,
  },
  {
    what: 'validate, expired',
    operation: VALIDATE,
    stored: expired,
    outcome: Outcome.EXPIRED,
    status: EXPIRED,
  },
  {
    what: 'validate in the expiry epoch, expired by the rule',
    operation: VALIDATE,
    stored: overdue,
    outcome: Outcome.EXPIRED,
    status: EXPIRED,
  },
  { what: 'validate the unknown', operation: VALIDATE, outcome: Outcome.NOT_FOUND, status: UNSPECIFIED },
  ...[pending, overdue, validated, expired].map((stored) => ({
    what: `validate another player's, ${described(stored)}`,
    operation: VALIDATE,
    stored: others(stored),
    outcome: Outcome.TAKEN,
    status: UNSPECIFIED,
  })),
  { what: 'get, pending', operation: GET, stored: pending, outcome: Outcome.FOUND, status: PENDING },
  { what: 'get, overdue', operation: GET, stored: overdue, outcome: Outcome.FOUND, status: EXPIRED },
  { what: 'get, validated', operation: GET, stored: validated, outcome: Outcome.FOUND, status: VALIDATED },
  { what: 'get, expired', operation: GET, stored: expired, outcome: Outcome.FOUND, status: EXPIRED },
  {
    what: "get another player's",
    operation: GET,
    stored: others(pending),
    outcome: Outcome.FOUND,
    status: PENDING,
  },
  { what: 'get the unknown', operation: GET, outcome: Outcome.NOT_FOUND, status: UNSPECIFIED },
  { what: 'expire, overdue', operation: EXPIRE, stored: overdue, outcome: Outcome.EXPIRED, status: EXPIRED },
  {
    what: 'expire what was validated elsewhere',
    operation: EXPIRE,
    stored: others(validated),
    outcome: Outcome.EXPIRED,
    status: VALIDATED,
  },
  { what: 'expire the unknown', operation: EXPIRE, outcome: Outcome.NOT_FOUND, status: UNSPECIFIED },
];

/** As a store decides (INVALID and UNAVAILABLE are not decided by rules). */
function decide({ operation, stored, expiresAtEpoch = NOW + 1 }: Row): Decision {
  if (stored === undefined) return decideAbsent(operation, expiresAtEpoch, NOW);
  const status = effectiveStatus(stored.status, stored.endEpoch, NOW);
  return decidePresent(operation, stored.otherPlayer !== true, status);
}

for (const row of ROWS) {
  test(`${row.what} is ${nameOf(Outcome, row.outcome)}, ${nameOf(ClaimStatus, row.status)}`, () => {
    const decision = decide(row);
    assert.deepEqual(
      { outcome: outcomeOf(decision), status: statusOf(decision) },
      { outcome: row.outcome, status: row.status },
    );
  });
}

test('a claim is pending in every epoch before its expiry epoch, expired from then on; final states stay', () => {
  for (let epoch = NOW - 3; epoch <= NOW + 3; epoch += 1) {
    assert.equal(effectiveStatus(PENDING, NOW, epoch), epoch < NOW ? PENDING : EXPIRED);
    assert.equal(effectiveStatus(VALIDATED, NOW, epoch), VALIDATED);
    assert.equal(effectiveStatus(EXPIRED, NOW, epoch), EXPIRED);
  }
});

test('every outcome and status comes back out of a decision, and none of them is ASK_STORE', () => {
  for (const operation of [SUBMIT, VALIDATE, GET, EXPIRE]) {
    for (const samePlayer of [true, false]) {
      for (const status of [PENDING, VALIDATED, EXPIRED]) {
        const decision = decidePresent(operation, samePlayer, status);
        assert.notEqual(decision, ASK_STORE);
        assert.ok(Object.values(Outcome).includes(outcomeOf(decision)));
        assert.ok(Object.values(ClaimStatus).includes(statusOf(decision)));
      }
    }
  }
});

const RULES = { epochLengthMs: 10_000, validationWindowMs: 10_000, retentionEpochs: 60 };

test('facts settle final states, and that a claim is another player’s', () => {
  const fromFacts = (operation: ClaimOperation, samePlayer: boolean, status: ClaimStatus) =>
    decideFromFacts(operation, samePlayer, status, NOW - 1, NOW, 2, RULES);
  for (const operation of [SUBMIT, VALIDATE, GET]) {
    for (const status of [VALIDATED, EXPIRED]) {
      for (const samePlayer of [true, false]) {
        const expected = decidePresent(operation, samePlayer, status);
        assert.equal(fromFacts(operation, samePlayer, status), expected);
      }
    }
  }
  assert.equal(outcomeOf(fromFacts(SUBMIT, false, PENDING)), Outcome.TAKEN);
  assert.equal(outcomeOf(fromFacts(VALIDATE, false, PENDING)), Outcome.TAKEN);
});

test('facts settle nothing else of a pending claim: another replica may have ended it', () => {
  for (const operation of [SUBMIT, VALIDATE, GET]) {
    assert.equal(decideFromFacts(operation, true, PENDING, NOW, NOW, 2, RULES), ASK_STORE);
  }
  assert.equal(decideFromFacts(GET, false, PENDING, NOW, NOW, 2, RULES), ASK_STORE);
});

test('facts settle up to the last epoch in which no replica can be past retention, and no further', () => {
  const ahead = 2;
  const last = NOW + RULES.retentionEpochs - ahead;
  for (const status of [VALIDATED, EXPIRED]) {
    assert.notEqual(decideFromFacts(SUBMIT, true, status, NOW, last, ahead, RULES), ASK_STORE);
    assert.equal(decideFromFacts(SUBMIT, true, status, NOW, last + 1, ahead, RULES), ASK_STORE);
  }
});

function nameOf(words: Record<string, number>, value: number): string {
  return Object.keys(words).find((name) => words[name] === value) ?? String(value);
}
