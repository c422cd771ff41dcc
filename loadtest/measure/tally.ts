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
  #calls = 0;

  constructor(boundary: BoundaryRule | undefined, wallOffsetMs: number) {
    this.#boundary = boundary;
    this.#wallOffsetMs = wallOffsetMs;
  }

  get calls(): number {
    return this.#calls;
  }

  get claims(): number {
    return this.#outcomes.reduce((sum, count) => sum + count, 0);
  }

  /** Counts the results of a reply: those in fields `firstField` and above of the message. */
  reply(bytes: Buffer, start: number, end: number, firstField: number): void {
    countOutcomes(bytes, start, end, firstField, this.#outcomes);
  }

  /** Counts a call (or frame) from its start to its end, in monotonic microseconds. */
  ended(startUs: number, endUs: number, status: number): void {
    this.#calls++;
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    if (status !== GrpcStatus.OK) return;
    this.#latency.record(endUs - startUs);
    if (this.#boundary === undefined) return;
    const crosses = crossesBoundary(this.#boundary, this.#wallMs(startUs), this.#wallMs(endUs));
    (crosses ? this.#crossing : this.#notCrossing).record(endUs - startUs);
  }

  /** Forgets all; at the end of the warm-up. */
  reset(): void {
    this.#calls = 0;
    this.#statuses.clear();
    this.#outcomes.fill(0);
    for (const histogram of [this.#latency, this.#crossing, this.#notCrossing]) histogram.reset();
  }

  result(): TallyResult {
    const statuses = [...this.#statuses].map(([code, count]) => [GrpcStatus[code] ?? String(code), count]);
    const outcomes = Object.entries(Outcome)
      .map(([name, number]): [string, number] => [name, this.#outcomes[number]])
      .filter(([, count]) => count > 0);
    const boundary = { crossing: this.#crossing.summary(), notCrossing: this.#notCrossing.summary() };
    return {
      calls: this.#calls,
      claims: this.claims,
      statuses: Object.fromEntries(statuses),
      outcomes: Object.fromEntries(outcomes),
      latency: this.#latency.summary(),
      ...(this.#boundary === undefined ? {} : boundary),
    };
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
