/** Ranks of values, and Spearman's correlation by them. */

/** By value: 0 the least; equal ones have the mean of the ranks that they take together. */
export function ranksOf(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const ranks = new Array<number>(values.length);
  for (let first = 0; first < order.length; ) {
    let next = first + 1;
    while (next < order.length && values[order[next]] === values[order[first]]) next += 1;
    for (let i = first; i < next; i += 1) ranks[order[i]] = (first + next - 1) / 2;
    first = next;
  }
  return ranks;
}

/**
 * How far one rises with the other, whatever the shape of the curve: −1 to 1. It is the correlation
 * of their ranks (C. Spearman, "The proof and measurement of association between two things",
 * American Journal of Psychology 15, 1904), so that a few values far from all others do not make it.
 *
 * @param x as many as `y`.
 * @returns undefined where one of them never changes, or there are fewer than two.
 */
export function rankCorrelation(x: readonly number[], y: readonly number[]): number | undefined {
  // The mean of the ranks of n values is the same whatever they are.
  const middle = (x.length - 1) / 2;
  const deviationsX = ranksOf(x).map((rank) => rank - middle);
  const deviationsY = ranksOf(y).map((rank) => rank - middle);
  const product = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, value, i) => sum + value * b[i], 0);
  const scale = Math.sqrt(product(deviationsX, deviationsX) * product(deviationsY, deviationsY));
  return scale === 0 ? undefined : product(deviationsX, deviationsY) / scale;
}
