/**
 * Preloaded (`--import`, bundled) into a server whose memory is measured: writes what V8 holds for the
 * main thread (HeapSpaces) to the file HEAP_SPACES_FILE, anew every half second.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { getHeapSpaceStatistics } from 'node:v8';
import { isMainThread } from 'node:worker_threads';

const EVERY_MS = 500;

/** Resident bytes of the main thread's heap. */
export interface HeapSpaces {
  readonly heapBytes: number;
  /** Of those, the young generation. */
  readonly youngBytes: number;
}

function read(): HeapSpaces {
  const spaces = getHeapSpaceStatistics();
  const bytes = (of: typeof spaces): number => of.reduce((sum, space) => sum + space.physical_space_size, 0);
  return {
    heapBytes: bytes(spaces),
    youngBytes: bytes(spaces.filter(({ space_name }) => space_name.startsWith('new_'))),
  };
}

const { HEAP_SPACES_FILE: file } = process.env;
if (isMainThread && file !== undefined) {
  // Another process reads it at any time: it is whole at every moment.
  const write = (): void => {
    writeFileSync(`${file}.new`, JSON.stringify(read()));
    renameSync(`${file}.new`, file);
  };
  setInterval(write, EVERY_MS).unref();
  write();
}
