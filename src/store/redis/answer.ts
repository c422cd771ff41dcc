/**
 * The commit script's answer (scripts/commit.lua): read into the batch's entries, byte by
 * byte, without a string or an object for any claim.
 */
import { assert } from '../../domain/assert.ts';
import { ClaimOperation, ID_MAX_BYTES, Outcome, UnavailableReason } from '../../domain/claim.ts';
import { ClockAhead, StoreUnavailable } from '../../domain/errors.ts';
import type { EntryTable } from '../../entries/entry-table.ts';

const LINE_END = '\n'.charCodeAt(0);
const BAR = '|'.charCodeAt(0);
const DIGIT_ZERO = '0'.charCodeAt(0);

/** A code is CODE_BASE + outcome × 4 + status. */
const CODE_BASE = 48;
const STATUS_BITS = 2;
const STATUS_MASK = 3;

const DECIDED = 'D'.charCodeAt(0);
const CLOCK_AHEAD = 'A'.charCodeAt(0);
const SHARD_IS_NEW = 'N'.charCodeAt(0);
const CAME_TOO_LATE = 'S'.charCodeAt(0);
const CAME_TOO_EARLY = 'W'.charCodeAt(0);

/** Outcomes after which the claim's value is told; after a submit, ACCEPTED tells nothing new. */
const TELLING: readonly boolean[] = Array.from({ length: 9 }, (_, outcome) =>
  [Outcome.ACCEPTED, Outcome.REPLAYED, Outcome.EXPIRED, Outcome.FOUND].some((told) => told === outcome),
);

/** Whether nothing was decided since a shard has no epoch yet: it may be one of a registry that was lost. */
export function isOfNewShard(answer: unknown): boolean {
  return Buffer.isBuffer(answer) && answer[0] === SHARD_IS_NEW;
}

/** Whether nothing was decided since the commit before has not been. */
export function isTooEarly(answer: unknown): boolean {
  return Buffer.isBuffer(answer) && answer[0] === CAME_TOO_EARLY;
}

export class RedisAnswer {
  readonly #bytes: Buffer;
  readonly #codesAt: number;
  /** The epoch that the items were decided in. */
  readonly epoch: number;
  /** Where the next value begins. */
  #at = 0;

  /**
   * @param asked the epoch that was asked for.
   * @throws ClockAhead, StoreUnavailable
   */
  constructor(answer: unknown, asked: number) {
    assert(Buffer.isBuffer(answer), 'the commit script answers with a string');
    this.#bytes = answer;
    const [kind] = answer;
    if (kind === CAME_TOO_LATE)
      throw new StoreUnavailable('a later commit of this replica was decided first');
    this.#at = 1;
    this.epoch = this.#number();
    if (kind === CLOCK_AHEAD) {
      throw new ClockAhead(
        `epoch ${asked} is ahead of Redis's clock: with the skew that is allowed it is ${this.epoch} at most`,
      );
    }
    assert(kind === DECIDED, `the commit script answers with ${kind}`);
    this.#codesAt = this.#at;
  }

  /**
   * Writes what was decided to the entries, which were given to the script in this order.
   * `unreadable` is told those whose value in Redis is none.
   */
  publish(entries: EntryTable, decided: readonly Int32Array[], unreadable: (entry: number) => void): void {
    const count = decided.reduce((sum, part) => sum + part.length, 0);
    let codeAt = this.#codesAt;
    this.#at = codeAt + count + 1;
    for (const part of decided) {
      for (const entry of part) {
        this.#publishOne(entries, entry, this.#bytes[codeAt++] - CODE_BASE, unreadable);
      }
    }
  }

  #publishOne(entries: EntryTable, entry: number, code: number, unreadable: (entry: number) => void): void {
    const outcome = code >> STATUS_BITS;
    entries.outcome[entry] = outcome;
    entries.status[entry] = code & STATUS_MASK;
    entries.epoch[entry] = this.epoch;
    entries.fromStore[entry] = 1;
    if (outcome === Outcome.UNAVAILABLE) {
      entries.reason[entry] = UnavailableReason.STORE_FAILED;
      unreadable(entry);
    } else if (tells(outcome, entries.operation[entry])) {
      this.#readValue(entries, entry);
    }
  }

  /** Whoever asked to validate or submit is the player that the value names. */
  #readValue(entries: EntryTable, entry: number): void {
    this.#at += 2;
    entries.timestampMs[entry] = this.#number();
    entries.endEpoch[entry] = this.#number();
    const end = this.#lineEnd();
    const operation = entries.operation[entry];
    if (operation === ClaimOperation.GET || operation === ClaimOperation.EXPIRE) {
      assert(end - this.#at <= ID_MAX_BYTES, 'a player id is short');
      entries.playerLength[entry] = this.#bytes.copy(entries.ids, entries.playerOffset(entry), this.#at, end);
    }
    this.#at = end + 1;
  }

  #lineEnd(): number {
    const end = this.#bytes.indexOf(LINE_END, this.#at);
    return end === -1 ? this.#bytes.length : end;
  }

  /** A whole number up to the next bar or end of line, which it passes. */
  #number(): number {
    let value = 0;
    for (; this.#at < this.#bytes.length; this.#at += 1) {
      const byte = this.#bytes[this.#at];
      if (byte === BAR || byte === LINE_END) break;
      value = value * 10 + (byte - DIGIT_ZERO);
    }
    this.#at += 1;
    return value;
  }
}

function tells(outcome: number, operation: number): boolean {
  return TELLING[outcome] && !(outcome === Outcome.ACCEPTED && operation === ClaimOperation.SUBMIT);
}
