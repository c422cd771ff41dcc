/**
 * Watches the memory of the process on the main thread: whether what garbage collections leave grows,
 * over half an hour; whether a collection held a thread up for long; whether epochs take longer when
 * more is allocated. It tells metrics, and the log when an alarm begins and when it is over.
 * Readiness does not depend on it: a replica that leaks serves.
 *
 * RSS has a slope as well but no alarm: it rises as tables and the store fill, by as much as was
 * planned for them.
 */
import type { Clock, Timer } from '../../clock/clock.ts';
import type { Logger } from '../log.ts';
import { type Growth, GrowthWatch } from './growth.ts';
import { rankCorrelation } from './ranks.ts';
import type { GcPause, RuntimeStats } from './runtime-stats.ts';

export interface HeapMonitorOptions {
  /** From one sample to the next. */
  readonly sampleMs: number;
  /** Samples that slopes are told from, and how many an alarm needs at least. */
  readonly samples: number;
  readonly samplesMin: number;
  /** Epochs over which allocation and duration are compared. */
  readonly epochs: number;
  /** Heap growth that is an alarm, bytes per hour; a pause that is. Infinity: none. */
  readonly growthAlarmBytesPerH: number;
  readonly pauseAlarmMs: number;
}

export interface HeapMonitorParts {
  /** By thread, with the threads' names beside. */
  readonly stats: readonly RuntimeStats[];
  readonly threadNames: readonly string[];
  /** Of the process, bytes. */
  readonly rss: () => number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An epoch's allocation, bytes per second, and how long its boundary took. */
interface EpochSample {
  readonly bytesPerS: number;
  readonly durationUs: number;
}

/** Fewer epochs say nothing: of five, one pair of rankings in 60 agrees by chance alone. */
const CORRELATED_EPOCHS_MIN = 10;
/** Samples without a long pause after which the alarm is over. */
const CALM_SAMPLES = 15;
const US_PER_S = 1_000_000;
const MS_PER_MINUTE = 60_000;
const BYTES_PER_MB = 1_000_000;
const MINUTES_PER_HOUR = 60;

export class HeapMonitor {
  readonly #options: HeapMonitorOptions;
  readonly #parts: HeapMonitorParts;
  readonly #heap: GrowthWatch;
  readonly #rss: GrowthWatch;
  readonly #epochs: EpochSample[] = [];
  readonly #sampleRate: AllocationRate;
  readonly #epochRate: AllocationRate;
  #bytesPerS = 0;
  /** Samples since the last long pause, while that is an alarm. */
  #calm: number | undefined;
  #timer: Timer | undefined;

  constructor(options: HeapMonitorOptions, parts: HeapMonitorParts) {
    const { samples, samplesMin, growthAlarmBytesPerH: alarmAbove } = options;
    this.#options = options;
    this.#parts = parts;
    this.#heap = new GrowthWatch({ samples, samplesMin, alarmAbove });
    this.#rss = new GrowthWatch({ samples, samplesMin, alarmAbove: Number.POSITIVE_INFINITY });
    this.#sampleRate = new AllocationRate(parts.stats, parts.clock);
    this.#epochRate = new AllocationRate(parts.stats, parts.clock);
  }

  /** Of what collections leave in the heaps of all threads together; undefined before the second sample. */
  get heapGrowth(): Growth | undefined {
    return this.#heap.growth;
  }
  get rssGrowth(): Growth | undefined {
    return this.#rss.growth;
  }
  /** The heap grows by more than the bound. */
  get growthAlarm(): boolean {
    return this.#heap.alarm;
  }
  /** A collection lately held a thread up for as long as the bound. */
  get pauseAlarm(): boolean {
    return this.#calm !== undefined;
  }
  /** Bytes per second that all threads together allocated between the last two samples. */
  get allocationRate(): number {
    return this.#bytesPerS;
  }

