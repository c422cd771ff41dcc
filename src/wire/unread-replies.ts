/**
 * Bytes of replies that their readers have not taken: written to the transport, and held there until
 * the peer gives way. A peer that asks and does not read would have them pile up without end; so
 * each connection has a bound, and all connections of a thread have one together. Full: batches are
 * refused before any work, streams read no further. A connection that has taken everything may
 * always ask once more, so that others' stalled connections never shut it out.
 */
import { assert } from '../domain/assert.ts';
import { CONNECTION_UNREAD_MAX_BYTES, REPLY_OVERHEAD_BYTES, UNREAD_MAX_BYTES } from '../limits.ts';

/** One connection that has not taken everything, or has someone who waits for that. */
interface Reader {
  bytes: number;
  /** In order of coming. */
  readonly waiting: Set<() => void>;
}

export class UnreadReplies {
  /** By the peer's address and port. */
  readonly #readers = new Map<string, Reader>();
  #bytes = 0;

  /** Bytes that all connections together have not taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a connection may be given more to read. */
  hasRoom(connection: string): boolean {
    const bytes = this.#readers.get(connection)?.bytes ?? 0;
    return bytes === 0 || (bytes < CONNECTION_UNREAD_MAX_BYTES && this.#bytes < UNREAD_MAX_BYTES);
  }

  /** A reply of so many bytes is written. @returns what is to be told to `taken` in the end. */
  add(connection: string, replyBytes: number): number {
    const bytes = replyBytes + REPLY_OVERHEAD_BYTES;
    this.#reader(connection).bytes += bytes;
    this.#bytes += bytes;
    return bytes;
  }

  /** The peer has taken so much, or is gone. */
  taken(connection: string, bytes: number): void {
    if (bytes === 0) return;
    const reader = this.#readers.get(connection);
    assert(reader !== undefined && reader.bytes >= bytes, 'more was taken than had been written');
    reader.bytes -= bytes;
    this.#bytes -= bytes;
    // In order, and none again before the next bytes are taken.
    for (const call of [...reader.waiting]) {
      if (!this.hasRoom(connection)) break;
      if (reader.waiting.delete(call)) call();
    }
    this.#dropIdle(connection, reader);
  }

  /** Calls back once the connection, which has none now, has room. */
  onceRoom(connection: string, call: () => void): void {
    assert(!this.hasRoom(connection), 'room is waited for where there is none');
    this.#reader(connection).waiting.add(call);
  }

  /** Whoever waited, if he did, has gone. */
  forget(connection: string, call: () => void): void {
    const reader = this.#readers.get(connection);
    if (reader === undefined) return;
    reader.waiting.delete(call);
    this.#dropIdle(connection, reader);
  }

  /** Those who wait for room, on all connections. */
  get waitingCount(): number {
    return [...this.#readers.values()].reduce((sum, { waiting }) => sum + waiting.size, 0);
  }

  #dropIdle(connection: string, reader: Reader): void {
    if (reader.bytes === 0 && reader.waiting.size === 0) this.#readers.delete(connection);
  }

  #reader(connection: string): Reader {
    const known = this.#readers.get(connection);
    if (known !== undefined) return known;
    const reader = { bytes: 0, waiting: new Set<() => void>() };
    this.#readers.set(connection, reader);
    return reader;
  }
}
