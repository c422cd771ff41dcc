/**
 * Takes the time of the calls of one thread: counts how each ended and how long it took, in all and
 * by phases, and tells those as traces that are slow, have failed, or whose caller asks for it. On
 * the way of an ordinary call it looks at the clock three times and makes nothing.
 */
import { status } from '@grpc/grpc-js';
import type { Clock } from '../clock/clock.ts';
import { Outcome } from '../domain/claim.ts';
import { EntryMark, type EntryTable, NO_ENTRY } from '../entries/entry-table.ts';
import type { Ingress } from '../ingress/ingress.ts';
import { TRACES_AT_ONCE, TRACES_PER_S } from '../limits.ts';
import type { CallStats, ShedReason } from '../telemetry/call-stats.ts';
import type { CallTrace, TraceReason } from '../telemetry/call-trace.ts';
import { TraceChoice } from '../telemetry/trace-choice.ts';
import { isSampled, MALFORMED, traceFlags } from '../telemetry/trace-parent.ts';
import type { CallOperation } from './item-intake.ts';
import type { ItemResults } from './reply-codec.ts';
import { endOf, isFailure, PHASE_ENDS, type TimedCall, traceHeader } from './timed-call.ts';
import { TraceBuilder } from './trace-builder.ts';

const US_PER_S = 1_000_000;
/** The last phase, which every call has. */
const REPLY = PHASE_ENDS.length;

export interface TimerParts {
  readonly ingress: Ingress;
  readonly clock: Clock;
  /** Whether traces tell the ids of claims and players. */
  readonly traceIds: boolean;
  /** Undefined where traces are sent nowhere: then none is made. */
  readonly onTrace: ((trace: CallTrace) => void) | undefined;
}

export class CallTimer {
  readonly #entries: EntryTable;
  readonly #stats: CallStats;
  readonly #clock: Clock;
  readonly #choice: TraceChoice;
  readonly #traces: TraceBuilder;
  readonly #onTrace: ((trace: CallTrace) => void) | undefined;

  constructor({ ingress, clock, traceIds, onTrace }: TimerParts) {
    this.#entries = ingress.entries;
    this.#stats = ingress.callStats;
    this.#clock = clock;
    this.#choice = new TraceChoice(ingress.callStats, { perS: TRACES_PER_S, atOnce: TRACES_AT_ONCE });
    this.#traces = new TraceBuilder(ingress.entries, traceIds);
    this.#onTrace = onTrace;
  }

  /** The time, where a call or a frame begins. */
  nowUs(): number {
    return this.#clock.monotonicUs();
  }

  /** The entry's claim is decoded, and about to be sent on its way. */
  dispatched(entry: number, beganUs: number): void {
    this.#entries.markDispatched(entry, beganUs, this.#clock.monotonicUs());
  }

  /** The same for those of a message, which are dispatched when all are decoded. */
  allDispatched(entries: Int32Array, beganUs: number): void {
    const nowUs = this.#clock.monotonicUs();
    for (const entry of entries) {
      if (entry !== NO_ENTRY) this.#entries.markDispatched(entry, beganUs, nowUs);
    }
  }

  /** A call is refused for want of room. */
  shed(reason: ShedReason): void {
    this.#stats.countShed(reason);
  }

  /** A call of one claim was replied to, which is malformed. */
  malformed(timed: TimedCall, operation: CallOperation): void {
    this.#stats.countItem(operation, Outcome.INVALID);
    this.ended(timed, status.OK);
  }

  /** A call of one claim was replied to. @param entry which has its outcome. */
  answered(timed: TimedCall, entry: number, code: number): void {
    const outcome = this.#entries.outcome[entry];
    this.#stats.countItem(this.#entries.operation[entry], outcome);
    this.ended(timed, code, entry, outcome === Outcome.UNAVAILABLE);
  }

  /** Counts what came of items. @returns whether any is UNAVAILABLE. */
  countItems(operation: CallOperation, { entries, count }: ItemResults): boolean {
    let unavailable = false;
    for (let i = 0; i < count; i += 1) {
      const entry = entries[i];
      const outcome = entry === NO_ENTRY ? Outcome.INVALID : this.#entries.outcome[entry];
      this.#stats.countItem(operation, outcome);
      if (outcome === Outcome.UNAVAILABLE) unavailable = true;
    }
    return unavailable;
  }

