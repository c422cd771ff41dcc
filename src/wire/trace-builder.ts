/** Makes the trace of a call that is to be told, from what was noted of it on its way. */
import { status } from '@grpc/grpc-js';
import { Outcome } from '../domain/claim.ts';
import { EntryMark, type EntryTable, NO_ENTRY } from '../entries/entry-table.ts';
import { type CallTrace, TIMED_METHODS, type TraceReason } from '../telemetry/call-trace.ts';
import { readTraceParent } from '../telemetry/trace-parent.ts';
import { PHASE_ENDS, type TimedCall, traceHeader } from './timed-call.ts';

const OUTCOME_NAMES = new Map<number, string>(
  Object.entries(Outcome).map(([name, outcome]) => [outcome, name]),
);

/** What a trace tells of the claim that came last. */
type Way = Pick<
  CallTrace,
  'phaseEndsUs' | 'outcome' | 'segment' | 'epoch' | 'stolen' | 'batchSize' | 'claimId' | 'playerId'
>;

export class TraceBuilder {
  readonly #entries: EntryTable;
  readonly #tellsIds: boolean;

  /** @param tellsIds whether traces have the ids of claim and player. */
  constructor(entries: EntryTable, tellsIds: boolean) {
    this.#entries = entries;
    this.#tellsIds = tellsIds;
  }

  /**
   * @param code gRPC status that the call ended with.
   * @param last the entry whose outcome came last; NO_ENTRY where the call came to no segment.
   */
  build(timed: TimedCall, reason: TraceReason, code: number, last: number, endedUs: number): CallTrace {
    const header = traceHeader(timed.call);
    return {
      method: TIMED_METHODS[timed.method],
      reason,
      beganUs: timed.beganUs,
      status: code,
      items: timed.items,
      parent: header === undefined ? undefined : readTraceParent(header),
      ...(last === NO_ENTRY ? noWay(timed, code, endedUs) : this.#wayOf(last, timed.beganUs, endedUs)),
    };
  }

  #wayOf(entry: number, beganUs: number, endedUs: number): Way {
    const entries = this.#entries;
    const outcome = entries.outcome[entry];
    const playerId = entries.playerId(entry);
    return {
      phaseEndsUs: this.#phaseEnds(entry, beganUs, endedUs),
      outcome: OUTCOME_NAMES.get(outcome),
      segment: entries.segment[entry],
      // What is UNAVAILABLE was decided in none.
      epoch: outcome === Outcome.UNAVAILABLE ? undefined : entries.epoch[entry],
      stolen: entries.markOf(entry, EntryMark.STOLEN) === 1,
      batchSize: entries.markOf(entry, EntryMark.COMMIT_SIZE),
      claimId: this.#tellsIds ? entries.claimId(entry) : undefined,
      // A get of a claim that is not there need not name one.
      playerId: this.#tellsIds && playerId !== '' ? playerId : undefined,
    };
  }

  /** In order: clocks of two threads may differ by a microsecond. */
  #phaseEnds(entry: number, beganUs: number, endedUs: number): number[] {
    let lastUs = beganUs;
    const ends = PHASE_ENDS.map((mark) => {
      const endUs = this.#entries.markOf(entry, mark);
      if (!Number.isNaN(endUs)) lastUs = Math.max(lastUs, endUs);
      return Number.isNaN(endUs) ? Number.NaN : lastUs;
    });
    return [...ends, Math.max(lastUs, endedUs)];
  }
}

/** Of a call that came to no segment: refused, about epochs, or with malformed claims alone. */
function noWay({ items }: TimedCall, code: number, endedUs: number): Way {
  return {
    phaseEndsUs: [...PHASE_ENDS.map(() => Number.NaN), endedUs],
    outcome: items > 0 && code === status.OK ? OUTCOME_NAMES.get(Outcome.INVALID) : undefined,
    segment: undefined,
    epoch: undefined,
    stolen: false,
    batchSize: 0,
    claimId: undefined,
    playerId: undefined,
  };
}
