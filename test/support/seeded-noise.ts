/** Noise by a seed, so that a test says the same each time. */

/** Numbers from 0 to 1, by the generator of Numerical Recipes. */
export function uniformNoise(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Mean 0, deviation 1 (Irwin–Hall of 12). */
export function normalNoise(seed: number): () => number {
  const uniform = uniformNoise(seed);
  return () => Array.from({ length: 12 }, uniform).reduce((sum, value) => sum + value, -6);
}
