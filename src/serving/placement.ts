/**
 * Which ingress thread gets a connection. Game servers keep a few connections open for hours, so
 * what counts is that they are spread evenly from the start: a hash of their ports (SO_REUSEPORT)
 * would put four of them on one of two threads one time in eight (docs/decisions).
 */

/**
 * The thread with the fewest connections; of several the one with the fewest callers waiting.
 * @param connections by thread.
 * @param waiting claims whose callers wait, by thread.
 */
export function leastLoaded(connections: ArrayLike<number>, waiting: ArrayLike<number>): number {
  let best = 0;
  for (let thread = 1; thread < connections.length; thread += 1) {
    const fewer = connections[thread] - connections[best];
    if (fewer < 0 || (fewer === 0 && waiting[thread] < waiting[best])) best = thread;
  }
  return best;
}
