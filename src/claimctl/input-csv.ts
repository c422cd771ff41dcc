/** Items from CSV: a header with claim_id and player_id, perhaps timestamp_ms, in any order. */
import { pipeline, Readable } from 'node:stream';
import { CsvError, type Info, parse } from 'csv-parse';
import { InputError } from './exit-codes.ts';
import { type InputItem, isInt64, LINE_MAX_BYTES, type TextBlock, timestampProblem } from './input-item.ts';

const REQUIRED = ['claim_id', 'player_id'];
const TIMESTAMP = 'timestamp_ms';
const EXPECTED = `${REQUIRED.join(',')}[,${TIMESTAMP}]`;

/** Where each column stands. */
interface Columns {
  readonly count: number;
  readonly claimId: number;
  readonly playerId: number;
  /** −1 where there is none. */
  readonly timestamp: number;
}

/** @param name of the source, for messages. @throws InputError */
export async function* csvItems(name: string, blocks: AsyncIterable<TextBlock>): AsyncGenerator<InputItem> {
  let columns: Columns | null = null;
  for await (const { record, info } of records(name, blocks)) {
    if (columns === null) columns = readHeader(name, info.lines, record);
    else yield { line: info.lines, item: readRecord(name, info.lines, record, columns) };
  }
  if (columns === null) throw new InputError(name, null, `empty; a header ${EXPECTED} is expected`);
}

interface CsvRecord {
  readonly record: readonly string[];
  readonly info: Info;
}

async function* records(name: string, blocks: AsyncIterable<TextBlock>): AsyncGenerator<CsvRecord> {
  const parser = parse({
    info: true,
    // Counted by readRecord, so that the message is ours and the items before are still sent.
    relax_column_count: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n'],
    max_record_size: LINE_MAX_BYTES,
  });
  // A failure of the source ends the parser with it, and so arrives below.
  pipeline(Readable.from(textOf(blocks)), parser, () => undefined);
  try {
    yield* parser;
  } catch (error) {
    throw error instanceof CsvError ? malformed(name, error) : error;
  }
}

async function* textOf(blocks: AsyncIterable<TextBlock>): AsyncGenerator<string> {
  for await (const { text } of blocks) yield text;
}

function malformed(name: string, error: CsvError): InputError {
  const { lines } = error;
  return new InputError(name, typeof lines === 'number' ? lines : null, error.message);
}

function readHeader(name: string, line: number, header: readonly string[]): Columns {
  const known = header.every((column) => column === TIMESTAMP || REQUIRED.includes(column));
  const complete = REQUIRED.every((column) => header.includes(column));
  if (!known || !complete || new Set(header).size < header.length) {
    throw new InputError(name, line, `the header ${JSON.stringify(header.join(','))} is not ${EXPECTED}`);
  }
  return {
    count: header.length,
    claimId: header.indexOf('claim_id'),
    playerId: header.indexOf('player_id'),
    timestamp: header.indexOf(TIMESTAMP),
  };
}

function readRecord(
  name: string,
  line: number,
  record: readonly string[],
  columns: Columns,
): InputItem['item'] {
  if (record.length !== columns.count) {
    throw new InputError(name, line, `${record.length} fields where the header has ${columns.count}`);
  }
  const ids = { claim_id: record[columns.claimId], player_id: record[columns.playerId] };
  const timestamp = columns.timestamp < 0 ? '' : record[columns.timestamp];
  if (timestamp === '') return ids;
  if (!isInt64(timestamp)) throw new InputError(name, line, timestampProblem(JSON.stringify(timestamp)));
  return { ...ids, timestamp_ms: timestamp };
}
