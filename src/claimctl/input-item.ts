/** What input is made of, for the readers of each format. */
import type { ClaimItem } from './service.ts';

/** Far above any item that a server takes (two ids of 64 bytes); bounds memory. */
export const LINE_MAX_BYTES = 65_536;

/** Whole lines of text, with the line breaks between them. */
export interface TextBlock {
  readonly text: string;
  /** The number of its first line, from 1. */
  readonly firstLine: number;
}

/** An item and where it stands. */
export interface InputItem {
  /** From 1; of an item over several lines (a quoted field), the last. */
  readonly line: number;
  readonly item: ClaimItem;
}

/** The bounds of int64, which carries timestamps; what lies between is the server's to judge. */
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** Whether the text is an int64 in plain decimal digits, nothing else. */
export function isInt64(text: string): boolean {
  if (!/^(?:0|-?[1-9][0-9]{0,18})$/.test(text)) return false;
  const value = BigInt(text);
  return value >= INT64_MIN && value <= INT64_MAX;
}

export const ALLOWED_TIMESTAMP = 'an integer, milliseconds since 1970';

/** What is wrong with a timestamp, shown as it was written. */
export function timestampProblem(written: string): string {
  return `timestamp_ms: ${written} is not allowed; allowed: ${ALLOWED_TIMESTAMP}`;
}
