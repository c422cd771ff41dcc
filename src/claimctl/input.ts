/**
 * The input of a batch: bytes of a file or of standard input → checked text → items with the line
 * each stands in. Streamed: no more is in memory than a chunk and an unfinished line. Whatever is
 * malformed ends the reading with an InputError that names file and line.
 */
import { isUtf8 } from 'node:buffer';
import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { InputError } from './exit-codes.ts';
import { csvItems } from './input-csv.ts';
import { type InputItem, LINE_MAX_BYTES, type TextBlock } from './input-item.ts';
import { ndjsonItems } from './input-ndjson.ts';

export const INPUT_FORMATS = ['csv', 'ndjson'] as const;
export type InputFormat = (typeof INPUT_FORMATS)[number];

/** Names standard input on the command line. */
export const STDIN = '-';

export interface Source {
  /** For messages: a path, or "standard input". */
  readonly name: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Of a file; null for standard input. */
  readonly stats: Stats | null;
}

/**
 * Opens nothing yet: the bytes do, when they are first asked for.
 * @param signal aborts the reading, also while it waits.
 * @throws InputError where there is no such file.
 */
export async function sourceOf(path: string, stdin: Readable, signal: AbortSignal): Promise<Source> {
  if (path === STDIN) {
    const name = 'standard input';
    return { name, bytes: bytesOf(() => stdin, name, signal), stats: null };
  }
  const stats = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  return { name: path, bytes: bytesOf(() => createReadStream(path), path, signal), stats };
}

async function* bytesOf(
  open: () => Readable,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* addAbortSignal(signal, open());
  } catch (error) {
    throw signal.aborted ? error : unreadable(name, error);
  }
}

function unreadable(name: string, error: unknown): InputError {
  const why = error instanceof Error && 'code' in error ? error.code : error;
  return new InputError(name, null, `can't be read (${why})`);
}

/**
 * @param format told from the name, or else the first byte, where undefined.
 * @param onProgress called with the number of bytes read so far.
 * @throws InputError
 */
export async function* readItems(
  source: Source,
  format: InputFormat | undefined,
  onProgress: (bytesRead: number) => void,
): AsyncGenerator<InputItem, void> {
  const blocks = utf8Blocks(source, onProgress);
  const first = await blocks.next();
  const told = format ?? formatOf(source.name, first.done ? '' : first.value.text);
  const all = resumed(first, blocks);
  yield* told === 'csv' ? csvItems(source.name, all) : ndjsonItems(source.name, all);
}

function formatOf(name: string, text: string): InputFormat {
  if (/\.csv$/i.test(name)) return 'csv';
  if (/\.(?:ndjson|jsonl)$/i.test(name)) return 'ndjson';
  return text.startsWith('{') ? 'ndjson' : 'csv';
}

async function* resumed<T>(first: IteratorResult<T>, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    if (first.done) return;
    yield first.value;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = '\ufeff';

/**
 * Checked here and not by a decoder, since those put U+FFFD for what is no UTF-8: the server would
 * be asked for a claim that nobody made.
 */
async function* utf8Blocks(source: Source, onProgress: (bytes: number) => void): AsyncGenerator<TextBlock> {
  let rest: Uint8Array = new Uint8Array(0);
  let firstLine = 1;
  let bytesRead = 0;
  for await (const chunk of source.bytes) {
    bytesRead += chunk.byteLength;
    onProgress(bytesRead);
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) {
      const whole = Buffer.concat([rest, chunk.subarray(0, end)]);
      yield { text: decode(source.name, whole, firstLine), firstLine };
      firstLine += linesIn(whole);
      rest = chunk.subarray(end);
    } else {
      rest = Buffer.concat([rest, chunk]);
    }
    if (rest.byteLength > LINE_MAX_BYTES) {
      throw new InputError(source.name, firstLine, `longer than ${LINE_MAX_BYTES} bytes`);
    }
  }
  if (rest.byteLength > 0) yield { text: decode(source.name, Buffer.from(rest), firstLine), firstLine };
}

function decode(name: string, bytes: Buffer, firstLine: number): string {
  if (!isUtf8(bytes)) throw new InputError(name, firstLine + lineOfBadByte(bytes), 'not UTF-8');
  const text = bytes.toString('utf8');
  return firstLine === 1 && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

function linesIn(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines += 1;
  return lines;
}

/** Lines before the first that is not UTF-8, where one is not: no character spans a line break. */
function lineOfBadByte(bytes: Buffer): number {
  let line = 0;
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    if (!isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
    line += 1;
  }
  return line;
}
