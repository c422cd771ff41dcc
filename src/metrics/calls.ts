/** What calls tell: how many, how they ended, how long they and their phases took. By method, never by id. */
import { ClaimOperation, Outcome } from '../domain/claim.ts';
import type { EngineMemory } from '../segment/engine-memory.ts';
import { type CallStats, GRPC_STATUSES, SHED_REASONS } from '../telemetry/call-stats.ts';
import { CALL_PHASES, TIMED_METHODS } from '../telemetry/call-trace.ts';
import { gauge, histogram, type Metric, sumOf } from '../telemetry/metric.ts';

/** Of OpenTelemetry's semantic conventions 1.45, where they are stable. */
const METHOD = 'rpc.method';
const STATUS = 'rpc.status_code';
const SYSTEM = 'rpc.system.name';

const METHOD_NAMES = TIMED_METHODS.map((method) => `claims.v1.ClaimService/${method}`);
/** What calls can ask; expiries are the engine's own. */
const OPERATIONS = {
  submit: ClaimOperation.SUBMIT,
  validate: ClaimOperation.VALIDATE,
  get: ClaimOperation.GET,
};
const OUTCOMES = Object.entries(Outcome).filter(([, outcome]) => outcome !== Outcome.UNSPECIFIED);

export function callMetrics(memory: EngineMemory): Metric[] {
  const { callStats: threads } = memory;
  const sum = (of: (stats: CallStats) => number): number =>
    threads.reduce((total, stats) => total + of(stats), 0);
  return [
    {
      kind: 'histogram',
      name: 'rpc.server.call.duration',
      unit: 's',
      description: 'how long calls took, from their arrival to their status; a stream is one call',
      labels: { [METHOD]: METHOD_NAMES, [STATUS]: GRPC_STATUSES, [SYSTEM]: ['grpc'] },
      read: (observe) => {
        // Most pairs never occur: a series appears with its first call, OK with the program.
        for (const [method, name] of METHOD_NAMES.entries()) {
          for (const [code, status] of GRPC_STATUSES.entries()) {
            if (code !== 0 && sum((stats) => stats.calls(method, code)) === 0) continue;
            const labels = { [METHOD]: name, [STATUS]: status, [SYSTEM]: 'grpc' };
            observe(sumOf(threads.map((stats) => stats.duration(method, code))), labels);
          }
        }
      },
    },
    {
      kind: 'counter',
      name: 'claims.items',
      unit: '{claim}',
      description:
        'claims of calls, batches and frames, by what came of them, whether or not their caller was still there',
      labels: { operation: Object.keys(OPERATIONS), outcome: OUTCOMES.map(([name]) => name) },
      read: (observe) => {
        for (const [operation, asked] of Object.entries(OPERATIONS)) {
          for (const [outcome, came] of OUTCOMES) {
            observe(
              sum((stats) => stats.items(asked, came)),
              { operation, outcome },
            );
          }
        }
      },
    },
    histogram(
      'claims.frame.duration',
      's',
      'how long frames of ExchangeClaims took, from their arrival until their reply was sent',
      () => sumOf(threads.map((stats) => stats.frames)),
    ),
    {
      kind: 'histogram',
      name: 'claims.call.phase.duration',
      unit: 's',
      description:
        'how long each phase of a call or frame took; one that its segment settled has no commit and no store',
      labels: { phase: CALL_PHASES },
      read: (observe) => {
        for (const [i, phase] of CALL_PHASES.entries()) {
          observe(sumOf(threads.map((stats) => stats.phases[i])), { phase });
        }
      },
    },
    {
      kind: 'gauge',
      name: 'claims.call.p99',
      unit: 's',
      description:
        'the rolling P99 above which a call is told as a slow one, the highest of all threads; of ExchangeClaims that of frames',
      labels: { [METHOD]: METHOD_NAMES },
      read: (observe) => {
        for (const [method, name] of METHOD_NAMES.entries()) {
          const known = threads.map((stats) => stats.p99S(method)).filter((p99S) => !Number.isNaN(p99S));
          if (known.length > 0) observe(Math.max(...known), { [METHOD]: name });
        }
      },
    },
    {
      kind: 'counter',
      name: 'claims.calls.shed',
      unit: '{call}',
      description: 'calls refused with RESOURCE_EXHAUSTED, by what was full',
      labels: { reason: SHED_REASONS },
      read: (observe) => {
        for (const reason of SHED_REASONS) {
          observe(
            sum((stats) => stats.sheds(reason)),
            { reason },
          );
        }
      },
    },
    gauge('claims.calls.waiting', '{claim}', 'claims whose callers wait for an answer', () =>
      memory.waiting.reduce((total, waiting) => total + waiting, 0),
    ),
  ];
}
