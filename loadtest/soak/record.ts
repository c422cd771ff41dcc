/** What a soak has seen so far. Every list is bounded by the plan: by its length over its steps. */
import type { HeapSample } from '../measure/heap-sampler.ts';
import type { Measurement } from '../measure/measure.ts';
import type { LatencyPeriod } from '../measure/timeline.ts';
import type { SoakLoad, SoakPlan } from './plan.ts';

/** The processes, from outside of them. */
export interface Look {
  readonly wallMs: number;
  readonly rssMb: number;
  /** What Redis says that it uses. */
  readonly redisMb: number;
}

/** An epoch that was complete. */
export interface EpochLook {
  readonly wallMs: number;
  readonly epoch: number;
  /** What advancing the segments took this replica. */
  readonly durationMs: number;
  /** Claims live at its end. */
  readonly pending: number;
}

export interface LoadRecord {
  readonly load: SoakLoad;
  /** Since the warm-up. */
  readonly periods: LatencyPeriod[];
  /** Once it has ended. */
  measurement?: Measurement;
}

export interface SoakRecord {
  readonly plan: SoakPlan;
  readonly serverPid: number;
  /** Wall clock when the load began. */
  readonly beginMs: number;
  readonly looks: Look[];
  readonly epochs: EpochLook[];
  readonly loads: readonly LoadRecord[];
  heap: readonly HeapSample[];
  /** Spans that claimd has exported and dropped, where it was to export any; once the loads have ended. */
  spans: { readonly exported: number; readonly dropped: number } | undefined;
  /** Whether somebody ended it early. */
  interrupted: boolean;
}

export function newRecord(plan: SoakPlan, serverPid: number, beginMs: number): SoakRecord {
  const loads = plan.loads.map((load): LoadRecord => ({ load, periods: [] }));
  return {
    plan,
    serverPid,
    beginMs,
    looks: [],
    epochs: [],
    loads,
    heap: [],
    spans: undefined,
    interrupted: false,
  };
}

/** Minutes since the load began. */
export function minuteOf(record: SoakRecord, wallMs: number): number {
  return (wallMs - record.beginMs) / 60_000;
}

/** Those that figures are made of. */
export function afterWarmup<T extends { readonly wallMs: number }>(
  record: SoakRecord,
  seen: readonly T[],
): T[] {
  return seen.filter(({ wallMs }) => wallMs >= record.beginMs + record.plan.warmupMs);
}