  /**
   * How far epochs' boundaries take longer the more was allocated in the epoch before: Spearman's
   * rank correlation, −1 to 1. Undefined for too few epochs, or where one of both never changes. Threads
   * tell what they allocate once a second, so of epochs of less than ten this is a rough figure.
   */
  epochCorrelation(): number | undefined {
    if (this.#epochs.length < CORRELATED_EPOCHS_MIN) return undefined;
    return rankCorrelation(
      this.#epochs.map(({ bytesPerS }) => bytesPerS),
      this.#epochs.map(({ durationUs }) => durationUs),
    );
  }

  start(): void {
    this.#timer = this.#parts.clock.after(this.#options.sampleMs, () => {
      this.#sample();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** The segments have entered an epoch. */
  epochAdvanced(durationUs: number): void {
    const bytesPerS = this.#epochRate.take();
    if (bytesPerS === undefined) return;
    this.#epochs.push({ bytesPerS, durationUs });
    if (this.#epochs.length > this.#options.epochs) this.#epochs.shift();
  }

  #sample(): void {
    const { clock, stats, rss } = this.#parts;
    const nowUs = clock.monotonicUs();
    this.#bytesPerS = this.#sampleRate.take() ?? this.#bytesPerS;
    const wasGrowing = this.#heap.alarm;
    this.#heap.add(
      nowUs,
      sum(stats, ({ heapFloor }) => heapFloor),
    );
    this.#rss.add(nowUs, rss());
    if (this.#heap.alarm !== wasGrowing) this.#tellGrowth(this.#heap.alarm);
    this.#lookForLongPauses();
  }

  #tellGrowth(begins: boolean): void {
    const { log } = this.#parts;
    if (begins) log.warn(this.#growthFields(), 'the heap grows');
    else log.info(this.#growthFields(), 'the heap grows no longer');
  }

  #growthFields(): Record<string, unknown> {
    const { stats, threadNames, rss } = this.#parts;
    const floors = stats.flatMap(({ samples, heapFloor }, thread) =>
      samples === 0 ? [] : [[threadNames[thread], mb(heapFloor)]],
    );
    const { slope = 0, low = 0, high = 0, thirds = [] } = this.#heap.growth ?? {};
    return {
      growthMbPerH: mb(slope),
      intervalMbPerH: [mb(low), mb(high)],
      thirdsMbPerH: thirds.map(mb),
      minutes: Math.round(this.#heap.hours * MINUTES_PER_HOUR),
      heapAfterGcMb: Object.fromEntries(floors),
      rssMb: mb(rss()),
      rssGrowthMbPerH: mb(this.#rss.growth?.slope ?? 0),
      allocationMbPerS: mb(this.#bytesPerS),
      epochCorrelation: this.epochCorrelation() ?? null,
    };
  }

  #lookForLongPauses(): void {
    const long = this.#longestPause();
    if (long === undefined) {
      if (this.#calm === undefined) return;
      this.#calm += 1;
      if (this.#calm < CALM_SAMPLES) return;
      this.#calm = undefined;
      this.#parts.log.info({ minutes: this.#calmMinutes() }, 'garbage collection is short again');
      return;
    }
    if (this.#calm === undefined) this.#tellPause(long.thread, long.pause);
    this.#calm = 0;
  }

  /** Of all threads, since it was last asked; undefined where none was as long as the bound. */
  #longestPause(): { readonly thread: number; readonly pause: GcPause } | undefined {
    return this.#parts.stats
      .flatMap((stats, thread) => {
        const pause = stats.takeLongestPause();
        return pause === undefined || pause.pauseMs < this.#options.pauseAlarmMs ? [] : [{ thread, pause }];
      })
      .sort((a, b) => b.pause.pauseMs - a.pause.pauseMs)[0];
  }

  #tellPause(thread: number, { kind, pauseMs }: GcPause): void {
    const { stats, threadNames, log } = this.#parts;
    const { heapUsed, heapFloor } = stats[thread];
    const fields = {
      thread: threadNames[thread],
      gc: kind,
      pauseMs: round(pauseMs),
      heapMb: mb(heapUsed),
      heapAfterGcMb: mb(heapFloor),
      allocationMbPerS: mb(this.#bytesPerS),
    };
    log.warn(fields, 'garbage collection held up a thread for long');
  }

  #calmMinutes(): number {
    return round((CALM_SAMPLES * this.#options.sampleMs) / MS_PER_MINUTE);
  }
}

/** What all threads together allocate, from one look to the next. */
class AllocationRate {
  readonly #stats: readonly RuntimeStats[];
  readonly #clock: Clock;
  #allocated: number | undefined;
  #atUs = 0;

  constructor(stats: readonly RuntimeStats[], clock: Clock) {
    this.#stats = stats;
    this.#clock = clock;
  }

  /** Bytes per second since this was last asked; undefined the first time, and where no time has passed. */
  take(): number | undefined {
    const nowUs = this.#clock.monotonicUs();
    const allocated = sum(this.#stats, (stats) => stats.allocated);
    const [before, elapsedS] = [this.#allocated, (nowUs - this.#atUs) / US_PER_S];
    this.#allocated = allocated;
    this.#atUs = nowUs;
    return before === undefined || elapsedS === 0 ? undefined : (allocated - before) / elapsedS;
  }
}

function sum(stats: readonly RuntimeStats[], of: (stats: RuntimeStats) => number): number {
  return stats.reduce((total, one) => total + of(one), 0);
}

/** Megabytes to a tenth, as a person reads them. */
function mb(bytes: number): number {
  return round(bytes / BYTES_PER_MB);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
