/**
 * HPACK (RFC 7541) as far as a load generator needs it: request headers that use the server's
 * dynamic table as other gRPC clients do, and the gRPC status of a reply. The client announces a
 * table of 0 bytes for itself, so that every reply's headers can be read by themselves.
 */
import { assert } from '../../../src/domain/assert.ts';

/** Entries of the static table (RFC 7541, appendix A). */
const STATIC_ENTRIES = 61;
const STATIC_AUTHORITY = 1;
const STATIC_METHOD_POST = 3;
const STATIC_PATH = 4;
const STATIC_SCHEME_HTTP = 6;
const STATIC_CONTENT_TYPE = 31;

const INDEXED = 0x80;
const LITERAL_INDEXING = 0x40;
const HUFFMAN = 0x80;

const GRPC_STATUS = Buffer.from('grpc-status');
/** The same, Huffman-coded (RFC 7541, appendix B): 60 bits and padding. */
const GRPC_STATUS_HUFFMAN = Buffer.from('9acac8b21234da8f', 'hex');

/** Literal with incremental indexing of a name in the static table, or of a new one. */
function indexedLiteral(name: number | string, value: string): Buffer {
  const head = typeof name === 'number' ? Buffer.from([LITERAL_INDEXING | name]) : newName(name);
  return Buffer.concat([head, text(value)]);
}

function newName(name: string): Buffer {
  return Buffer.concat([Buffer.from([LITERAL_INDEXING]), text(name)]);
}

const PSEUDO_HEADERS = Buffer.from([INDEXED | STATIC_METHOD_POST, INDEXED | STATIC_SCHEME_HTTP]);

/** A string without Huffman coding, of at most 126 bytes. */
function text(value: string): Buffer {
  assert(value.length < 127, `a header of ${value.length} characters has a length of several bytes`);
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
}

/** Header blocks for the calls of one connection; blocks are sent in the order in which they are made. */
export class RequestHeaders {
  readonly #authority: string;
  /** Fields in the server's dynamic table, with their number: 1 is the oldest. */
  readonly #entries = new Map<string, number>();
  /** Blocks of references only: right until the table grows. */
  readonly #blocks = new Map<string, Buffer>();

  constructor(authority: string) {
    this.#authority = authority;
  }

  /** The header block of the next call, which is to a path such as "/package.Service/Method". */
  next(path: string): Buffer {
    const known = this.#blocks.get(path);
    if (known !== undefined) return known;
    const entriesBefore = this.#entries.size;
    const block = Buffer.concat([
      PSEUDO_HEADERS,
      this.#field(STATIC_PATH, path),
      this.#field(STATIC_AUTHORITY, this.#authority),
      this.#field(STATIC_CONTENT_TYPE, 'application/grpc'),
      this.#field('te', 'trailers'),
    ]);
    if (this.#entries.size === entriesBefore) this.#blocks.set(path, block);
    else this.#blocks.clear();
    return block;
  }

  #field(name: number | string, value: string): Buffer {
    const key = `${name}: ${value}`;
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#entries.set(key, this.#entries.size + 1);
      return indexedLiteral(name, value);
    }
    // The table counts from its newest entry, after the static ones.
    return Buffer.from([INDEXED | (STATIC_ENTRIES + 1 + this.#entries.size - entry)]);
  }
}

/**
 * The gRPC status code in a block of reply headers or trailers; −1 where it has none.
 * @throws AssertionFailure where the block is not as a table of 0 bytes has it.
 */
export function readGrpcStatus(bytes: Buffer, start: number, end: number): number {
  const cursor = new BlockCursor(bytes, start);
  while (cursor.at < end) {
    const head = bytes[cursor.at];
    if ((head & 0x80) !== 0) cursor.integer(7);
    else if ((head & 0xe0) === 0x20) cursor.integer(5);
    else {
      const isStatus = cursor.name(head);
      const valueBytes = cursor.string();
      if (isStatus) return Number(bytes.toString('latin1', cursor.at - valueBytes, cursor.at));
    }
  }
  return -1;
}

/** Walks through a header block. */
class BlockCursor {
  at: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.at = start;
  }

  /** An integer with a prefix of so many bits (RFC 7541 § 5.1). */
  integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#bytes[this.at++] & mask;
    if (value < mask) return value;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  /** Passes over a string and gives its length as coded. */
  string(): number {
    const length = this.integer(7);
    this.at += length;
    return length;
  }

  /** Passes over the name of a literal field; true where it is grpc-status. */
  name(head: number): boolean {
    const index = this.integer((head & LITERAL_INDEXING) !== 0 ? 6 : 4);
    assert(index <= STATIC_ENTRIES, `a reference to entry ${index} of an empty table`);
    if (index > 0) return false;
    const huffman = (this.#bytes[this.at] & HUFFMAN) !== 0;
    const length = this.string();
    const name = huffman ? GRPC_STATUS_HUFFMAN : GRPC_STATUS;
    return this.#bytes.compare(name, 0, name.length, this.at - length, this.at) === 0;
  }
}
