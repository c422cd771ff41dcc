/** What the parts of a process take that can be had by themselves: Node, each library, a thread more. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { START_FLAGS } from '../../test/support/claimd.ts';
import { startProgram } from '../../test/support/program.ts';
import { builtProgram, emptyProgram } from '../measure/built-programs.ts';
import type { LibraryMemory } from '../measure/library-memory.ts';
import { claimdServer } from '../measure/servers.ts';
import { type ProcessMemory, readMemory } from '../measure/smaps.ts';
import type { BenchRow, Table } from './bench-module.ts';
import type { Settings } from './memory-settings.ts';
import { startMemory } from './memory-states.ts';

/** Threads of a kind that a process is given more than another, whose memory is their difference. */
const THREADS_MORE = 4;

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** Node with a program that does nothing. */
export async function measureRuntime(): Promise<BenchRow> {
  const { program } = await startProgram({ file: await emptyProgram(), execArgv: START_FLAGS });
  try {
    const { rssBytes, fileBytes } = await readMemory(program.pid, 0);
    const note = `${megabytes(fileBytes)} MB of it pages of files`;
    return { measure: 'Node alone, RSS', value: rssBytes / 1e6, unit: 'MB', note };
  } finally {
    await program.stop();
  }
}

/** What each library adds, loaded one after the other in one process. */
export async function libraryTable(): Promise<Table> {
  const file = await builtProgram('loadtest/measure/library-memory.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [...START_FLAGS, file]);
  const lines = stdout.trimEnd().split('\n');
  const loaded = lines.map((line): LibraryMemory => JSON.parse(line));
  return {
    title: 'Libraries, loaded one after the other, MB',
    columns: ['library', 'RSS more', 'of it anonymous', 'RSS'],
    rows: loaded
      .slice(1)
      .map((after, index) => [
        after.library,
        megabytes(after.rssBytes - loaded[index].rssBytes),
        megabytes(after.anonymousBytes - loaded[index].anonymousBytes),
        megabytes(after.rssBytes),
      ]),
  };
}

/** What one thread more of each kind takes in a claimd that has nothing to do. */
export async function threadRows(settings: Settings): Promise<BenchRow[]> {
  const row = async (measure: string, few: Settings, many: Settings): Promise<BenchRow> => {
    const less = await claimdMemory({ ...settings, ...few });
    const more = await claimdMemory({ ...settings, ...many });
    const anonymousBytes = (more.anonymousBytes - less.anonymousBytes) / THREADS_MORE;
    const value = (more.rssBytes - less.rssBytes) / THREADS_MORE / 1e6;
    return { measure, value, unit: 'MB', note: `${megabytes(anonymousBytes)} MB of it anonymous` };
  };
  return [
    await row('one segment worker more', workers(1), workers(1 + THREADS_MORE)),
    await row('one ingress thread more', ingress(2), ingress(2 + THREADS_MORE)),
  ];
}

function workers(count: number): Settings {
  return { CLAIMS_WORKERS: String(count) };
}

function ingress(count: number): Settings {
  return { CLAIMS_WORKERS: '1', CLAIMS_INGRESS_THREADS: String(count) };
}

function claimdMemory(settings: Settings): Promise<ProcessMemory> {
  return startMemory((execArgv, env) =>
    claimdServer('claimd', { execArgv, env: { ...settings, ...env } }).start(),
  );
}
