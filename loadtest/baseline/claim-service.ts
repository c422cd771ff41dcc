/**
 * The predecessor's three calls, written as such a service is: objects made by proto-loader, a
 * script call awaited for each.
 */
import { fileURLToPath } from 'node:url';
import {
  type handleUnaryCall,
  type ServiceDefinition,
  status as Status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Clock } from '../../src/clock/clock.ts';
import { ClaimStatus, ID_MAX_BYTES, Outcome } from '../../src/domain/claim.ts';
import { type EpochRules, epochOf, expiryEpoch, timestampMs } from '../../src/domain/epochs.ts';
import type { ClaimDecision, ClaimStore } from './claim-store.ts';
import type { ClaimInterpreter } from './interpreter.ts';

const SERVICE = 'claims.v1.ClaimService';
const PROTO_ROOT = fileURLToPath(new URL('../../proto', import.meta.url));
/** How far a claim's timestamp may be from server time, milliseconds. */
const MAX_CLOCK_SKEW_MS = 5_000;
const CONTROL_CHARACTER = /\p{Cc}/u;

/** Requests and replies as proto-loader makes them. */
interface ClaimRequest {
  readonly claimId: string;
  readonly playerId?: string;
  readonly timestampMs?: number;
}
interface ClaimResult {
  readonly outcome: Outcome;
  readonly status?: ClaimStatus;
  readonly epoch: number;
  readonly expiresAtEpoch?: number;
  readonly claim?: ClaimRequest & { readonly status: ClaimStatus };
  readonly reason?: string;
}
type Handler = handleUnaryCall<ClaimRequest, { result: ClaimResult }>;

export function claimServiceDefinition(): ServiceDefinition {
  const loaded = loadSync('claims/v1/claims.proto', {
    includeDirs: [PROTO_ROOT],
    longs: Number,
  });
  const definition = loaded[SERVICE] as ServiceDefinition;
  const { SubmitClaim, ValidateClaim, GetClaim } = definition;
  return { SubmitClaim, ValidateClaim, GetClaim };
}

export class ClaimService {
  readonly #store: ClaimStore;
  readonly #interpreter: ClaimInterpreter;
  readonly #rules: EpochRules;
  readonly #clock: Clock;

  constructor(store: ClaimStore, interpreter: ClaimInterpreter, rules: EpochRules, clock: Clock) {
    this.#store = store;
    this.#interpreter = interpreter;
    this.#rules = rules;
    this.#clock = clock;
  }

  handlers(): UntypedServiceImplementation {
    return {
      SubmitClaim: answering((request) => this.#submit(request)),
      ValidateClaim: answering((request) => this.#validate(request)),
      GetClaim: answering((request) => this.#get(request)),
    };
  }

  async #submit(request: ClaimRequest): Promise<ClaimResult> {
    const nowMs = this.#clock.nowMs();
    const atMs = request.timestampMs ?? nowMs;
    const reason = idProblem('claim_id', request.claimId) ?? idProblem('player_id', request.playerId ?? '');
    const skewed = Math.abs(atMs - nowMs) > MAX_CLOCK_SKEW_MS;
    if (reason !== undefined) return this.#invalid(reason);
    if (skewed) return this.#invalid(`timestamp_ms: ${atMs} is not within the clock skew of ${nowMs}`);
    const times = {
      timestampMs: atMs,
      expiryEpoch: expiryEpoch(timestampMs(atMs, this.#rules), this.#rules),
    };
    return this.#decide('submit', request, times);
  }

  async #validate(request: ClaimRequest): Promise<ClaimResult> {
    const reason = idProblem('claim_id', request.claimId) ?? idProblem('player_id', request.playerId ?? '');
    return reason === undefined ? this.#decide('validate', request) : this.#invalid(reason);
  }

  async #get({ claimId }: ClaimRequest): Promise<ClaimResult> {
    const reason = idProblem('claim_id', claimId);
    return reason === undefined ? this.#decide('get', { claimId }) : this.#invalid(reason);
  }

  async #decide(
    operation: 'submit' | 'validate' | 'get',
    { claimId, playerId = '' }: ClaimRequest,
    times?: { timestampMs: number; expiryEpoch: number },
  ): Promise<ClaimResult> {
    const epoch = this.#epoch();
    const decision = await this.#store.decide({ operation, claimId, playerId, epoch }, times);
    if (decision.outcome === Outcome.ACCEPTED) this.#learn(claimId, epoch, decision);
    return this.#result(claimId, epoch, decision);
  }

  /** One that was overdue when it came is pending to the next walks, as it is in Redis. */
  #learn(claimId: string, epoch: number, { status, claim }: ClaimDecision): void {
    if (claim === undefined) return;
    const isValidated = status === ClaimStatus.VALIDATED;
    const endEpoch = isValidated ? epoch : this.#expiresAt(claim.timestampMs);
    this.#interpreter.learn({ letter: isValidated ? 'V' : 'P', claimId, ...claim, endEpoch });
  }

  #result(claimId: string, epoch: number, { outcome, status, claim }: ClaimDecision): ClaimResult {
    if (claim === undefined) return { outcome, status, epoch };
    const expiresAtEpoch = this.#expiresAt(claim.timestampMs);
    return { outcome, status, epoch, expiresAtEpoch, claim: { claimId, ...claim, status } };
  }

  #invalid(reason: string): ClaimResult {
    return { outcome: Outcome.INVALID, epoch: this.#epoch(), reason };
  }

  #epoch(): number {
    return epochOf(timestampMs(this.#clock.nowMs(), this.#rules), this.#rules);
  }

  #expiresAt(atMs: number): number {
    return expiryEpoch(timestampMs(atMs, this.#rules), this.#rules);
  }
}

/** A handler of what `answer` gives; a store that fails makes the call UNAVAILABLE. */
function answering(answer: (request: ClaimRequest) => Promise<ClaimResult>): Handler {
  return (call, callback) => {
    answer(call.request).then(
      (result) => callback(null, { result }),
      (error: Error) => callback({ code: Status.UNAVAILABLE, details: error.message }),
    );
  };
}

/** What is wrong with an id, in words. */
function idProblem(field: string, id: string): string | undefined {
  const bytes = Buffer.byteLength(id);
  if (bytes >= 1 && bytes <= ID_MAX_BYTES && !CONTROL_CHARACTER.test(id)) return undefined;
  return `${field}: ${bytes} bytes are not allowed; allowed: 1 to ${ID_MAX_BYTES} without control characters`;
}
