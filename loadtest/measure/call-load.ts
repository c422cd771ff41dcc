/**
 * Load of calls with one request and one reply (unary and batch).
 *
 * Closed loop: so many calls are always under way. Open loop: calls begin by a schedule, whether
 * or not earlier ones have ended, and a latency counts from the time on the schedule, so that a
 * stall is seen by every call that it holds up (no coordinated omission).
 */
import type { Clock } from '../../src/clock/clock.ts';
import type { Call } from './rpc/call.ts';
import type { Connections, ConnectionsHandler } from './rpc/connections.ts';
import type { Tally } from './tally.ts';
import type { Workload } from './workload.ts';

/** How often an open loop looks for calls that are due, milliseconds. */
const TICK_MS = 1;
/** How old the timestamp of a submitted claim may be, milliseconds. */
const TIMESTAMP_MS = 20;

export interface CallLoadOptions {
  /** Calls under way: always in a closed loop, at most in an open one. */
  readonly outstanding: number;
  /** Calls per second of an open loop; 0 for a closed one. */
  readonly rate: number;
  /** Stop starting calls after this many; 0 for no such bound. */
  readonly calls: number;
}

export class CallLoad implements ConnectionsHandler {
  readonly #options: CallLoadOptions;
  readonly #workload: Workload;
  readonly #tally: Tally;
  readonly #clock: Clock;
  readonly #startedUs: Float64Array;
  readonly #spareSlots: number[];
  readonly #finished = Promise.withResolvers<void>();
  #connections: Connections | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #started = 0;
  #ended = 0;
  #skipped = 0;

  constructor(options: CallLoadOptions, workload: Workload, tally: Tally, clock: Clock) {
    this.#options = options;
    this.#workload = workload;
    this.#tally = tally;
    this.#clock = clock;
    this.#startedUs = new Float64Array(options.outstanding);
    this.#spareSlots = Array.from({ length: options.outstanding }, (_, i) => options.outstanding - 1 - i);
  }

  /** Calls begun, the warm-up's too. */
  get started(): number {
    return this.#started;
  }

  /** Calls that an open loop did not start because too many were under way. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Calls under way. */
  get underWay(): number {
    return this.#started - this.#ended;
  }

  /** Resolves when the load has ended (`stop`, or so many calls) and every call was answered. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  start(connections: Connections): void {
    this.#connections = connections;
    this.#running = true;
    this.#workload.setTimestamp(this.#clock.nowMs());
    if (this.#options.rate > 0) this.#startSchedule(this.#options.rate);
    else {
      this.#timer = setInterval(() => this.#workload.setTimestamp(this.#clock.nowMs()), TIMESTAMP_MS);
      this.#fill();
    }
  }

  /** Starts no more calls; those under way go on. */
  stop(): void {
    this.#running = false;
    clearInterval(this.#timer);
    this.#checkFinished();
  }

  message(call: Call, bytes: Buffer, start: number, end: number): void {
    this.#workload.countReply(bytes, start, end, this.#tally.countsOf(this.#startedUs[call.tag]));
  }

  ended(call: Call, status: number): void {
    this.#ended++;
    this.#tally.ended(this.#startedUs[call.tag], this.#clock.monotonicUs(), status);
    this.#spareSlots.push(call.tag);
    if (!this.#running) this.#checkFinished();
    else if (this.#options.rate === 0) this.#fill();
  }

  reconnected(): void {
    if (this.#running && this.#options.rate === 0) this.#fill();
  }

  /** Begins as many calls as there are slots for. */
  #fill(): void {
    while (this.#spareSlots.length > 0 && this.#begin(this.#clock.monotonicUs()));
  }

  #startSchedule(rate: number): void {
    const beginUs = this.#clock.monotonicUs();
    let scheduled = 0;
    this.#timer = setInterval(() => {
      this.#workload.setTimestamp(this.#clock.nowMs());
      const due = Math.floor(((this.#clock.monotonicUs() - beginUs) / 1e6) * rate);
      for (; scheduled < due && this.#running; scheduled++) {
        if (!this.#begin(beginUs + (scheduled * 1e6) / rate) && this.#running) this.#skipped++;
      }
    }, TICK_MS);
  }

  /** Begins a call that counts from startUs; false where there is no slot or connection for it. */
  #begin(startUs: number): boolean {
    const slot = this.#spareSlots.at(-1);
    const connection = slot === undefined ? undefined : this.#connections?.pick(slot);
    if (slot === undefined || connection === undefined) return false;
    this.#spareSlots.pop();
    const request = this.#workload.next();
    const call = connection.start(request.path, slot);
    connection.send(call, request.message, true);
    this.#startedUs[slot] = startUs;
    this.#started++;
    if (this.#started === this.#options.calls) this.stop();
    return this.#running;
  }

  #checkFinished(): void {
    if (this.underWay === 0) this.#finished.resolve();
  }
}
