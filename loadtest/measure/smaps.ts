/**
 * What a process's resident memory is, by the kernel's list of its mappings (/proc/PID/smaps, proc(5)).
 *
 * Pages of files (the node binary above all) are resident in every process that runs it and are there
 * once; they can be dropped and read again. V8 maps its built-in code once more into every isolate
 * that has room for it near its code, and RSS counts each of those.
 */
import { readFile } from 'node:fs/promises';

const BYTES_PER_KB = 1_024;
/** glibc gives each arena of malloc but the first a place at a multiple of this, and so much at most. */
const ARENA_BYTES = 64 << 20;

export interface Mapping {
  readonly address: number;
  /** A file, a name in brackets such as "[heap]", or empty. */
  readonly name: string;
  /** Such as "rw-p". */
  readonly permissions: string;
  readonly sizeBytes: number;
  readonly rssBytes: number;
  /** Pages that no file backs any more, or ever did. */
  readonly anonymousBytes: number;
}

/** Resident bytes; `fileBytes` and `anonymousBytes` are all of `rssBytes`, and the rest parts of the latter. */
export interface ProcessMemory {
  readonly rssBytes: number;
  readonly fileBytes: number;
  readonly anonymousBytes: number;
  /** Touched pages of the mapping that holds the claim table. */
  readonly tableBytes: number;
  /** malloc's arenas: the first and those of other threads. */
  readonly mallocBytes: number;
}

/** @throws Error where the text is not that of smaps. */
export function parseSmaps(text: string): Mapping[] {
  return text
    .split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    .filter((part) => part !== '')
    .map(parseMapping);
}

function parseMapping(text: string): Mapping {
  const [, address, permissions, name] =
    /^([0-9a-f]+)-[0-9a-f]+ (\S{4}) [0-9a-f]+ \S+ \d+ *(.*)$/m.exec(text.slice(0, text.indexOf('\n'))) ?? [];
  if (permissions === undefined) throw new Error(`not a mapping of smaps: ${text.slice(0, 100)}`);
  return {
    // Below 2^47, as all addresses of programs.
    address: Number.parseInt(address, 16),
    name,
    permissions,
    sizeBytes: kilobytes(text, 'Size'),
    rssBytes: kilobytes(text, 'Rss'),
    anonymousBytes: kilobytes(text, 'Anonymous'),
  };
}

function kilobytes(text: string, field: string): number {
  const found = new RegExp(`^${field}: +(\\d+) kB$`, 'm').exec(text);
  if (found === null) throw new Error(`a mapping of smaps without ${field}: ${text.slice(0, 100)}`);
  return Number(found[1]) * BYTES_PER_KB;
}

/**
 * @param tableBytes of the claim table as it was allocated; 0: there is none. It lies in the smallest
 * mapping that is large enough, together with what was mapped beside it (entries).
 */
export function memoryOf(mappings: readonly Mapping[], tableBytes: number): ProcessMemory {
  const rssBytes = sum(mappings, (mapping) => mapping.rssBytes);
  const anonymousBytes = sum(mappings, (mapping) => mapping.anonymousBytes);
  const table = tableBytes === 0 ? undefined : tableMapping(mappings, tableBytes);
  const malloc = mappings.filter((mapping) => mapping !== table && isMalloc(mapping));
  return {
    rssBytes,
    fileBytes: rssBytes - anonymousBytes,
    anonymousBytes,
    tableBytes: table?.rssBytes ?? 0,
    mallocBytes: sum(malloc, (mapping) => mapping.rssBytes),
  };
}

function isMalloc({ name, permissions, address, sizeBytes }: Mapping): boolean {
  if (name === '[heap]') return true;
  return name === '' && permissions === 'rw-p' && address % ARENA_BYTES === 0 && sizeBytes <= ARENA_BYTES;
}

function tableMapping(mappings: readonly Mapping[], tableBytes: number): Mapping | undefined {
  return mappings
    .filter(({ name, permissions }) => name === '' && permissions === 'rw-p')
    .filter(({ sizeBytes }) => sizeBytes >= tableBytes)
    .sort((a, b) => a.sizeBytes - b.sizeBytes)[0];
}

function sum(mappings: readonly Mapping[], bytes: (mapping: Mapping) => number): number {
  return mappings.reduce((total, mapping) => total + bytes(mapping), 0);
}

/** @throws Error where there is no such process. */
export async function readMemory(pid: number, tableBytes: number): Promise<ProcessMemory> {
  return memoryOf(parseSmaps(await readFile(`/proc/${pid}/smaps`, 'latin1')), tableBytes);
}
