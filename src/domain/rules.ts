/**
 * The table of outcomes (DESIGN § 2), once, as pure functions of epoch numbers. Segments ask it
 * what a fact that can't change already settles; stores ask it to decide.
 */
import { ClaimOperation, ClaimStatus, Outcome } from './claim.ts';
import { type EpochRules, isPastRetention } from './epochs.ts';

/** An outcome and the status beside it in one small integer, so that deciding allocates nothing. */
export type Decision = number & { readonly __unit: 'decision' };

const STATUS_BITS = 2;

function decision(outcome: Outcome, status: ClaimStatus): Decision {
  return ((outcome << STATUS_BITS) | status) as Decision;
}
export function outcomeOf(d: Decision): Outcome {
  return (d >> STATUS_BITS) as Outcome;
}
export function statusOf(d: Decision): ClaimStatus {
  return (d & ((1 << STATUS_BITS) - 1)) as ClaimStatus;
}

/** A segment can't settle this from facts alone: the store must decide. */
export const ASK_STORE = -1 as Decision;

/** A pending claim whose expiry epoch has come is expired, whatever its bytes still say. */
export function effectiveStatus(stored: ClaimStatus, endEpoch: number, epoch: number): ClaimStatus {
  return stored === ClaimStatus.PENDING && endEpoch <= epoch ? ClaimStatus.EXPIRED : stored;
}

/** Decides for a claim that the registry does not have (or has past retention). */
export function decideAbsent(operation: ClaimOperation, expiresAtEpoch: number, epoch: number): Decision {
  if (operation !== ClaimOperation.SUBMIT) return decision(Outcome.NOT_FOUND, ClaimStatus.UNSPECIFIED);
  return decision(Outcome.ACCEPTED, effectiveStatus(ClaimStatus.PENDING, expiresAtEpoch, epoch));
}

/** Decides for a claim that the registry has, of the given effective status. */
export function decidePresent(operation: ClaimOperation, samePlayer: boolean, status: ClaimStatus): Decision {
  if (operation === ClaimOperation.GET) return decision(Outcome.FOUND, status);
  // Expiry asks in the name of no player: it only makes lasting what the rule already says.
  if (operation === ClaimOperation.EXPIRE) return decision(Outcome.EXPIRED, status);
  if (!samePlayer) return decision(Outcome.TAKEN, ClaimStatus.UNSPECIFIED);
  if (operation === ClaimOperation.SUBMIT) return decision(Outcome.REPLAYED, status);
  if (status === ClaimStatus.PENDING) return decision(Outcome.ACCEPTED, ClaimStatus.VALIDATED);
  if (status === ClaimStatus.VALIDATED) return decision(Outcome.REPLAYED, status);
  return decision(Outcome.EXPIRED, status);
}

/**
 * What a table's record settles without the store: final states, and that a claim is another
 * player's. A pending record settles nothing else: another replica may have validated it.
 *
 * A record that might be past retention is no fact: endsNotBefore is the earliest epoch in which
 * it can have ended anywhere, aheadEpochs how many epochs another replica may be ahead.
 */
export function decideFromFacts(
  operation: ClaimOperation,
  samePlayer: boolean,
  stored: ClaimStatus,
  endsNotBefore: number,
  epoch: number,
  aheadEpochs: number,
  rules: EpochRules,
): Decision {
  if (isPastRetention(endsNotBefore, epoch + aheadEpochs, rules)) return ASK_STORE;
  const settled = stored !== ClaimStatus.PENDING || (!samePlayer && operation !== ClaimOperation.GET);
  return settled ? decidePresent(operation, samePlayer, stored) : ASK_STORE;
}
