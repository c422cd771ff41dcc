/**
 * What the codec should make of an item, said in the simplest way: strings, regular expressions
 * and bigints. Tests compare RequestDecoder with it.
 */
import type { EntryTable } from '../../src/entries/entry-table.ts';
import { IdProblem } from '../../src/wire/ids.ts';
import {
  ITEM_OK,
  ItemField,
  type ItemProblem,
  problemField,
  problemKind,
  TimestampProblem,
} from '../../src/wire/request-codec.ts';
import type { OracleItem } from './oracle.ts';

/** An item as read, or what is wrong with it, as `field: kind`. */
export type ItemVerdict = { readonly problem: string } | ReadItem;

interface ReadItem {
  readonly claimId: string;
  readonly playerId: string;
  readonly timestampMs: number | null;
}

const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The kind of problem of an id's bytes. */
export function idProblem(id: Uint8Array): IdProblem {
  if (id.length === 0) return IdProblem.EMPTY;
  if (id.length > 64) return IdProblem.TOO_LONG;
  let text: string;
  try {
    text = STRICT_UTF8.decode(id);
  } catch {
    return IdProblem.NOT_UTF8;
  }
  return /\p{Cc}/u.test(text) ? IdProblem.CONTROL : IdProblem.NONE;
}

function timestampProblem(timestampMs: bigint | null): TimestampProblem {
  if (timestampMs === null) return TimestampProblem.NONE;
  if (timestampMs < 0n) return TimestampProblem.NEGATIVE;
  return timestampMs > 2n ** 53n - 1n ? TimestampProblem.TOO_LARGE : TimestampProblem.NONE;
}

/** The first problem in the order of the fields, or the item's values. */
export function judge(item: OracleItem, needsPlayer: boolean): ItemVerdict {
  const claim = idProblem(item.claimId);
  if (claim !== IdProblem.NONE) return verdict(ItemField.CLAIM_ID, claim);
  const player = idProblem(item.playerId);
  const isNone = player === IdProblem.EMPTY && !needsPlayer;
  if (player !== IdProblem.NONE && !isNone) return verdict(ItemField.PLAYER_ID, player);
  const time = timestampProblem(item.timestampMs);
  if (time !== TimestampProblem.NONE) return verdict(ItemField.TIMESTAMP_MS, time);
  return {
    claimId: STRICT_UTF8.decode(item.claimId),
    playerId: STRICT_UTF8.decode(item.playerId),
    timestampMs: item.timestampMs === null ? null : Number(item.timestampMs),
  };
}

/** What RequestDecoder said, in the same form. */
export function verdictOf(problem: ItemProblem, entries: EntryTable, entry: number): ItemVerdict {
  if (problem !== ITEM_OK) return verdict(problemField(problem), problemKind(problem));
  const timestampMs = entries.timestampMs[entry];
  return {
    claimId: entries.claimId(entry),
    playerId: entries.playerId(entry),
    timestampMs: Number.isNaN(timestampMs) ? null : timestampMs,
  };
}

function verdict(field: ItemField, kind: IdProblem | TimestampProblem): ItemVerdict {
  return { problem: `${field}: ${kind}` };
}
