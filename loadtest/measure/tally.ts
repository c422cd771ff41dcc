/** What came of the load: calls by gRPC status, claims by outcome, latencies. */
import { status as GrpcStatus } from '@grpc/grpc-js';
import { Outcome } from '../../src/domain/claim.ts';
import { LatencyHistogram, type LatencySummary } from './latency.ts';
import { countOutcomes } from './messages.ts';

/** Which calls count as crossing an epoch boundary. */
export interface BoundaryRule {
  /** Length of an epoch, milliseconds. */
  readonly epochMs: number;
  /** A call crosses where it is under way within so many milliseconds after a boundary. */
  readonly spanMs: number;
}

/** Of the calls that began in the measured time. */
export interface TallyResult {
  /** Calls that ended, of whatever status. */
  readonly calls: number;
  /** Claims answered, of whatever outcome. */
  readonly claims: number;
  /** Calls by name of their gRPC status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Claims by name of their outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Of the calls that ended OK. */
  readonly latency: LatencySummary;
  /** Of those that crossed an epoch boundary and of the others, where a rule was given. */
  readonly crossing?: LatencySummary;
  readonly notCrossing?: LatencySummary;
}

export class Tally {
  readonly #statuses = new Map<number, number>();
  readonly #outcomes = new Float64Array(Outcome.FOUND + 1);
  readonly #latency = new LatencyHistogram();
  readonly #crossing = new LatencyHistogram();
  readonly #notCrossing = new LatencyHistogram();
  readonly #boundary: BoundaryRule | undefined;
  /** Wall clock minus monotonic clock, milliseconds. */
  readonly #wallOffsetMs: number;
  /** Outcomes of calls that began before the measured time, and ended in it. */
  readonly #earlierOutcomes = new Float64Array(Outcome.FOUND + 1);
  #earlierCalls = 0;
  #calls = 0;
  #beginUs = 0;

  constructor(boundary: BoundaryRule | undefined, wallOffsetMs: number) {
    this.#boundary = boundary;
    this.#wallOffsetMs = wallOffsetMs;
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
    for (const histogram of [this.#latency, this.#crossing, this.#notCrossing]) histogram.reset();
  }

  /** Counts the results in a reply to a call begun at startUs: those in fields from `firstField` on. */
  reply(startUs: number, bytes: Buffer, start: number, end: number, firstField: number): void {
    const counts = startUs < this.#beginUs ? this.#earlierOutcomes : this.#outcomes;
    countOutcomes(bytes, start, end, firstField, counts);
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
    const boundary = { crossing: this.#crossing.summary(), notCrossing: this.#notCrossing.summary() };
    return {
      calls: this.#calls,
      claims: sum(this.#outcomes),
      statuses: Object.fromEntries(statuses),
      outcomes: Object.fromEntries(outcomes),
      latency: this.#latency.summary(),
      ...(this.#boundary === undefined ? {} : boundary),
    };
  }

  #recordLatency(startUs: number, endUs: number): void {
    this.#latency.record(endUs - startUs);
    if (this.#boundary === undefined) return;
    const crosses = crossesBoundary(this.#boundary, this.#wallMs(startUs), this.#wallMs(endUs));
    (crosses ? this.#crossing : this.#notCrossing).record(endUs - startUs);
  }

  #wallMs(monotonicUs: number): number {
    return monotonicUs / 1000 + this.#wallOffsetMs;
  }
}

/** Whether a call from startMs to endMs was under way within spanMs after a boundary. */
export function crossesBoundary(rule: BoundaryRule, startMs: number, endMs: number): boolean {
  const boundaryMs = Math.floor(endMs / rule.epochMs) * rule.epochMs;
  return startMs < boundaryMs + rule.spanMs;
}

function sum(counts: Float64Array): number {
  return counts.reduce((total, count) => total + count, 0);
}
