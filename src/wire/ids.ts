/**
 * What an id may be: 1 to 64 bytes of UTF-8 without control characters (Unicode category Cc:
 * U+0000–001F and U+007F–009F). Checked on the bytes, while they are copied.
 */
import { isUtf8 } from 'node:buffer';
import { ID_MAX_BYTES } from '../domain/claim.ts';
import { copyPrintable } from '../entries/words.ts';
import { bytesOf } from './protobuf-reader.ts';

/** What is wrong with an id; a number, so that checking makes nothing. */
export const IdProblem = { NONE: 0, EMPTY: 1, TOO_LONG: 2, NOT_UTF8: 3, CONTROL: 4 } as const;
export type IdProblem = (typeof IdProblem)[keyof typeof IdProblem];

/**
 * Copies the id at start … end to `to` at `at`, if it is one. Of one that is not, up to 64 bytes
 * may have been copied.
 */
export function copyId(from: DataView, start: number, end: number, to: DataView, at: number): IdProblem {
  const length = end - start;
  if (length === 0) return IdProblem.EMPTY;
  if (length > ID_MAX_BYTES) return IdProblem.TOO_LONG;
  if (copyPrintable(from, start, to, at, length)) return IdProblem.NONE;
  return textProblem(bytesOf(from, start, end));
}

/** For ids with bytes beyond printable ASCII. */
function textProblem(id: Uint8Array): IdProblem {
  if (!isUtf8(id)) return IdProblem.NOT_UTF8;
  return controlAt(id) < 0 ? IdProblem.NONE : IdProblem.CONTROL;
}

/** The offset of the first control character of a UTF-8 text, or −1. */
export function controlAt(text: Uint8Array): number {
  for (let i = 0; i < text.length; i += 1) {
    const byte = text[i];
    // U+0080–009F are C2 and a byte up to 9F.
    if (byte < 0x20 || byte === 0x7f || (byte === 0xc2 && text[i + 1] <= 0x9f)) return i;
  }
  return -1;
}
