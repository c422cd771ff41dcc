/**
 * Makes spans of calls, after they have ended and with the times that they had, and of activities,
 * while they last. A call is a span of the server with one for each of its phases; it is a child of
 * its caller's where that sent a traceparent, and linked to the activities that it overlapped.
 */
import {
  type Attributes,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace as traceApi,
} from '@opentelemetry/api';
import type { Clock } from '../../clock/clock.ts';
import type { Activities, Activity, ActivityKind } from '../activities.ts';
import type { CallTrace, TraceParent } from '../call-trace.ts';
import type { Logger } from '../log.ts';
import { callAttributes, callName, callStatus, phaseTimes } from './call-spans.ts';
import { RecentActivities } from './recent-activities.ts';
import type { SpanCounts, SpanLedger } from './span-ledger.ts';
import { WallTime } from './wall-time.ts';

/**
 * Activities that a call can be linked to. An epoch and a pass of reconciliation in each second are
 * half a minute's, longer than most calls wait; of epochs of 100 ms, six seconds'.
 */
const RECENT_ACTIVITIES = 64;

export interface TracesParts {
  readonly tracer: Tracer;
  readonly ledger: SpanLedger;
  readonly clock: Clock;
  readonly log: Logger;
  readonly replicaId: string;
  /** Ends the export; what waits is sent before, if that can be. */
  readonly close: () => Promise<void>;
}

export class Traces implements Activities {
  readonly #tracer: Tracer;
  readonly #ledger: SpanLedger;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #replicaId: string;
  readonly #wall: WallTime;
  readonly #recent = new RecentActivities(RECENT_ACTIVITIES);
  readonly close: () => Promise<void>;

  constructor({ tracer, ledger, clock, log, replicaId, close }: TracesParts) {
    this.#tracer = tracer;
    this.#ledger = ledger;
    this.#clock = clock;
    this.#log = log;
    this.#replicaId = replicaId;
    this.#wall = new WallTime(clock);
    this.close = close;
  }

  get counts(): SpanCounts {
    return this.#ledger.counts;
  }

  /** Tells a call that has ended; whole, or where too many spans wait already, not at all. */
  call(trace: CallTrace): void {
    try {
      this.#tell(trace);
    } catch (error) {
      // A fault of the libraries is not to become that of the call, which has been answered.
      this.#log.error({ err: error }, 'a call could not be told as a trace');
    }
  }

  #tell(trace: CallTrace): void {
    const phases = phaseTimes(trace);
    if (!this.#ledger.admits(1 + phases.length)) return;
    this.#wall.follow();
    const endedUs = phases.at(-1)?.endedUs ?? trace.beganUs;
    const parent = trace.parent === undefined ? ROOT_CONTEXT : contextOf(remote(trace.parent));
    const options = {
      kind: SpanKind.SERVER,
      startTime: this.#wall.at(trace.beganUs),
      attributes: callAttributes(trace, this.#replicaId),
      links: this.#links(trace.beganUs, endedUs),
    };
    const span = this.#tracer.startSpan(callName(trace), options, parent);
    const inCall = contextOf(span.spanContext());
    for (const { phase, beganUs, endedUs: phaseEndedUs } of phases) {
      this.#tracer
        .startSpan(phase, { startTime: this.#wall.at(beganUs) }, inCall)
        .end(this.#wall.at(phaseEndedUs));
    }
    span.setStatus(callStatus(trace)).end(this.#wall.at(endedUs));
  }

  begin(kind: ActivityKind): Activity {
    this.#wall.follow();
    const beganUs = this.#clock.monotonicUs();
    const attributes: Attributes = { 'claims.replica': this.#replicaId };
    const span = this.#tracer.startSpan(
      kind,
      { startTime: this.#wall.at(beganUs), attributes },
      ROOT_CONTEXT,
    );
    const recent = { kind, context: span.spanContext(), beganUs, endedUs: Number.POSITIVE_INFINITY };
    this.#recent.add(recent);
    return {
      end: (ended, error) => {
        recent.endedUs = this.#clock.monotonicUs();
        if (!this.#ledger.admits(1)) return;
        if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
        span.setAttributes(ended).end(this.#wall.at(recent.endedUs));
      },
    };
  }

  /** The link's context may be of an activity that is still under way. */
  #links(beganUs: number, endedUs: number): Link[] {
    return this.#recent
      .overlapping(beganUs, endedUs)
      .map(({ kind, context }) => ({ context, attributes: { 'claims.activity': kind } }));
  }
}

function contextOf(context: SpanContext) {
  return traceApi.setSpanContext(ROOT_CONTEXT, context);
}

function remote({ traceId, spanId, sampled }: TraceParent): SpanContext {
  return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
}
