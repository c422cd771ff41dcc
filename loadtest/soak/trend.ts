/**
 * Whether something grows with time: the slope of a straight line through its samples, with an
 * interval that owns up to samples that resemble their neighbours.
 *
 * Samples that follow each other closely say less than as many independent ones. Their effective
 * number is n (1 − r) / (1 + r), r being the correlation of each residual with the next; standard
 * error and degrees of freedom are those of so many samples. Source: B. D. Santer et al.,
 * "Statistical significance of trends and trend differences in layer-average atmospheric
 * temperature time series", Journal of Geophysical Research 105 (2000), equations 4 to 6.
 */
import { mean, slope } from '../measure/statistics.ts';

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

/** The greatest correlation of neighbours that is reckoned with, for beyond it no sample counts. */
const CORRELATION_MAX = 0.99;
/** Degrees of freedom from which on the quantile below holds to half a percent. */
const FREEDOM_MIN = 4;

/** The line of least squares through (x, y), x in ascending order. */
export function trend(points: readonly (readonly [x: number, y: number])[]): Trend {
  const samples = points.length;
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const fitted = slope(xs, ys);
  const [meanX, meanY] = [mean(xs), mean(ys)];
  const residuals = points.map(([x, y]) => y - meanY - fitted * (x - meanX));
  const effectiveSamples = effectiveCount(residuals);
  const freedom = effectiveSamples - 2;
  const spreadX = sumOfSquares(xs.map((x) => x - meanX));
  if (freedom < FREEDOM_MIN || spreadX === 0) {
    return { slope: fitted, low: -Infinity, high: Infinity, samples, effectiveSamples };
  }
  const standardError = Math.sqrt(sumOfSquares(residuals) / freedom / spreadX);
  const reach = studentQuantile975(freedom) * standardError;
  return { slope: fitted, low: fitted - reach, high: fitted + reach, samples, effectiveSamples };
}

export function verdict({ low, high }: Trend, most: number): Verdict {
  if (low > most) return 'grows';
  return high <= most ? 'flat' : 'undecided';
}

/** Never more than there are: neighbours that differ more than chance has it add nothing. */
function effectiveCount(residuals: readonly number[]): number {
  const squares = sumOfSquares(residuals);
  if (squares === 0) return residuals.length;
  const products = residuals.slice(1).reduce((sum, residual, i) => sum + residual * residuals[i], 0);
  const correlation = Math.min(Math.max(products / squares, 0), CORRELATION_MAX);
  return (residuals.length * (1 - correlation)) / (1 + correlation);
}

/**
 * The 97.5 % quantile of Student's t, from that of the normal distribution. Source: Abramowitz and
 * Stegun, Handbook of Mathematical Functions, formula 26.7.5.
 */
export function studentQuantile975(freedom: number): number {
  const z = 1.959964;
  const terms = [
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
    (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92_160,
  ];
  return terms.reduce((sum, term, i) => sum + term / freedom ** (i + 1), z);
}

function sumOfSquares(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value ** 2, 0);
}
