/** Figures of several rounds, as one. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @throws Error where there are no values. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error('no values to take the median of');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

/** `value` against `floor` over the same rounds: the ratio of medians; least and greatest of the rounds'. */
export function ratioSpread(value: readonly number[], floor: readonly number[]): Spread {
  const ratios = spread(value.map((v, round) => v / floor[round]));
  return { ...ratios, median: spread(value).median / spread(floor).median };
}

/** Slope of the line of least squares through (x, y), in units of y per unit of x. */
export function slope(xs: readonly number[], ys: readonly number[]): number {
  const meanX = mean(xs);
  const meanY = mean(ys);
  const covariance = xs.reduce((sum, x, i) => sum + (x - meanX) * (ys[i] - meanY), 0);
  const variance = xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0);
  return variance === 0 ? 0 : covariance / variance;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
