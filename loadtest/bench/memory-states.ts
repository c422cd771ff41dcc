/** Memory of a server in each of the states it is compared in: at start, idle with claims, under load. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { builtProgram } from '../measure/built-programs.ts';
import type { HeapSpaces } from '../measure/heap-spaces.ts';
import { applyLoad, type LoadSpec, requireOutcomes } from '../measure/measure.ts';
import type { MeasuredServer } from '../measure/servers.ts';
import { type ProcessMemory, readMemory } from '../measure/smaps.ts';

/** Memory of a process, with what V8 holds for the main thread. */
export interface ServerMemory extends ProcessMemory, HeapSpaces {
  /** That it answered meanwhile. */
  readonly claimsPerS: number;
}

/** Starts a server that can be told Node's flags and environment. */
export type Starter = (
  execArgv: readonly string[],
  env: Readonly<Record<string, string>>,
) => Promise<MeasuredServer>;

export const CLAIMS_PER_S = 10_000;
export const LIVE_CLAIMS = 100_000;
export const FRAME_ITEMS = 100;
const CONNECTIONS = 8;
/** Calls or frames under way at most: what 200 ms of a stall leave; fewer than 256 streams a connection. */
const UNARY: LoadSpec = {
  workload: 'submit',
  connections: CONNECTIONS,
  rate: CLAIMS_PER_S,
  outstanding: CLAIMS_PER_S / 5,
};
const STREAM: LoadSpec = {
  stream: true,
  items: FRAME_ITEMS,
  connections: CONNECTIONS,
  rate: CLAIMS_PER_S / FRAME_ITEMS,
  outstanding: CLAIMS_PER_S / FRAME_ITEMS / 5,
};
/** Until as many claims are live as will be, and the heap has its size. */
const WARMUP_S = 12;
const SAMPLE_MS = 500;
/** Until a server that has nothing to do has done what it had. */
const SETTLE_MS = 2_000;
const FILL: LoadSpec = {
  workload: 'batch-submit',
  items: LIVE_CLAIMS / 100,
  calls: 100,
  outstanding: 4,
  connections: 2,
  seconds: 60,
};

export type LoadKind = 'unary' | 'stream';

/** Starts a server without tables, and reads its memory once it serves. */
export function startMemory(start: Starter): Promise<ServerMemory> {
  return watched(start, 0, async (_server, read) => {
    await sleep(SETTLE_MS);
    return read();
  });
}

/** Starts a server, and reads its memory once it serves, and after it was filled with live claims. */
export function idleMemory(start: Starter, claimTableBytes: number): Promise<ServerMemory[]> {
  return watched(start, claimTableBytes, async (server, read) => {
    await sleep(SETTLE_MS);
    const atStart = await read();
    requireOutcomes(await applyLoad(server.address, FILL), ['ACCEPTED']);
    await sleep(SETTLE_MS);
    return [atStart, await read()];
  });
}

/** Starts a server, and reads its memory under load: the sample of the median RSS over so many seconds. */
export function loadedMemory(
  start: Starter,
  kind: LoadKind,
  seconds: number,
  claimTableBytes: number,
): Promise<ServerMemory> {
  return watched(start, claimTableBytes, async (server, read) => {
    const samples: ServerMemory[] = [];
    const load = applyLoad(server.address, {
      ...(kind === 'unary' ? UNARY : STREAM),
      warmupS: 0,
      seconds: WARMUP_S + seconds,
    });
    await sleep(WARMUP_S * 1_000);
    for (let ms = 0; ms < seconds * 1_000; ms += SAMPLE_MS) {
      samples.push(await read());
      await sleep(SAMPLE_MS);
    }
    const result = await load;
    // Calls that a stall left out are no fault of a measurement of memory; how many came is told.
    requireOutcomes({ ...result, skipped: 0 }, ['ACCEPTED']);
    samples.sort((a, b) => a.rssBytes - b.rssBytes);
    return { ...samples[Math.floor(samples.length / 2)], claimsPerS: result.claimsPerS };
  });
}

/** Runs a server whose main thread tells of its heap, and `work` with a reader of its memory. */
async function watched<T>(
  start: Starter,
  claimTableBytes: number,
  work: (server: MeasuredServer, read: () => Promise<ServerMemory>) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'memory-'));
  const file = join(folder, 'heap-spaces.json');
  try {
    const preload = await builtProgram('loadtest/measure/heap-spaces.ts');
    const server = await start(['--import', preload], { HEAP_SPACES_FILE: file });
    try {
      return await work(server, async () => ({
        ...(await readMemory(server.pid, claimTableBytes)),
        ...(JSON.parse(await readFile(file, 'utf8')) as HeapSpaces),
        claimsPerS: 0,
      }));
    } finally {
      await server.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
