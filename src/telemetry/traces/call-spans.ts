/** A call's trace as spans: what they are called, what they carry, which time each phase took. */
import { type Attributes, SpanStatusCode } from '@opentelemetry/api';
import { GRPC_STATUSES } from '../call-stats.ts';
import { CALL_PHASES, type CallPhase, type CallTrace } from '../call-trace.ts';

const SERVICE_NAME = 'claims.v1.ClaimService';

/** Of these the server is at fault; of the others, by the conventions for gRPC, who called it. */
const FAULTS_OF_SERVER: readonly string[] = [
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
];

export interface PhaseTime {
  readonly phase: CallPhase;
  /** Microseconds of Clock.monotonicUs. */
  readonly beganUs: number;
  readonly endedUs: number;
}

export function callName({ method }: CallTrace): string {
  return `${SERVICE_NAME}/${method}`;
}

/** The phases that took place, one after the other from the call's begin. */
export function phaseTimes({ beganUs, phaseEndsUs }: CallTrace): PhaseTime[] {
  const times: PhaseTime[] = [];
  let sinceUs = beganUs;
  for (const [i, phase] of CALL_PHASES.entries()) {
    const endedUs = phaseEndsUs[i];
    if (Number.isNaN(endedUs)) continue;
    times.push({ phase, beganUs: sinceUs, endedUs });
    sinceUs = endedUs;
  }
  return times;
}

/** By the semantic conventions for RPC where they have a name, by our own prefix elsewhere. */
export function callAttributes(trace: CallTrace, replicaId: string): Attributes {
  const { segment, epoch, outcome, batchSize, claimId, playerId } = trace;
  const status = GRPC_STATUSES[trace.status];
  return {
    'rpc.system.name': 'grpc',
    'rpc.method': callName(trace),
    'rpc.status_code': status,
    ...(isServersFault(trace) && { 'error.type': status }),
    'claims.replica': replicaId,
    'claims.trace.reason': trace.reason,
    'claims.items': trace.items,
    ...(outcome !== undefined && { 'claims.outcome': outcome }),
    ...(segment !== undefined && { 'claims.segment': segment, 'claims.stolen': trace.stolen }),
    ...(epoch !== undefined && { 'claims.epoch': epoch }),
    ...(batchSize > 0 && { 'claims.batch.size': batchSize }),
    ...(claimId !== undefined && { 'claims.claim.id': claimId }),
    ...(playerId !== undefined && { 'claims.player.id': playerId }),
  };
}

export function callStatus(trace: CallTrace): { code: SpanStatusCode } {
  return { code: isServersFault(trace) ? SpanStatusCode.ERROR : SpanStatusCode.UNSET };
}

function isServersFault({ status }: CallTrace): boolean {
  return FAULTS_OF_SERVER.includes(GRPC_STATUSES[status]);
}
