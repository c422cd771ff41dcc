/**
 * Whether something grows with time: the slope through its samples, with a 95 % interval.
 *
 * A heap after a collection is a floor and, now and then, megabytes on top: what calls held that were
 * under way. So the slope is the median of the slopes between all pairs of samples (Theil and Sen),
 * which such outliers hardly move. Its interval: P. K. Sen, "Estimates of the regression coefficient
 * based on Kendall's tau", Journal of the American Statistical Association 63 (1968).
 *
 * Samples that resemble their neighbours say less than as many independent ones: as much as
 * n (1 − r) / (1 + r) of them, r being the correlation of the ranks of residuals with the next. The
 * variance that the interval rests on is widened by that: S. Yue and C. Wang, "The Mann-Kendall test
 * modified by effective sample size", Water Resources Management 18 (2004).
 *
 * Of n samples there are n (n − 1) / 2 pairs: 90 take 0.3 ms, 360 take 6.
 */
import { ranksOf } from './ranks.ts';

export interface Trend {
  /** In units of y per unit of x, as are the ends of its interval. */
  readonly slope: number;
  /** The 95 % interval of the slope; infinite where the samples are too few to have one. */
  readonly low: number;
  readonly high: number;
  readonly samples: number;
  /** How many independent samples would say as much. */
  readonly effectiveSamples: number;
}

export type Verdict =
  /** The interval lies above the bound. */
  | 'grows'
  /** The interval ends at or below the bound. */
  | 'flat'
  /** The bound lies within the interval: the samples can't tell. */
  | 'undecided';

export type Point = readonly [x: number, y: number];

/** The 97.5 % quantile of the normal distribution. */
const NORMAL_975 = 1.959964;
/** Fewer independent samples have no interval: the normal distribution is too far from theirs. */
const EFFECTIVE_MIN = 8;
/** The greatest correlation of neighbours that is reckoned with, for beyond it no sample counts. */
const CORRELATION_MAX = 0.99;

/** @param points at different x, in ascending order */
export function trend(points: readonly Point[]): Trend {
  const samples = points.length;
  const slopes = pairSlopes(points);
  if (slopes.length === 0)
    return { slope: 0, low: -Infinity, high: Infinity, samples, effectiveSamples: samples };
  const slope = medianOf(slopes);
  const effectiveSamples = effectiveCount(points.map(([x, y]) => y - slope * x));
  // Of Kendall's S, the count of rising pairs less that of falling ones.
  const variance = ((samples * (samples - 1) * (2 * samples + 5)) / 18) * (samples / effectiveSamples);
  const first = Math.floor((slopes.length - NORMAL_975 * Math.sqrt(variance)) / 2);
  if (effectiveSamples < EFFECTIVE_MIN || first < 0) {
    return { slope, low: -Infinity, high: Infinity, samples, effectiveSamples };
  }
  return { slope, low: slopes[first], high: slopes[slopes.length - 1 - first], samples, effectiveSamples };
}

export function verdict({ low, high }: Trend, most: number): Verdict {
  if (low > most) return 'grows';
  return high <= most ? 'flat' : 'undecided';
}

/** Between each point and each later one, in ascending order. */
function pairSlopes(points: readonly Point[]): Float64Array {
  const slopes = new Float64Array((points.length * (points.length - 1)) / 2);
  let pair = 0;
  points.forEach(([x, y], i) => {
    for (let later = i + 1; later < points.length; later += 1) {
      slopes[pair] = (points[later][1] - y) / (points[later][0] - x);
      pair += 1;
    }
  });
  return slopes.sort();
}

/** @param sorted not empty. */
function medianOf(sorted: Float64Array): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Never more than there are: neighbours that differ more than chance has it add nothing. */
function effectiveCount(residuals: readonly number[]): number {
  const ranks = ranksOf(residuals);
  const middle = ranks.reduce((sum, rank) => sum + rank, 0) / ranks.length;
  const deviations = ranks.map((rank) => rank - middle);
  const squares = deviations.reduce((sum, deviation) => sum + deviation ** 2, 0);
  const products = deviations.slice(1).reduce((sum, deviation, i) => sum + deviation * deviations[i], 0);
  const correlation = squares === 0 ? 0 : Math.min(Math.max(products / squares, 0), CORRELATION_MAX);
  return (residuals.length * (1 - correlation)) / (1 + correlation);
}
