/**
 * Preloaded (`--import`) into every program that tests and load tests start: ends it at once when
 * the process that started it is gone, however that ended, so that no server outlives its test.
 * The parent holds the other end of an IPC channel; the kernel closes it with the parent.
 * JavaScript, since loading Node's type stripper for it would add 25 MB to a program that is measured.
 */
import { isMainThread } from 'node:worker_threads';

if (isMainThread && process.channel !== undefined) {
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  // The channel must not keep a program alive that has nothing left to do.
  process.channel.unref();
}
