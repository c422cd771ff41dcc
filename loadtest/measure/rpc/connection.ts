/**
 * One HTTP/2 connection of the load generator: gRPC calls whose messages are bytes, with flow
 * control in both directions. Everything it sends in one turn goes out in one write.
 */
import { connect, type Socket } from 'node:net';
import { assert } from '../../../src/domain/assert.ts';
import { Call, type MessageSink } from './call.ts';
import {
  CONNECTION_PREFACE,
  FRAME_HEADER_BYTES,
  FrameFlag,
  FrameReader,
  FrameType,
  frame,
  readSettings,
  Setting,
  settings,
  writeFrameHeader,
} from './frames.ts';
import { RequestHeaders, readGrpcStatus } from './headers.ts';

/** gRPC codes of what the connection itself finds. */
const STATUS_UNKNOWN = 2;
const STATUS_UNAVAILABLE = 14;

/** Every server takes frames of this size. */
const FRAME_MAX_BYTES = 16_384;
/** HTTP/2's default until the server's SETTINGS say otherwise. */
const DEFAULT_WINDOW_BYTES = 65_535;
/** What the server may send before it is told to go on: enough never to hold it up. */
const RECEIVE_WINDOW_BYTES = 2 ** 30;

const OUTPUT_BYTES = 65_536;
/** Memory of writes that the socket has not finished; beyond it, output is allocated anew. */
const OUTPUT_BUFFERS_KEPT = 8;

export interface CallHandler {
  /** A whole message of a reply. */
  message: MessageSink;
  /** The call has ended with this gRPC status code; UNAVAILABLE where the connection broke. */
  ended(call: Call, status: number): void;
  /** No further call may start here; those in progress go on. Said once. */
  retired(connection: RpcConnection): void;
}

interface PendingSend {
  readonly call: Call;
  readonly bytes: Buffer;
  readonly last: boolean;
  at: number;
}

export class RpcConnection {
  readonly #socket: Socket;
  readonly #handler: CallHandler;
  readonly #messageSink: MessageSink;
  readonly #headers: RequestHeaders;
  readonly #calls = new Map<number, Call>();
  readonly #spareCalls: Call[] = [];
  readonly #spareOutputs: Buffer[] = [];
  /** Messages that the server's windows hold up, in order. */
  readonly #pending: PendingSend[] = [];
  #output: Buffer = Buffer.allocUnsafe(OUTPUT_BYTES);
  #outputBytes = 0;
  #nextId = 1;
  #sendWindowBytes = DEFAULT_WINDOW_BYTES;
  #callWindowBytes = DEFAULT_WINDOW_BYTES;
  #receivedBytes = 0;
  #retired = false;
  #flushDue = false;
  readonly #flushNow = (): void => this.#flush();

