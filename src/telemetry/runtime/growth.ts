/**
 * Whether memory grows without end: an alarm over the newest samples of a window. Pure arithmetic;
 * what is sampled, and who is told, is the heap monitor's.
 *
 * It is raised where the whole interval of the slope lies above the bound and growth goes on: every
 * third of the window rises by more than half of the bound, the newest by more than all of it and at
 * least half as fast as the oldest. A rise so even that what is left beside its line only wanders has
 * no interval (see trend): then every third has to rise by more than the bound. So a warm-up, which
 * levels off, does not raise it, nor does a new level of load; a leak does, once it has filled the
 * window. It ends where the newest third rises by less than half of the bound.
 */
import { type Point, type Trend, trend } from './trend.ts';

/** Slopes in bytes per hour. */
export interface Growth extends Trend {
  /** Of each third of the window, the oldest first. */
  readonly thirds: readonly number[];
}

export interface GrowthOptions {
  /** Samples that are kept: pairs of them are compared (see trend). */
  readonly samples: number;
  /** Fewer than these raise no alarm. */
  readonly samplesMin: number;
  /** Bytes per hour; Infinity: none. */
  readonly alarmAbove: number;
}

const US_PER_HOUR = 3_600_000_000;

export class GrowthWatch {
  readonly #options: GrowthOptions;
  readonly #points: Point[] = [];
  #growth: Growth | undefined;
  #alarm = false;

  constructor(options: GrowthOptions) {
    this.#options = options;
  }

  /** Undefined before the second sample. */
  get growth(): Growth | undefined {
    return this.#growth;
  }

  get alarm(): boolean {
    return this.#alarm;
  }

  /** Hours between the oldest sample and the newest. */
  get hours(): number {
    const last = this.#points.at(-1);
    return last === undefined ? 0 : last[0] - this.#points[0][0];
  }

  /** @param atUs later than the samples before. */
  add(atUs: number, bytes: number): void {
    this.#points.push([atUs / US_PER_HOUR, bytes]);
    if (this.#points.length > this.#options.samples) this.#points.shift();
    if (this.#points.length < 2) return;
    const growth = growthOf(this.#points);
    this.#growth = growth;
    this.#alarm = this.#alarm ? !this.#hasEnded(growth) : this.#hasBegun(growth);
  }

  #hasBegun({ samples, low, thirds }: Growth): boolean {
    const { samplesMin, alarmAbove } = this.#options;
    if (samples < samplesMin) return false;
    const [oldest, , newest] = thirds;
    const least = Math.min(...thirds);
    const isSure = Number.isFinite(low) ? low > alarmAbove : least > alarmAbove;
    return isSure && least > alarmAbove / 2 && newest > alarmAbove && newest >= oldest / 2;
  }

  #hasEnded({ thirds: [, , newest] }: Growth): boolean {
    return newest < this.#options.alarmAbove / 2;
  }
}

function growthOf(points: readonly Point[]): Growth {
  const length = points.length / 3;
  const third = (i: number): number =>
    trend(points.slice(Math.round(i * length), Math.round((i + 1) * length))).slope;
  return { ...trend(points), thirds: [third(0), third(1), third(2)] };
}
