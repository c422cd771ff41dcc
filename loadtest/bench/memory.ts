/**
 * Where each megabyte of resident memory goes, on SQLite and on Redis, beside a bare grpc-js echo with
 * the same threads, flags and load.
 */
import { START_FLAGS } from '../../test/support/claimd.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import { EVERYSEC } from '../measure/redis-registry.ts';
import { claimdServer, echoServer } from '../measure/servers.ts';
import { spread } from '../measure/statistics.ts';
import type { BenchContext, BenchModule, BenchResult, BenchRow, Table } from './bench-module.ts';
import { libraryTable, measureRuntime, megabytes, threadRows } from './memory-parts.ts';
import { IDLE, type Settings, tableMemory, UNDER_LOAD } from './memory-settings.ts';
import {
  CLAIMS_PER_S,
  FRAME_ITEMS,
  idleMemory,
  LIVE_CLAIMS,
  type LoadKind,
  loadedMemory,
  type ServerMemory,
  type Starter,
  startMemory,
} from './memory-states.ts';
import { spreadRow } from './rows.ts';

/** Of the issue: beside the echo, and the figure of the first rebuild. */
const UNARY_OVER_ECHO = 1.3;
const STREAM_MB_GOAL = { atMost: 89 };

export const memory: BenchModule = {
  name: 'memory',
  title: `resident memory by part: at start, with ${LIVE_CLAIMS} live claims, at ${CLAIMS_PER_S} claims/s by unary calls and in frames of ${FRAME_ITEMS}, 90,000 to 100,000 live; CLAIMS_TABLE_CAPACITY=${2 ** 17}, one ingress thread`,
  byDefault: true,
  run,
};

/** Memory of one server: of each state a sample a round. */
interface Measured {
  readonly name: string;
  readonly states: ReadonlyMap<string, readonly ServerMemory[]>;
}

async function run(context: BenchContext): Promise<BenchResult> {
  const redis = await startRedis(EVERYSEC);
  // Each start has a registry of its own.
  let starts = 0;
  const onRedis = () => {
    starts += 1;
    return { CLAIMS_STORE: redis.url, CLAIMS_REDIS_KEY_PREFIX: `memory-${starts}:` };
  };
  try {
    const runtime = await measureRuntime();
    const servers = [
      await measureServer('echo', echoStates(), context),
      await measureServer(
        'claimd on SQLite',
        claimdStates(() => ({})),
        context,
      ),
      await measureServer('claimd on Redis', claimdStates(onRedis), context),
    ];
    const [echo, ...claimds] = servers;
    return {
      rows: [runtime, ...claimds.flatMap((claimd) => goalRows(echo, claimd)), ...(await threadRows(IDLE))],
      tables: [...servers.map(partTable), await libraryTable()],
    };
  } finally {
    await redis.stop();
  }
}

/** How each state is measured once; of each the samples it gives, by the names of the states. */
type States = readonly ((seconds: number) => Promise<readonly (readonly [string, ServerMemory])[]>)[];

const AT_START = 'at start';
const IDLE_STATE = `${LIVE_CLAIMS} live, idle`;
const UNARY_STATE = `${CLAIMS_PER_S}/s unary`;
const STREAM_STATE = `${CLAIMS_PER_S}/s by stream`;

function echoStates(): States {
  const starter =
    (batchItems: number): Starter =>
    (execArgv, env) =>
      echoServer('echo', { batchItems, execArgv: [...START_FLAGS, ...execArgv], env }).start();
  return [
    async () => [[AT_START, await startMemory(starter(1))]],
    async (seconds) => [[UNARY_STATE, await loadedMemory(starter(1), 'unary', seconds, 0)]],
    async (seconds) => [[STREAM_STATE, await loadedMemory(starter(FRAME_ITEMS), 'stream', seconds, 0)]],
  ];
}

/** @param storeEnv the settings of the store for another start. */
function claimdStates(storeEnv: () => Settings): States {
  const starter =
    (settings: Settings): Starter =>
    (execArgv, env) =>
      claimdServer('claimd', { execArgv, env: { ...settings, ...storeEnv(), ...env } }).start();
  const loaded = (kind: LoadKind, seconds: number) =>
    loadedMemory(starter(UNDER_LOAD), kind, seconds, tableMemory(UNDER_LOAD).claimTableBytes);
  return [
    async () => {
      const [atStart, idle] = await idleMemory(starter(IDLE), tableMemory(IDLE).claimTableBytes);
      return [
        [AT_START, atStart],
        [IDLE_STATE, idle],
      ];
    },
    async (seconds) => [[UNARY_STATE, await loaded('unary', seconds)]],
    async (seconds) => [[STREAM_STATE, await loaded('stream', seconds)]],
  ];
}