  /**
   * A call has ended, of whatever kind but a stream.
   * @param code as it was answered, a gRPC status.
   * @param last the entry whose outcome came last; none where it came to no segment.
   * @param unavailable whether any of its items is UNAVAILABLE.
   */
  ended(timed: TimedCall, code: number, last = NO_ENTRY, unavailable = false): void {
    const nowUs = this.#clock.monotonicUs();
    const end = this.#countEnd(timed, code, nowUs);
    this.#countPhases(last, nowUs);
    const slow = this.#isSlow(timed, end, nowUs);
    const sampled = this.#isSampled(timed);
    this.#tell(timed, this.#choose(unavailable || isFailure(end), slow, sampled, nowUs), end, last, nowUs);
  }

  /** A stream has ended. It is never slow: it lasts as long as its client likes. */
  streamEnded(timed: TimedCall, code: number): void {
    const nowUs = this.#clock.monotonicUs();
    const end = this.#countEnd(timed, code, nowUs);
    const reason = this.#choose(isFailure(end), false, this.#isSampled(timed), nowUs);
    this.#tell(timed, reason, end, NO_ENTRY, nowUs);
  }

  /** A frame was replied to. Its stream is the call, so it is no call of its own; else it is as one. */
  frameAnswered(timed: TimedCall, last: number, unavailable: boolean): void {
    const nowUs = this.#clock.monotonicUs();
    this.#stats.frames.record((nowUs - timed.beganUs) / US_PER_S);
    this.#countPhases(last, nowUs);
    const slow = this.#isSlow(timed, status.OK, nowUs);
    const sampled = isSampled(flagsOf(timed));
    this.#tell(timed, this.#choose(unavailable, slow, sampled, nowUs), status.OK, last, nowUs);
  }

  /** @returns the status that the call ended with. */
  #countEnd(timed: TimedCall, code: number, nowUs: number): number {
    const end = timed.call.cancelled ? endOf(timed.call, code, this.#clock.nowMs()) : code;
    this.#stats.duration(timed.method, end).record((nowUs - timed.beganUs) / US_PER_S);
    return end;
  }

  /** Adds what each phase took that the entry went through. Clocks of two threads may differ by a microsecond. */
  #countPhases(entry: number, endedUs: number): void {
    if (entry === NO_ENTRY) return;
    const { phases } = this.#stats;
    let beganUs = this.#entries.markOf(entry, EntryMark.RECEIVED);
    for (let phase = 0; phase < REPLY; phase += 1) {
      const endUs = this.#entries.markOf(entry, PHASE_ENDS[phase]);
      if (Number.isNaN(endUs)) continue;
      phases[phase].record(Math.max(endUs - beganUs, 0) / US_PER_S);
      beganUs = Math.max(endUs, beganUs);
    }
    phases[REPLY].record(Math.max(endedUs - beganUs, 0) / US_PER_S);
  }

  /** By the P99 of calls before it; to which it belongs from now on, if it was served. */
  #isSlow({ method, beganUs }: TimedCall, end: number, nowUs: number): boolean {
    const slow = this.#choice.isSlow(method, nowUs - beganUs);
    if (end === status.OK) this.#choice.record(method, nowUs - beganUs, nowUs);
    return slow;
  }

  /** Whether the caller records its trace. A malformed header is counted, once a call, and is as none. */
  #isSampled(timed: TimedCall): boolean {
    const flags = flagsOf(timed);
    if (flags === MALFORMED) this.#stats.countMalformedTraceParent();
    return isSampled(flags);
  }

  /** Why the call is told, if it is. */
  #choose(failed: boolean, slow: boolean, sampled: boolean, nowUs: number): TraceReason | undefined {
    return this.#onTrace && this.#choice.choose(failed, slow, sampled, nowUs);
  }

  #tell(timed: TimedCall, reason: TraceReason | undefined, end: number, last: number, nowUs: number): void {
    if (reason !== undefined) this.#onTrace?.(this.#traces.build(timed, reason, end, last, nowUs));
  }
}

/** Flags of the caller's trace; 0, not sampled, where it sends none. */
function flagsOf({ call }: TimedCall): number {
  const header = traceHeader(call);
  return header === undefined ? 0 : traceFlags(header);
}