  /** Connects to "host:port". @throws Error where nothing listens there. */
  static async open(address: string, handler: CallHandler): Promise<RpcConnection> {
    const colon = address.lastIndexOf(':');
    const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)) });
    socket.setNoDelay(true);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RpcConnection(socket, address, handler);
  }

  private constructor(socket: Socket, authority: string, handler: CallHandler) {
    this.#socket = socket;
    this.#handler = handler;
    this.#messageSink = (call, bytes, start, end) => handler.message(call, bytes, start, end);
    this.#headers = new RequestHeaders(authority);
    const reader = new FrameReader((type, flags, id, bytes, start, end) =>
      this.#receive(type, flags, id, bytes, start, end),
    );
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      this.#replenishWindow();
    });
    // What broke it shows in the calls: each ends UNAVAILABLE.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#closed());
    this.#sendPreface();
  }

  /** Starts a call; its messages follow by `send`. */
  start(path: string, tag: number): Call {
    assert(!this.#retired, 'a call was started on a retired connection');
    const call = this.#spareCalls.pop() ?? new Call();
    call.begin(this.#nextId, tag, this.#callWindowBytes);
    this.#nextId += 2;
    this.#calls.set(call.id, call);
    const block = this.#headers.next(path);
    this.#reserve(FRAME_HEADER_BYTES + block.length);
    this.#appendHeader(block.length, FrameType.HEADERS, FrameFlag.END_HEADERS, call.id);
    this.#outputBytes += block.copy(this.#output, this.#outputBytes);
    return call;
  }

  /** Sends a message that has its gRPC prefix; `last` ends the client's side. The bytes are copied. */
  send(call: Call, message: Buffer, last: boolean): void {
    const sent = this.#pending.length === 0 ? this.#sendData(call, message, 0, last) : 0;
    if (sent < message.length) {
      this.#pending.push({ call, bytes: Buffer.from(message), last, at: sent });
    }
  }

  /** Ends the client's side of a call whose messages have all been sent. */
  end(call: Call): void {
    this.#reserve(FRAME_HEADER_BYTES);
    this.#appendHeader(0, FrameType.DATA, FrameFlag.END_STREAM, call.id);
  }

  close(): void {
    this.#flush();
    this.#socket.end();
  }

  #sendPreface(): void {
    const own = settings([
      [Setting.HEADER_TABLE_SIZE, 0],
      [Setting.ENABLE_PUSH, 0],
      [Setting.INITIAL_WINDOW_SIZE, RECEIVE_WINDOW_BYTES],
    ]);
    this.#append(CONNECTION_PREFACE);
    this.#append(frame(FrameType.SETTINGS, 0, 0, own));
    this.#append(windowUpdate(RECEIVE_WINDOW_BYTES - DEFAULT_WINDOW_BYTES));
  }

  #receive(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (type === FrameType.DATA) this.#receiveData(flags, id, bytes, start, end);
    else if (type === FrameType.HEADERS) this.#receiveHeaders(flags, id, bytes, start, end);
    else if (type === FrameType.WINDOW_UPDATE) this.#receiveWindow(id, bytes.readUInt32BE(start));
    else if (type === FrameType.RST_STREAM) this.#endCall(id, STATUS_UNAVAILABLE);
    else if (type === FrameType.GOAWAY) this.#retire();
    else if ((flags & FrameFlag.ACK) === 0) {
      if (type === FrameType.SETTINGS) this.#receiveSettings(bytes, start, end);
      if (type === FrameType.PING) {
        this.#append(frame(FrameType.PING, FrameFlag.ACK, 0, bytes.subarray(start, end)));
      }
    }
  }

  #receiveData(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    this.#receivedBytes += end - start;
    assert((flags & FrameFlag.PADDED) === 0, 'the server pads its frames');
    const call = this.#calls.get(id);
    if (call === undefined) return;
    call.receive(bytes, start, end, this.#messageSink);
    if ((flags & FrameFlag.END_STREAM) !== 0) this.#endCall(id, STATUS_UNKNOWN);
  }

  #receiveHeaders(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    assert((flags & FrameFlag.END_HEADERS) !== 0, 'reply headers of more than one frame');
    assert((flags & FrameFlag.PADDED) === 0, 'the server pads its frames');
    if ((flags & FrameFlag.END_STREAM) === 0) return;
    const blockAt = (flags & FrameFlag.PRIORITY) === 0 ? start : start + 5;
    const status = readGrpcStatus(bytes, blockAt, end);
    this.#endCall(id, status < 0 ? STATUS_UNKNOWN : status);
  }

  #receiveSettings(bytes: Buffer, start: number, end: number): void {
    readSettings(bytes, start, end, (id, value) => {
      if (id === Setting.INITIAL_WINDOW_SIZE) this.#resizeCallWindows(value);
    });
    this.#append(frame(FrameType.SETTINGS, FrameFlag.ACK, 0, Buffer.alloc(0)));
    this.#sendPending();
  }

  #resizeCallWindows(bytes: number): void {
    for (const call of this.#calls.values()) call.sendWindowBytes += bytes - this.#callWindowBytes;
    this.#callWindowBytes = bytes;
  }

  #receiveWindow(id: number, bytes: number): void {
    if (id === 0) this.#sendWindowBytes += bytes;
    else {
      const call = this.#calls.get(id);
      if (call !== undefined) call.sendWindowBytes += bytes;
    }
    this.#sendPending();
  }

  #sendPending(): void {
    for (let head = this.#pending[0]; head !== undefined; head = this.#pending[0]) {
      head.at += this.#sendData(head.call, head.bytes, head.at, head.last);
      if (head.at < head.bytes.length) return;
      this.#pending.shift();
    }
  }

  /** Sends of `bytes` from `from` what the windows allow; gives how many bytes. */
  #sendData(call: Call, bytes: Buffer, from: number, last: boolean): number {
    let at = from;
    while (at < bytes.length) {
      const window = Math.min(this.#sendWindowBytes, call.sendWindowBytes, FRAME_MAX_BYTES);
      const size = Math.min(window, bytes.length - at);
      if (size <= 0) break;
      const ends = last && at + size === bytes.length;
      this.#reserve(FRAME_HEADER_BYTES + size);
      this.#appendHeader(size, FrameType.DATA, ends ? FrameFlag.END_STREAM : 0, call.id);
      this.#outputBytes += bytes.copy(this.#output, this.#outputBytes, at, at + size);
      this.#sendWindowBytes -= size;
      call.sendWindowBytes -= size;
      at += size;
    }
    return at - from;
  }

  /** Lets the server go on sending once half of its window is used. */
  #replenishWindow(): void {
    if (this.#receivedBytes < RECEIVE_WINDOW_BYTES / 2) return;
    this.#append(windowUpdate(this.#receivedBytes));
    this.#receivedBytes = 0;
  }

  #endCall(id: number, status: number): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    this.#dropPending(call);
    this.#handler.ended(call, status);
    this.#spareCalls.push(call);
  }

  /** What the server no longer waits for is not sent. */
  #dropPending(call: Call): void {
    for (let i = this.#pending.length - 1; i >= 0; i--) {
      if (this.#pending[i].call === call) this.#pending.splice(i, 1);
    }
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#handler.retired(this);
  }

  #closed(): void {
    this.#retire();
    for (const id of [...this.#calls.keys()]) this.#endCall(id, STATUS_UNAVAILABLE);
  }

  #appendHeader(length: number, type: number, flags: number, id: number): void {
    writeFrameHeader(this.#output, this.#outputBytes, length, type, flags, id);
    this.#outputBytes += FRAME_HEADER_BYTES;
  }

  #append(bytes: Buffer): void {
    this.#reserve(bytes.length);
    this.#outputBytes += bytes.copy(this.#output, this.#outputBytes);
  }

  /** Makes room for so many bytes of output, which go out at the end of this turn. */
  #reserve(bytes: number): void {
    if (this.#outputBytes + bytes > OUTPUT_BYTES) this.#flush();
    assert(this.#outputBytes + bytes <= OUTPUT_BYTES, 'a frame larger than the output');
    if (this.#flushDue) return;
    this.#flushDue = true;
    queueMicrotask(this.#flushNow);
  }

  /** Hands everything since the last flush to the socket. */
  #flush(): void {
    this.#flushDue = false;
    if (this.#outputBytes === 0) return;
    if (this.#socket.destroyed) {
      this.#outputBytes = 0;
      return;
    }
    const output = this.#output;
    this.#socket.write(output.subarray(0, this.#outputBytes), () => {
      if (this.#spareOutputs.length < OUTPUT_BUFFERS_KEPT) this.#spareOutputs.push(output);
    });
    this.#output = this.#spareOutputs.pop() ?? Buffer.allocUnsafe(OUTPUT_BYTES);
    this.#outputBytes = 0;
  }
}

function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(FrameType.WINDOW_UPDATE, 0, 0, payload);
}
