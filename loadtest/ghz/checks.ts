/**
 * Checks beside the load: ghz sees gRPC statuses only, so a validate of unknown claims would look
 * like a fast success.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { claimId, playerId } from '../measure/messages.ts';
import type { ClaimsClient, EpochAnswer } from './claims-client.ts';
import { callsOf, claimNumber, type Load, type Method, type Scenario } from './scenario.ts';

const SAMPLED_CLAIMS = 100;
const POLL_MS = 500;

/** What a method leaves a claim in, whatever the other loads do to it. */
const EXPECTED: Readonly<Record<Method, readonly string[]>> = {
  SubmitClaim: ['CLAIM_STATUS_PENDING', 'CLAIM_STATUS_VALIDATED', 'CLAIM_STATUS_EXPIRED'],
  BatchSubmitClaims: ['CLAIM_STATUS_PENDING', 'CLAIM_STATUS_VALIDATED', 'CLAIM_STATUS_EXPIRED'],
  ValidateClaim: ['CLAIM_STATUS_VALIDATED'],
  GetClaim: ['CLAIM_STATUS_PENDING', 'CLAIM_STATUS_VALIDATED', 'CLAIM_STATUS_EXPIRED'],
};

export interface SpotCheck {
  readonly sampled: number;
  /** How many were there, in a status that the load leaves. */
  readonly good: number;
}

/** Reads claims evenly spread over a load. */
export async function spotCheck(
  client: ClaimsClient,
  run: string,
  scenario: Scenario,
  load: Load,
): Promise<SpotCheck> {
  const claims = callsOf(scenario, load) * load.items;
  const sampled = Math.min(SAMPLED_CLAIMS, claims);
  let good = 0;
  for (let i = 0; i < sampled; i++) {
    const number = claimNumber(load, Math.floor((i * claims) / sampled));
    const { outcome, status } = await client.getClaim(claimId(run, number), playerId(run));
    if (outcome === 'OUTCOME_FOUND' && EXPECTED[load.method].includes(status)) good++;
  }
  return { sampled, good };
}

export interface EpochCounts {
  readonly submitted: number;
  readonly validated: number;
  readonly expired: number;
  /** At the end of the last epoch. */
  readonly pending: number;
}

/**
 * Sums the epochs from `first` on, until every claim that was submitted has ended.
 * @returns the sums as they are after waitMs at the latest.
 */
export async function sumEpochs(client: ClaimsClient, first: number, waitMs: number): Promise<EpochCounts> {
  let sums = { submitted: 0, validated: 0, expired: 0, pending: 0 };
  let next = first;
  for (let waitedMs = 0; waitedMs < waitMs; waitedMs += POLL_MS) {
    const last = (await client.getEpoch()).epoch;
    for (; next <= last; next++) sums = add(sums, await client.getEpoch(next));
    const ended = sums.validated + sums.expired;
    if (sums.submitted > 0 && ended === sums.submitted && sums.pending === 0) break;
    await sleep(POLL_MS);
  }
  return sums;
}

function add(sums: EpochCounts, epoch: EpochAnswer): EpochCounts {
  return {
    submitted: sums.submitted + epoch.submitted,
    validated: sums.validated + epoch.validated,
    expired: sums.expired + epoch.expired,
    pending: epoch.pending,
  };
}

/** What the sums must be: every claim was submitted once, those validated in time; the rest expired. */
export function expectedCounts(scenario: Scenario): EpochCounts {
  const claims = (...methods: Method[]): number =>
    scenario.loads
      .filter((load) => methods.includes(load.method))
      .reduce((sum, load) => sum + callsOf(scenario, load) * load.items, 0);
  const submitted = claims('SubmitClaim', 'BatchSubmitClaims');
  const validated = claims('ValidateClaim');
  return { submitted, validated, expired: submitted - validated, pending: 0 };
}
