/**
 * ClaimService as claimctl speaks it: its methods, from the .proto that ships beside the program,
 * and its messages in their proto names. int64 are decimal strings: JSON numbers could not hold
 * them all.
 */
import { fileURLToPath } from 'node:url';
import { loadSync, type MethodDefinition, type ServiceDefinition } from '@grpc/proto-loader';

// The same distance from src/claimctl and from dist/claimctl.
const PROTO_ROOT = fileURLToPath(new URL('../../proto', import.meta.url));
const SERVICE_NAME = 'claims.v1.ClaimService';

const METHOD_NAMES = [
  'SubmitClaim',
  'ValidateClaim',
  'GetClaim',
  'BatchSubmitClaims',
  'BatchValidateClaims',
  'GetEpoch',
  'WatchEpochs',
] as const;
export type MethodName = (typeof METHOD_NAMES)[number];
export type Methods = Readonly<Record<MethodName, MethodDefinition<object, object>>>;

/** A submit, or without its timestamp a validate. */
export interface ClaimItem {
  readonly claim_id: string;
  readonly player_id: string;
  /** Milliseconds since the Unix epoch. */
  readonly timestamp_ms?: string;
}

export interface Claim {
  readonly claim_id: string;
  readonly player_id: string;
  readonly timestamp_ms: string;
  /** ClaimStatus of domain/claim, or a number that this version does not know. */
  readonly status: number;
}

export interface ClaimResult {
  /** Outcome of domain/claim, or a number that this version does not know. */
  readonly outcome: number;
  readonly status: number;
  readonly epoch: string;
  readonly expires_at_epoch: string;
  readonly claim: Claim | null;
  readonly reason: string;
}

export interface EpochSummary {
  readonly epoch: string;
  readonly start_ms: string;
  readonly duration_us: string;
  readonly submitted: string;
  readonly validated: string;
  readonly expired: string;
  readonly pending: string;
}

export function loadMethods(): Methods {
  const definitions = loadSync('claims/v1/claims.proto', {
    includeDirs: [PROTO_ROOT],
    keepCase: true,
    longs: String,
    defaults: true,
  });
  const service = definitions[SERVICE_NAME] as ServiceDefinition;
  return Object.fromEntries(METHOD_NAMES.map((name) => [name, service[name]])) as Methods;
}
