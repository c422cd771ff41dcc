/**
 * The slices in which a subject is measured: at saturation, and in an open loop by each of the two load
 * generators. Every slice takes up the claims where the last one left them, so that there are always so
 * many live and each is submitted once and validated once.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/clock/clock.ts';
import { workloadData } from '../ghz/call-data.ts';
import { type GhzResult, sendByGhz } from '../ghz/ghz.ts';
import { applyLoad, type LoadSpec, type Measurement, measure, requireOutcomes } from '../measure/measure.ts';
import { readProcessUsage } from '../measure/process-usage.ts';
import { makeWorkload } from '../measure/workload.ts';
import type { Subject } from './side-by-side-subjects.ts';

export const LIVE_CLAIMS = 100_000;
export const CONNECTIONS = 8;
/** Closed loop: calls under way. */
export const OUTSTANDING = 64;
/** Open loop: calls per second, which every subject bears, and ghz too. */
export const RATE = 3_000;
/** So many may wait in an open loop: two seconds' calls. */
export const OUTSTANDING_AT_MOST = 2 * RATE;
/** Until connections are there, and a subject that stood still has caught up with its epochs. */
const SLICE_WARMUP_S = 0.7;
const BATCH = 1_000;
/** Claims looked at again after ghz, which sees no outcomes. */
const CHECKED = 100;
const FILL_WITHIN_S = 120;
/** Of a subject's output, in the error of a slice that failed. */
const LOG_LINES = 10;

/** One slice of a load generator of ours. */
export interface Slice extends Measurement {
  /** CPU of the subject's Redis in the slice and its warm-up, microseconds per call. */
  readonly redisUsPerCall?: number;
}

export class MeasuredSubject {
  readonly subject: Subject;
  readonly #folder: string;
  readonly #run: string;
  /** Numbers of the next claims to be submitted, or asked about where none is kept, and validated. */
  #submitted = 0;
  #validated = 0;
  #loadS = 0;

  /** @param folder for files of requests. */
  constructor(subject: Subject, folder: string) {
    this.subject = subject;
    this.#folder = folder;
    this.#run = `side-${systemClock.nowMs().toString(36)}-${subject.server.pid}`;
  }

  /** How long it has been under load, seconds. */
  get loadS(): number {
    return this.#loadS;
  }

  /** A closed loop: what it can do, and at what cost. */
  saturated(seconds: number): Promise<Slice> {
    const load = { workload: this.subject.asking.saturating, outstanding: OUTSTANDING };
    return this.#slice(load, seconds, this.#submitted, (started) => {
      this.#submitted += started;
    });
  }

  /** An open loop: how long the calls take. */
  async steady(seconds: number): Promise<Slice> {
    await this.#keepLive(Math.ceil(RATE * (seconds + SLICE_WARMUP_S)));
    const load = { workload: this.subject.asking.steady, rate: RATE, outstanding: OUTSTANDING_AT_MOST };
    return this.#slice(load, seconds, this.#nextSteady, (started) => this.#haveAsked(started));
  }

  /** The same load by ghz. */
  async steadyByGhz(seconds: number): Promise<GhzResult> {
    const calls = Math.round(RATE * seconds);
    await this.#keepLive(calls);
    const first = this.#nextSteady;
    const { asking, server } = this.subject;
    const options = { run: this.#run, first, items: 1, lag: 0, scattered: false };
    const dataFile = join(this.#folder, 'ghz.bin');
    await writeFile(dataFile, workloadData(makeWorkload({ workload: asking.steady, ...options }), calls));
    const load = { ...asking.ghz, calls, rps: RATE, connections: CONNECTIONS, dataFile };
    const result = await sendByGhz(server.address, load);
    this.#haveAsked(calls);
    this.#loadS += seconds;
    if (Object.keys(result.errors).length > 0) {
      throw new Error(`${this.subject.name}: ghz's calls failed: ${JSON.stringify(result.errors)}`);
    }
    await this.#check(first);
    return result;
  }

  /** Submits claims until so many will be live when `calls` have been validated. */
  async #keepLive(calls: number): Promise<void> {
    const { asking, server } = this.subject;
    if (!asking.keepsClaims) return;
    const missing = LIVE_CLAIMS + calls - (this.#submitted - this.#validated);
    if (missing <= 0) return;
    const batches = { workload: 'batch-submit', items: BATCH, calls: Math.ceil(missing / BATCH) } as const;
    const load = asking.takesBatches
      ? { ...batches, outstanding: 4 }
      : ({ workload: 'submit', calls: missing, outstanding: OUTSTANDING } as const);
    const place = { run: this.#run, first: this.#submitted, connections: CONNECTIONS };
    const result = await applyLoad(server.address, { ...load, ...place, seconds: FILL_WITHIN_S });
    requireOutcomes(result, ['ACCEPTED']);
    this.#submitted += result.started * (asking.takesBatches ? BATCH : 1);
  }

  async #slice(
    load: LoadSpec,
    seconds: number,
    first: number,
    haveStarted: (calls: number) => void,
  ): Promise<Slice> {
    const { server, redis, name, log } = this.subject;
    const spec = {
      ...load,
      seconds,
      warmupS: SLICE_WARMUP_S,
      connections: CONNECTIONS,
      run: this.#run,
      first,
    };
    const before = await cpuUs(redis?.pid);
    const measurement = await measure(server, spec);
    const redisUs = (await cpuUs(redis?.pid)) - before;
    haveStarted(measurement.load.started);
    this.#loadS += seconds + SLICE_WARMUP_S;
    try {
      // Calls that were not begun are told (report): whoever is too slow for the rate is still measured.
      requireOutcomes({ ...measurement.load, skipped: 0 }, ['ACCEPTED']);
    } catch (error) {
      const lines = log().trimEnd().split('\n').slice(-LOG_LINES).join('\n');
      throw new Error(`${name} at ${JSON.stringify(load)}; its last output:\n${lines}`, { cause: error });
    }
    const redisUsPerCall = redisUs / measurement.load.started;
    return redis === undefined ? measurement : { ...measurement, redisUsPerCall };
  }

  /** Sees that ghz's calls from claim `first` on did what they should: they were the first of their kind. */
  async #check(first: number): Promise<void> {
    const { asking, server } = this.subject;
    const load = { workload: asking.steady, run: this.#run, first, calls: CHECKED, outstanding: 4 };
    const again = await applyLoad(server.address, load);
    if (asking.keepsClaims) requireOutcomes(again, ['REPLAYED']);
    else if (asking.steady === 'ratelimit') requireOutcomes(again, ['TAKEN']);
  }

  get #nextSteady(): number {
    return this.subject.asking.keepsClaims ? this.#validated : this.#submitted;
  }

  #haveAsked(calls: number): void {
    if (this.subject.asking.keepsClaims) this.#validated += calls;
    else this.#submitted += calls;
  }
}

/** Of a process, user and system time; 0 where there is none. */
async function cpuUs(pid: number | undefined): Promise<number> {
  return pid === undefined ? 0 : (await readProcessUsage(pid)).cpuUs;
}
