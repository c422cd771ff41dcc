/**
 * Preloaded (`--import`) into a claimd whose clock is to be wrong: it runs CLOCK_AHEAD_MS ahead until
 * SIGUSR2, which sets it right, and wrong again with the next.
 */
import { isMainThread } from 'node:worker_threads';

const aheadMs = Number(process.env['CLOCK_AHEAD_MS']);
const rightNow = Date.now;
let isWrong = process.env['CLOCK_BEGINS'] === 'wrong';

// Decisions depend on the main thread's clock alone; signals arrive there alone.
if (isMainThread) {
  Date.now = () => rightNow() + (isWrong ? aheadMs : 0);
  process.on('SIGUSR2', () => {
    isWrong = !isWrong;
  });
}
