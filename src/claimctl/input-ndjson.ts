/**
 * Items from NDJSON: an object per line with claim_id and player_id, perhaps timestamp_ms. The
 * further keys of a rejects file are passed over, so that one can be sent again as it is.
 *
 * Lines end with \n or \r\n alone. node:readline would also break them at U+2028 and U+2029, which
 * may stand in a JSON string, and would not report a failure of the source.
 */
import { InputError } from './exit-codes.ts';
import { type InputItem, isInt64, type TextBlock, timestampProblem } from './input-item.ts';

const IDS = ['claim_id', 'player_id'] as const;
const TIMESTAMP = 'timestamp_ms';
/** What batch-report.ts adds to an item it rejects. */
const OF_REJECTS = ['line', 'outcome', 'status', 'reason'];
const KNOWN: readonly string[] = [...IDS, TIMESTAMP, ...OF_REJECTS];

/** @param name of the source, for messages. @throws InputError */
export async function* ndjsonItems(
  name: string,
  blocks: AsyncIterable<TextBlock>,
): AsyncGenerator<InputItem> {
  for await (const { text, firstLine } of blocks) {
    let line = firstLine;
    for (const content of text.split('\n')) {
      if (content.trim() !== '') yield { line, item: readItem(name, line, content) };
      line += 1;
    }
  }
}

function readItem(name: string, line: number, content: string): InputItem['item'] {
  const object = readObject(name, line, content);
  const unknown = Object.keys(object).find((key) => !KNOWN.includes(key));
  if (unknown !== undefined) {
    throw new InputError(
      name,
      line,
      `unknown key ${JSON.stringify(unknown)}; allowed: ${[...IDS, TIMESTAMP].join(', ')}`,
    );
  }
  const ids = {
    claim_id: readId(name, line, object, 'claim_id'),
    player_id: readId(name, line, object, 'player_id'),
  };
  const timestamp = object[TIMESTAMP];
  if (timestamp === undefined || timestamp === null) return ids;
  return { ...ids, timestamp_ms: readTimestamp(name, line, timestamp) };
}

function readObject(name: string, line: number, content: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    throw new InputError(name, line, `not JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new InputError(name, line, 'not a JSON object');
}

function readId(
  name: string,
  line: number,
  object: Readonly<Record<string, unknown>>,
  key: (typeof IDS)[number],
): string {
  const id = object[key];
  if (typeof id !== 'string') {
    throw new InputError(name, line, `${key} is ${JSON.stringify(id) ?? 'absent'}; allowed: a string`);
  }
  // Half a surrogate pair has no UTF-8; sent, it would become another id.
  if (!id.isWellFormed()) throw new InputError(name, line, `${key} is not well-formed Unicode`);
  return id;
}

function readTimestamp(name: string, line: number, value: unknown): string {
  // Above 2^53 a JSON number is no longer the one that was written; a string is.
  const text = typeof value === 'string' || Number.isSafeInteger(value) ? String(value) : '';
  if (!isInt64(text)) throw new InputError(name, line, timestampProblem(JSON.stringify(value)));
  return text;
}
