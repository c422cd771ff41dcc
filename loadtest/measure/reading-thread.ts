/**
 * Reads a registry in Redis again and again until it is told to end, in one of three ways, and
 * then posts how long its calls took (LatencySummary). A thread of its own, as the reader would be
 * another replica or another program: it costs Redis, not its starter.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { Redis } from 'ioredis';
import { systemClock } from '../../src/clock/clock.ts';
import { Hydrator } from '../../src/coordinator/hydrator.ts';
import { SCAN_PAGE_RECORDS } from '../../src/limits.ts';
import type { ScanCursor } from '../../src/store/store.ts';
import { LatencyHistogram } from './latency.ts';
import { MeasuredRegistry, type RedisPlace } from './redis-registry.ts';

export interface ReadingTask {
  readonly redis: RedisPlace;
  readonly way: 'script' | 'pages' | 'hydration';
}

/** Between two readings of the whole registry by script or pages, as of a reader that runs often. */
const READ_EVERY_MS = 50;

/** As the predecessor read its registry: every field in one call, looked at in Lua. */
const READ_ALL = `
local claims = redis.call('HGETALL', KEYS[1])
local pending = 0
for i = 2, #claims, 2 do
  if string.byte(claims[i]) == 80 then pending = pending + 1 end
end
return pending`;

const latency = new LatencyHistogram();

async function timed<T>(call: () => Promise<T>): Promise<T> {
  const startUs = systemClock.monotonicUs();
  const result = await call();
  latency.record(systemClock.monotonicUs() - startUs);
  return result;
}

/** One reading of the whole registry in the way that is asked for. */
function reader({ redis, way }: ReadingTask, registry: MeasuredRegistry): () => Promise<void> {
  if (way === 'script') {
    const client = new Redis({ host: redis.host, port: redis.port });
    return async () => {
      await timed(() => client.eval(READ_ALL, 1, `${redis.keyPrefix}claim_registry`));
      await sleep(READ_EVERY_MS);
    };
  }
  if (way === 'pages') {
    return async () => {
      let cursor: ScanCursor | null = null;
      do {
        const from: ScanCursor | null = cursor;
        cursor = (await timed(() => registry.store.scan(from, SCAN_PAGE_RECORDS))).next;
      } while (cursor !== null);
      await sleep(READ_EVERY_MS);
    };
  }
  const segments = { learn: async () => undefined };
  const hydrator = new Hydrator(registry.store, segments, systemClock, () => undefined);
  return () => hydrator.fill(timed, () => true);
}

async function main(task: ReadingTask): Promise<void> {
  if (parentPort === null) throw new Error('this is a thread, not a program');
  const registry = await MeasuredRegistry.open(task.redis, 1);
  const read = reader(task, registry);
  let told = false;
  const ended = once(parentPort, 'message').then(() => {
    told = true;
  });
  parentPort.postMessage('reading');
  while (!told) await read();
  await ended;
  await registry.close();
  parentPort.postMessage(latency.summary());
  // The client of the script would keep the thread.
  process.exit(0);
}

await main(workerData as ReadingTask);