async function measureServer(name: string, states: States, context: BenchContext): Promise<Measured> {
  const samples: (readonly [string, ServerMemory])[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    for (const state of states) {
      for (const sample of await state(context.seconds)) {
        context.say(`${name}, ${sample[0]}: ${megabytes(sample[1].rssBytes)} MB`);
        samples.push(sample);
      }
    }
  }
  const byState = Map.groupBy(samples, ([state]) => state);
  return { name, states: new Map([...byState].map(([state, all]) => [state, all.map(([, one]) => one)])) };
}

function goalRows(echo: Measured, claimd: Measured): BenchRow[] {
  const tableMb = tableMemory(UNDER_LOAD).allBytes / 1e6;
  const echoMb = (state: string) => medianMb(echo, state, (memory) => memory.rssBytes);
  const rssRow = (state: string, extra: Partial<BenchRow>) =>
    spreadRow(`${claimd.name}, RSS at ${state}`, rssSpread(claimd, state), 'MB', extra);
  const floorMb = echoMb(UNARY_STATE);
  const answered = (state: string) => `${answeredPerS(claimd, state)} claims/s were answered`;
  return [
    rssRow(UNARY_STATE, {
      goal: { atMost: UNARY_OVER_ECHO * floorMb + tableMb },
      note: `goal: ${UNARY_OVER_ECHO} × the echo's ${floorMb.toFixed(1)} MB, and ${tableMb.toFixed(1)} MB of tables; ${answered(UNARY_STATE)}`,
    }),
    rssRow(STREAM_STATE, {
      goal: STREAM_MB_GOAL,
      note: `the echo takes ${echoMb(STREAM_STATE).toFixed(1)} MB, tables ${tableMb.toFixed(1)} MB; ${answered(STREAM_STATE)}`,
    }),
    {
      measure: `${claimd.name}, of it pages of files at ${STREAM_STATE}`,
      value: medianMb(claimd, STREAM_STATE, (memory) => memory.fileBytes),
      unit: 'MB',
      note: 'the node binary: there once for all processes that run it',
    },
  ];
}

function rssSpread({ states }: Measured, state: string) {
  return spread(samplesOf(states, state).map((memory) => memory.rssBytes / 1e6));
}

function medianMb({ states }: Measured, state: string, part: (memory: ServerMemory) => number): number {
  return spread(samplesOf(states, state).map((memory) => part(memory) / 1e6)).median;
}

/** 0 where there was no load. */
function answeredPerS({ states }: Measured, state: string): string {
  return spread(samplesOf(states, state).map((memory) => memory.claimsPerS)).median.toFixed(0);
}

function samplesOf(states: Measured['states'], state: string): readonly ServerMemory[] {
  const samples = states.get(state);
  if (samples === undefined) throw new Error(`nothing was measured ${state}`);
  return samples;
}

/** Parts of a server's memory, a column for each state. */
function partTable(server: Measured): Table {
  const states = [...server.states.keys()];
  const row = ([name, part]: readonly [string, (memory: ServerMemory) => number]) => [
    name,
    ...states.map((state) => medianMb(server, state, part).toFixed(1)),
  ];
  const answered = states.map((state) => answeredPerS(server, state));
  return {
    title: `${server.name}, MB`,
    columns: ['part', ...states],
    rows: [...PARTS.map(row), ['claims/s answered', ...answered]],
  };
}

/** In the order of a column; those after the first add up to it. */
const PARTS: readonly (readonly [string, (memory: ServerMemory) => number])[] = [
  ['RSS', (memory) => memory.rssBytes],
  ['pages of files (node binary)', (memory) => memory.fileBytes],
  ['tables, pages touched', (memory) => memory.tableBytes],
  ["main thread's heap, old", (memory) => memory.heapBytes - memory.youngBytes],
  ["main thread's heap, young", (memory) => memory.youngBytes],
  ['malloc', (memory) => memory.mallocBytes],
  ["the rest: other threads' heaps and stacks, large pieces of malloc", restBytes],
];

function restBytes(memory: ServerMemory): number {
  return memory.anonymousBytes - memory.tableBytes - memory.heapBytes - memory.mallocBytes;
}
