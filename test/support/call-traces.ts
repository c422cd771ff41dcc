/** Traces of calls as tests make them up, and logs that tests read. */
import type { CallTrace } from '../../src/telemetry/call-trace.ts';
import type { Logger } from '../../src/telemetry/log.ts';

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

export interface KeptLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** A log that keeps its lines. */
export function keptLog(): { readonly log: Logger; readonly lines: KeptLine[] } {
  const lines: KeptLine[] = [];
  const at = (level: string) => (fields: Record<string, unknown>, text: string) => {
    lines.push({ level, fields, text });
  };
  const levels = ['debug', 'info', 'warn', 'error', 'fatal'];
  return { log: Object.fromEntries(levels.map((level) => [level, at(level)])) as unknown as Logger, lines };
}
