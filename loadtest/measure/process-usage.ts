/** What a process has used, as Linux counts it (proc(5)): CPU, of each thread too, and memory. */
import { readdir, readFile } from 'node:fs/promises';

/** /proc counts CPU in units of USER_HZ, 100 a second on every Linux that Node runs on. */
const US_PER_TICK = 10_000;

export interface ProcessUsage {
  /** User and system time of all threads, those that have ended too, microseconds. */
  readonly cpuUs: number;
  /** The same of the threads there are, by name; threads of one name together. */
  readonly threadsUs: ReadonlyMap<string, number>;
  readonly rssBytes: number;
  /** The most it has been since the process began. */
  readonly peakRssBytes: number;
}

/** @throws Error where there is no such process. */
export async function readProcessUsage(pid: number): Promise<ProcessUsage> {
  const [stat, status, threadsUs] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'latin1'),
    readFile(`/proc/${pid}/status`, 'latin1'),
    readThreads(pid),
  ]);
  return { cpuUs: parseStat(stat).cpuUs, threadsUs, ...parseStatus(status) };
}

async function readThreads(pid: number): Promise<Map<string, number>> {
  const ids = await readdir(`/proc/${pid}/task`);
  const stats = await Promise.all(ids.map((id) => readThreadStat(pid, id)));
  const threadsUs = new Map<string, number>();
  for (const { name, cpuUs } of stats.filter((stat) => stat !== undefined)) {
    threadsUs.set(name, (threadsUs.get(name) ?? 0) + cpuUs);
  }
  return threadsUs;
}

/** Undefined where the thread has just ended. */
async function readThreadStat(pid: number, id: string): Promise<Stat | undefined> {
  try {
    return parseStat(await readFile(`/proc/${pid}/task/${id}/stat`, 'latin1'));
  } catch (error) {
    const gone =
      error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
    if (gone) return undefined;
    throw error;
  }
}

interface Stat {
  /** Of the process or thread, at most 15 characters. */
  readonly name: string;
  readonly cpuUs: number;
}

/** Reads /proc/PID/stat, or that of a thread: `1234 (name) S …`, where the name may hold anything. */
export function parseStat(text: string): Stat {
  const nameEnd = text.lastIndexOf(')');
  const fields = text.slice(nameEnd + 2).split(' ');
  // Fields 14 and 15 of proc(5): utime and stime; the first after the name is field 3.
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (nameEnd < 0 || !Number.isFinite(ticks)) throw new Error(`not a /proc stat line: ${text}`);
  return { name: text.slice(text.indexOf('(') + 1, nameEnd), cpuUs: ticks * US_PER_TICK };
}

/** Reads VmRSS and VmHWM from /proc/PID/status. */
export function parseStatus(text: string): { rssBytes: number; peakRssBytes: number } {
  return { rssBytes: kilobytes(text, 'VmRSS') * 1024, peakRssBytes: kilobytes(text, 'VmHWM') * 1024 };
}

function kilobytes(status: string, name: string): number {
  const line = status.split('\n').find((text) => text.startsWith(`${name}:`));
  const value = Number(line?.slice(name.length + 1).replace('kB', ''));
  if (!Number.isFinite(value)) throw new Error(`no ${name} in a /proc status: the process has ended`);
  return value;
}
