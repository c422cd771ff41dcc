/** Traces of calls as tests make them up. */
import type { CallTrace } from '../../src/telemetry/call-trace.ts';

/** A SubmitClaim that a commit decided: 100 µs of each phase. */
export function callTrace(different: Partial<CallTrace> = {}): CallTrace {
  const beganUs = different.beganUs ?? 1_000_000;
  return {
    method: 'SubmitClaim',
    reason: 'slow',
    beganUs,
    phaseEndsUs: [100, 200, 300, 400, 500, 600].map((us) => beganUs + us),
    status: 0,
    outcome: 'ACCEPTED',
    items: 1,
    segment: 7,
    epoch: 170_000_001,
    stolen: false,
    batchSize: 32,
    parent: undefined,
    claimId: undefined,
    playerId: undefined,
    ...different,
  };
}
