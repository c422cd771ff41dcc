/**
 * HTTP/2 frames (RFC 9113 § 4) as far as a load generator needs them.
 *
 * Why not node:http2: its stream objects cost the client 30 µs a call, and their garbage stops
 * the client for tens of milliseconds, which would be measured as the server's latency.
 */

export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
} as const;

export const FrameFlag = { END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const;

export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  INITIAL_WINDOW_SIZE: 4,
} as const;

export const FRAME_HEADER_BYTES = 9;
/** What a client sends first (RFC 9113 § 3.4). */
export const CONNECTION_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Writes a frame's header; its `length` bytes of payload follow at `at + FRAME_HEADER_BYTES`. */
export function writeFrameHeader(
  target: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  target[at] = length >> 16;
  target[at + 1] = length >> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  target.writeUInt32BE(streamId, at + 5);
}

/** A whole frame. */
export function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(bytes, 0, payload.length, type, flags, streamId);
  payload.copy(bytes, FRAME_HEADER_BYTES);
  return bytes;
}

/** A SETTINGS payload. */
export function settings(values: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(values.length * 6);
  values.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  });
  return payload;
}

/** Calls back for each setting of a SETTINGS payload. */
export function readSettings(
  bytes: Buffer,
  start: number,
  end: number,
  each: (id: number, value: number) => void,
): void {
  for (let at = start; at + 6 <= end; at += 6) each(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
}

/** Takes a frame whose payload is `bytes` from `start` to `end`, valid only during the call. */
export type FrameSink = (
  type: number,
  flags: number,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
) => void;

/** Cuts a stream of bytes into frames, however the bytes arrive. */
export class FrameReader {
  readonly #sink: FrameSink;
  /** The beginning of a frame whose end has not arrived. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const length = bytes.readUIntBE(at, 3);
      const start = at + FRAME_HEADER_BYTES;
      if (bytes.length - start < length) break;
      const streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      this.#sink(bytes[at + 3], bytes[at + 4], streamId, bytes, start, start + length);
      at = start + length;
    }
    // A copy: the chunk's memory belongs to the socket.
    this.#rest = at === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at));
  }
}
