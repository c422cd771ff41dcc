/**
 * The items of a batch, or of one kind of a frame, answered together: each is settled once, and
 * the reply is built when the last is.
 */
import { Outcome, UnavailableReason } from '../domain/claim.ts';
import { type EntryTable, NO_ENTRY } from '../entries/entry-table.ts';
import type { EntryOwner, Ingress } from '../ingress/ingress.ts';
import type { ItemCursor } from './item-cursor.ts';
import type { CallOperation, ItemIntake } from './item-intake.ts';
import type { ItemResults } from './reply-codec.ts';

const NONE_REFUSED: ReadonlyMap<number, string> = new Map();

export class ItemGroup implements EntryOwner, ItemResults {
  /** By item: its entry, or NO_ENTRY where it is malformed. */
  readonly entries: Int32Array;
  readonly count: number;
  /** The epoch in which malformed items are refused. */
  readonly epoch: number;
  readonly #ingress: Ingress;
  readonly #operation: CallOperation;
  readonly #onAnswered: (last: number) => void;
  /** Made where there is one: few messages have a malformed item. */
  #refusals: Map<number, string> | undefined;
  #unanswered = 0;

  /**
   * @param onAnswered called once, when every item has its outcome; read it, then `finish`. It is told
   *   the entry that came last, or NO_ENTRY where all items are malformed.
   */
  constructor(
    ingress: Ingress,
    operation: CallOperation,
    count: number,
    epoch: number,
    onAnswered: (last: number) => void,
  ) {
    this.#ingress = ingress;
    this.#operation = operation;
    this.entries = new Int32Array(count).fill(NO_ENTRY);
    this.count = count;
    this.epoch = epoch;
    this.#onAnswered = onAnswered;
  }

  /** By item: why it is malformed. */
  get refusals(): ReadonlyMap<number, string> {
    return this.#refusals ?? NONE_REFUSED;
  }

  /**
   * Decodes `count` items in; none is dispatched yet. Ask the ingress for so much room first.
   * @throws InvalidArgument where an item is unreadable; `abandon` the group then.
   */
  take(intake: ItemIntake, message: DataView, items: ItemCursor): void {
    intake.readClock();
    for (let item = 0; items.next(); item += 1) {
      const entry = this.#ingress.allocate();
      this.entries[item] = entry;
      const refusal = intake.decode(this.#operation, message, items.start, items.end, entry);
      if (refusal === undefined) continue;
      this.#ingress.release(entry);
      this.entries[item] = NO_ENTRY;
      this.#refusals ??= new Map();
      this.#refusals.set(item, refusal);
    }
  }

  /** Gives every entry back: the message could not be read to its end. */
  abandon(): void {
    for (const entry of this.entries) {
      if (entry !== NO_ENTRY) this.#ingress.release(entry);
    }
  }

  dispatch(): void {
    this.#unanswered = this.count - this.refusals.size;
    if (this.#unanswered === 0) {
      this.#onAnswered(NO_ENTRY);
      return;
    }
    for (const entry of this.entries) {
      if (entry !== NO_ENTRY) this.#ingress.dispatch(entry, this.#operation, this);
    }
  }

  answered(entry: number): void {
    this.#unanswered -= 1;
    if (this.#unanswered === 0) this.#onAnswered(entry);
  }

  finish(): void {
    for (const entry of this.entries) {
      if (entry !== NO_ENTRY) this.#ingress.finish(entry);
    }
  }

  /** Whether it had items and no segment had room for any: then the call as a whole is refused. */
  get isRefusedWhole(): boolean {
    const table = this.#ingress.entries;
    return this.count > 0 && this.entries.every((entry) => entry !== NO_ENTRY && isRefused(table, entry));
  }
}

/** Whether the item's segment had no room for it. */
export function isRefused(entries: EntryTable, entry: number): boolean {
  const unavailable = entries.outcome[entry] === Outcome.UNAVAILABLE;
  return unavailable && entries.reason[entry] === UnavailableReason.SEGMENT_FULL;
}

export const TABLE_FULL = 'the table holds as many pending claims as it can; nothing was done';

export const UNREAD = 'earlier replies on this connection wait to be read; nothing was done';

export function noRoomFor(items: number): string {
  return `no room for ${items} more claims in flight; nothing was done`;
}
