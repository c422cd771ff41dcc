/** What came of the load: calls by gRPC status, claims by outcome, latencies. */
import { status as GrpcStatus } from '@grpc/grpc-js';
import { Outcome } from '../../src/domain/claim.ts';
import { type LatencyCurve, LatencyHistogram, type LatencySummary } from './latency.ts';
import { type LatencyPeriod, LatencyTimeline } from './timeline.ts';

/**
 * Windows of time, again and again: from each multiple of everyMs (of the wall clock, plus
 * offsetMs) for spanMs, all milliseconds. A call falls into one where it is under way in it.
 */
export interface WindowRule {
  readonly everyMs: number;
  readonly offsetMs: number;
  readonly spanMs: number;
}

export interface TallyOptions {
  /** The windows after epoch boundaries, where calls that cross one are told from the others. */
  readonly boundary?: WindowRule;
  /** Windows in which something else than the load is done to the server: their calls are told apart. */
  readonly setAside?: WindowRule;
  /** Wall clock minus monotonic clock, milliseconds. */
  readonly wallOffsetMs: number;
  /** Length of the periods of the latencies over time. */
  readonly periodMs: number;
}

/** Of the calls that began in the measured time. */
export interface TallyResult {
  /** When it began, by the wall clock, milliseconds. */
  readonly beginMs: number;
  /** Calls that ended, of whatever status. */
  readonly calls: number;
  /** Claims answered, of whatever outcome. */
  readonly claims: number;
  /** Calls by name of their gRPC status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Claims by name of their outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Of the calls that ended OK, like what follows; without those set aside. */
  readonly latency: LatencySummary;
  readonly curve: LatencyCurve;
  /** By the time at which calls ended. */
  readonly periods: readonly LatencyPeriod[];
  /** Of those that crossed an epoch boundary and of the others, where a rule was given. */
  readonly crossing?: LatencySummary;
  readonly notCrossing?: LatencySummary;
  readonly crossingCurve?: LatencyCurve;
  readonly notCrossingCurve?: LatencyCurve;
  /** Of those set aside, where a rule was given. */
  readonly setAside?: LatencySummary;
}

export class Tally {
  readonly #statuses = new Map<number, number>();
  readonly #outcomes = new Float64Array(Outcome.FOUND + 1);
  readonly #latency = new LatencyHistogram();
  readonly #crossing = new LatencyHistogram();
  readonly #notCrossing = new LatencyHistogram();
  readonly #setAside = new LatencyHistogram();
  readonly #timeline: LatencyTimeline;
  readonly #options: TallyOptions;
  /** Outcomes of calls that began before the measured time, and ended in it. */
  readonly #earlierOutcomes = new Float64Array(Outcome.FOUND + 1);
  #earlierCalls = 0;
  #calls = 0;
  #beginUs = 0;

  constructor(options: TallyOptions) {
    this.#options = options;
    this.#timeline = new LatencyTimeline(options.periodMs);
  }

  /** Calls that have ended in the measured time, whenever they began. */
  get endedCalls(): number {
    return this.#earlierCalls + this.#calls;
  }

  /** Claims answered in the measured time, whenever their calls began. */
  get answeredClaims(): number {
    return sum(this.#earlierOutcomes) + sum(this.#outcomes);
  }

  /** Begins the measured time: forgets what was before. */
  begin(beginUs: number): void {
    this.#beginUs = beginUs;
    this.#earlierCalls = 0;
    this.#calls = 0;
    this.#statuses.clear();
    for (const counts of [this.#outcomes, this.#earlierOutcomes]) counts.fill(0);
    for (const histogram of [this.#latency, this.#crossing, this.#notCrossing, this.#setAside]) {
      histogram.reset();
    }
    this.#timeline.begin(beginUs);
  }

  /** So far; the last may still be under way. */
  periods(): LatencyPeriod[] {
    return this.#timeline.periods();
  }

  /** Where the outcomes in replies to a call begun at startUs are counted, by Outcome number. */
  countsOf(startUs: number): Float64Array {
    return startUs < this.#beginUs ? this.#earlierOutcomes : this.#outcomes;
  }

  /** Counts a call (or frame) from its start to its end, in monotonic microseconds. */
  ended(startUs: number, endUs: number, status: number): void {
    if (startUs < this.#beginUs) {
      this.#earlierCalls++;
      return;
    }
    this.#calls++;
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    if (status === GrpcStatus.OK) this.#recordLatency(startUs, endUs);
  }

  result(): TallyResult {
    const statuses = [...this.#statuses].map(([code, count]) => [GrpcStatus[code] ?? String(code), count]);
    const outcomes = Object.entries(Outcome)
      .map(([name, number]): [string, number] => [name, this.#outcomes[number]])
      .filter(([, count]) => count > 0);
    return {
      beginMs: this.#beginUs / 1000 + this.#options.wallOffsetMs,
      calls: this.#calls,
      claims: sum(this.#outcomes),
      statuses: Object.fromEntries(statuses),
      outcomes: Object.fromEntries(outcomes),
      latency: this.#latency.summary(),
      curve: this.#latency.curve(),
      periods: this.periods(),
      ...(this.#options.boundary === undefined ? {} : this.#aroundBoundaries()),
      ...(this.#options.setAside === undefined ? {} : { setAside: this.#setAside.summary() }),
    };
  }

  #aroundBoundaries() {
    return {
      crossing: this.#crossing.summary(),
      notCrossing: this.#notCrossing.summary(),
      crossingCurve: this.#crossing.curve(),
      notCrossingCurve: this.#notCrossing.curve(),
    };
  }

  #recordLatency(startUs: number, endUs: number): void {
    const { boundary, setAside } = this.#options;
    const latencyUs = endUs - startUs;
    if (setAside !== undefined && this.#fallsInto(setAside, startUs, endUs)) {
      this.#setAside.record(latencyUs);
      return;
    }
    this.#latency.record(latencyUs);
    this.#timeline.record(endUs, latencyUs);
    if (boundary === undefined) return;
    const crosses = this.#fallsInto(boundary, startUs, endUs);
    (crosses ? this.#crossing : this.#notCrossing).record(latencyUs);
  }

  #fallsInto(rule: WindowRule, startUs: number, endUs: number): boolean {
    const { wallOffsetMs } = this.#options;
    return fallsIntoWindow(rule, startUs / 1000 + wallOffsetMs, endUs / 1000 + wallOffsetMs);
  }
}

/** Whether a call from startMs to endMs, of the wall clock, was under way in a window. */
export function fallsIntoWindow(rule: WindowRule, startMs: number, endMs: number): boolean {
  const windowMs = Math.floor((endMs - rule.offsetMs) / rule.everyMs) * rule.everyMs + rule.offsetMs;
  return startMs < windowMs + rule.spanMs;
}

function sum(counts: Float64Array): number {
  return counts.reduce((total, count) => total + count, 0);
}
