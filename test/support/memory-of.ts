/** What a process holds of memory, as the kernel counts it. */
import { readFile } from 'node:fs/promises';

/** Resident bytes of a process. @throws Error where it has ended */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  if (found === null) throw new Error(`process ${pid} has no VmRSS: it has ended`);
  return Number(found[1]) * 1024;
}
