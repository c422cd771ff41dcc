/** One gRPC call of the load generator, and how the messages of its reply are put together. */
import { GRPC_PREFIX_BYTES } from '../messages.ts';

/** Takes a whole message, `bytes` from `start` to `end`, valid only during the call. */
export type MessageSink = (call: Call, bytes: Buffer, start: number, end: number) => void;

/** A call in progress; objects are used again when their call has ended. */
export class Call {
  /** The HTTP/2 stream. */
  id = 0;
  /** The caller's own number for it. */
  tag = 0;
  /** How much more the server takes in this call. */
  sendWindowBytes = 0;
  /** A message (or its prefix) whose end has not arrived, and how much of it has. */
  #partial: Buffer | undefined;
  #partialBytes = 0;

  /** Makes it a new call. */
  begin(id: number, tag: number, sendWindowBytes: number): void {
    this.id = id;
    this.tag = tag;
    this.sendWindowBytes = sendWindowBytes;
    this.#partial = undefined;
    this.#partialBytes = 0;
  }

  /** Takes bytes of the reply, however they are cut, and hands on each message that they complete. */
  receive(bytes: Buffer, start: number, end: number, sink: MessageSink): void {
    let at = start;
    while (at < end) {
      const wholeEnd = this.#wholeMessageEnd(bytes, at, end);
      if (wholeEnd < 0) at = this.#receivePart(bytes, at, end, sink);
      else {
        sink(this, bytes, at + GRPC_PREFIX_BYTES, wholeEnd);
        at = wholeEnd;
      }
    }
  }

  /** Where the message that begins at `at` ends; −1 where it is not all there. */
  #wholeMessageEnd(bytes: Buffer, at: number, end: number): number {
    if (this.#partial !== undefined || end - at < GRPC_PREFIX_BYTES) return -1;
    const messageEnd = at + GRPC_PREFIX_BYTES + bytes.readUInt32BE(at + 1);
    return messageEnd <= end ? messageEnd : -1;
  }

  /** Gathers the prefix first, then the message of the length it says; gives where it stopped. */
  #receivePart(bytes: Buffer, at: number, end: number, sink: MessageSink): number {
    const partial = this.#partial ?? Buffer.allocUnsafe(GRPC_PREFIX_BYTES);
    this.#partial = partial;
    const copied = bytes.copy(partial, this.#partialBytes, at, end);
    this.#partialBytes += copied;
    if (this.#partialBytes < partial.length) return at + copied;
    const wholeBytes = GRPC_PREFIX_BYTES + partial.readUInt32BE(1);
    if (partial.length < wholeBytes) {
      this.#partial = Buffer.allocUnsafe(wholeBytes);
      partial.copy(this.#partial);
      return at + copied;
    }
    this.#partial = undefined;
    this.#partialBytes = 0;
    sink(this, partial, GRPC_PREFIX_BYTES, wholeBytes);
    return at + copied;
  }
}
