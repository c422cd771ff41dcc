/**
 * The bytes of ShouldRateLimit (loadtest/ratelimit/rls.proto). The descriptor is a claim's id, so
 * that a call decides what a submit does: who comes first.
 */
import { Outcome } from '../../src/domain/claim.ts';
import { bytesField, claimId, grpcMessage } from './messages.ts';

/** The limit's domain, and the key of a descriptor's one entry: what the server's settings name. */
export const RATELIMIT_DOMAIN = 'claims';
export const RATELIMIT_KEY = 'claim_id';

/** By RateLimitResponse.Code, what became of a claim limited to one hit. */
const OUTCOMES: readonly Outcome[] = [Outcome.UNSPECIFIED, Outcome.ACCEPTED, Outcome.TAKEN];
/** The field overall_code = 1, a varint; the first of a reply, as every protobuf writer has it. */
const OVERALL_CODE_TAG = 8;

/** A RateLimitRequest about a run's claim, rewritten for every call. */
export class RateLimitTemplate {
  /** With its gRPC prefix; valid until the next call of `fill`. The claim's number is its end. */
  readonly message: Buffer;

  constructor(run: string) {
    const entry = Buffer.concat([bytesField(1, RATELIMIT_KEY), bytesField(2, claimId(run, 0))]);
    const descriptor = bytesField(1, entry);
    this.message = grpcMessage(Buffer.concat([bytesField(1, RATELIMIT_DOMAIN), bytesField(2, descriptor)]));
  }

  fill(claimNumber: number): Buffer {
    const digits = claimId('', claimNumber);
    this.message.write(digits, this.message.length - digits.length, 'latin1');
    return this.message;
  }
}

/** Counts a RateLimitResponse into `counts` (by Outcome number): ACCEPTED where nobody was before. */
export function countDecision(bytes: Buffer, start: number, end: number, counts: Float64Array): void {
  const code = end - start >= 2 && bytes[start] === OVERALL_CODE_TAG ? bytes[start + 1] : 0;
  counts[OUTCOMES[code] ?? Outcome.UNSPECIFIED]++;
}
