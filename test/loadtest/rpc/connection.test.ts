/** The load generator's own HTTP/2 client against a real grpc-js server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  status,
} from '@grpc/grpc-js';
import { grpcMessage } from '../../../loadtest/measure/messages.ts';
import type { Call } from '../../../loadtest/measure/rpc/call.ts';
import { type CallHandler, RpcConnection } from '../../../loadtest/measure/rpc/connection.ts';
import { Connections } from '../../../loadtest/measure/rpc/connections.ts';
import {
  CONNECTION_PREFACE,
  FrameFlag,
  FrameReader,
  FrameType,
  frame,
  Setting,
  settings,
} from '../../../loadtest/measure/rpc/frames.ts';

type Unary = handleUnaryCall<Buffer, Buffer>;
type Stream = handleBidiStreamingCall<Buffer, Buffer>;

const asIs = (bytes: Buffer): Buffer => bytes;

function raw(name: string, streamed: boolean) {
  return {
    path: `/test.Service/${name}`,
    requestStream: streamed,
    responseStream: streamed,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

const echo: Unary = (call, callback) => callback(null, call.request);
const refuse: Unary = (_call, callback) => callback({ code: status.RESOURCE_EXHAUSTED, details: 'full' });
const hang: Unary = () => undefined;
const exchange: Stream = (call) => {
  call.on('data', (bytes: Buffer) => call.write(bytes));
  call.on('end', () => call.end());
};

async function startServer(): Promise<{ server: Server; address: string }> {
  const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
  server.addService(
    {
      Echo: raw('Echo', false),
      Refuse: raw('Refuse', false),
      Hang: raw('Hang', false),
      Exchange: raw('Exchange', true),
    },
    { Echo: echo, Refuse: refuse, Hang: hang, Exchange: exchange },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { server, address: `127.0.0.1:${port}` };
}

/** Keeps what arrives, by the calls' tags, and tells when so many calls have ended. */
class Recorder implements CallHandler {
  readonly replies = new Map<number, Buffer[]>();
  readonly statuses = new Map<number, number>();
  retirements = 0;
  onMessage: () => void = () => undefined;
  readonly #expected: number;
  readonly #done = Promise.withResolvers<void>();

  constructor(expected: number) {
    this.#expected = expected;
  }

  get done(): Promise<void> {
    return this.#done.promise;
  }

  message(call: Call, bytes: Buffer, start: number, end: number): void {
    const replies = this.replies.get(call.tag) ?? [];
    this.replies.set(call.tag, [...replies, Buffer.from(bytes.subarray(start, end))]);
    this.onMessage();
  }

  ended(call: Call, code: number): void {
    this.statuses.set(call.tag, code);
    if (this.statuses.size === this.#expected) this.#done.resolve();
  }

  retired(): void {
    this.retirements++;
  }
}

/**
 * A server that widens its connection's window only when told to, as Node's does unasked. A call
 * may take a million bytes.
 */
class SlowPeer {
  receivedBytes = 0;
  /** Whether the client has acknowledged the peer's settings. */
  greeted = false;
  #socket: Socket | undefined;
  readonly #server = createServer((socket) => this.#serve(socket));

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    assert.ok(address !== null && typeof address === 'object');
    return `127.0.0.1:${address.port}`;
  }

  async until(condition: () => boolean): Promise<void> {
    for (let i = 0; i < 500 && !condition(); i++) await sleep(10);
    assert.ok(condition(), `not so after 5 s; ${this.receivedBytes} bytes received`);
  }

  widenWindow(bytes: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(bytes);
    this.#socket?.write(frame(FrameType.WINDOW_UPDATE, 0, 0, payload));
  }

  close(): void {
    this.#socket?.destroy();
    this.#server.close();
  }

  #serve(socket: Socket): void {
    this.#socket = socket;
    const reader = new FrameReader((type, flags, _id, _bytes, start, end) => {
      if (type === FrameType.DATA) this.receivedBytes += end - start;
      if (type === FrameType.SETTINGS && (flags & FrameFlag.ACK) !== 0) this.greeted = true;
    });
    let prefaceLeft = CONNECTION_PREFACE.length;
    socket.on('data', (chunk: Buffer) => {
      const preface = Math.min(prefaceLeft, chunk.length);
      prefaceLeft -= preface;
      reader.push(chunk.subarray(preface));
    });
    socket.write(frame(FrameType.SETTINGS, 0, 0, settings([[Setting.INITIAL_WINDOW_SIZE, 1_000_000]])));
  }
}

let address: string;
let server: Server;

before(async () => {
  ({ server, address } = await startServer());
});
after(() => server.forceShutdown());

test('calls under way together each get their own reply', async () => {
  const recorder = new Recorder(200);
  const connection = await RpcConnection.open(address, recorder);
  for (let tag = 0; tag < 200; tag++) {
    connection.send(
      connection.start('/test.Service/Echo', tag),
      grpcMessage(Buffer.from(`body ${tag}`)),
      true,
    );
  }
  await recorder.done;
  connection.close();
  for (let tag = 0; tag < 200; tag++) {
    assert.equal(recorder.statuses.get(tag), status.OK);
    assert.deepEqual(recorder.replies.get(tag), [Buffer.from(`body ${tag}`)]);
  }
});

test('messages far larger than the windows pass in both directions', async () => {
  const recorder = new Recorder(60);
  const connection = await RpcConnection.open(address, recorder);
  const bodies = Array.from({ length: 60 }, (_, tag) => Buffer.alloc(400_000 + tag, tag));
  for (const [tag, body] of bodies.entries()) {
    connection.send(connection.start('/test.Service/Echo', tag), grpcMessage(body), true);
  }
  await recorder.done;
  connection.close();
  for (const [tag, body] of bodies.entries()) {
    assert.ok(recorder.replies.get(tag)?.[0].equals(body), `reply ${tag} differs`);
  }
});

test('no more is sent than the connection as a whole may take', async () => {
  const windowBytes = 65_535;
  const peer = new SlowPeer();
  const address = await peer.listen();
  const connection = await RpcConnection.open(address, new Recorder(1));
  await peer.until(() => peer.greeted);
  connection.send(connection.start('/test.Service/Echo', 0), Buffer.alloc(200_000), true);
  await peer.until(() => peer.receivedBytes >= windowBytes);
  await sleep(20);
  assert.equal(peer.receivedBytes, windowBytes);
  peer.widenWindow(100_000);
  await peer.until(() => peer.receivedBytes >= windowBytes + 100_000);
  await sleep(20);
  assert.equal(peer.receivedBytes, windowBytes + 100_000);
  connection.close();
  peer.close();
});

test('a refused call ends with the status it was given, an unknown method with UNIMPLEMENTED', async () => {
  const recorder = new Recorder(2);
  const connection = await RpcConnection.open(address, recorder);
  connection.send(connection.start('/test.Service/Refuse', 0), grpcMessage(Buffer.from('x')), true);
  connection.send(connection.start('/test.Service/Nothing', 1), grpcMessage(Buffer.from('x')), true);
  await recorder.done;
  connection.close();
  assert.equal(recorder.statuses.get(0), status.RESOURCE_EXHAUSTED);
  assert.equal(recorder.statuses.get(1), status.UNIMPLEMENTED);
  assert.equal(recorder.replies.size, 0);
});

test('a stream carries many messages, beyond its window, until it is ended', async () => {
  const recorder = new Recorder(1);
  const connection = await RpcConnection.open(address, recorder);
  const call = connection.start('/test.Service/Exchange', 0);
  const body = Buffer.alloc(50_000, 5);
  let sent = 1;
  recorder.onMessage = () => {
    if (sent++ < 20) connection.send(call, grpcMessage(body), false);
    else connection.end(call);
  };
  connection.send(call, grpcMessage(body), false);
  await recorder.done;
  connection.close();
  assert.equal(recorder.statuses.get(0), status.OK);
  assert.equal(recorder.replies.get(0)?.length, 20);
});

test('calls on a connection that breaks end UNAVAILABLE, and it is retired once', async () => {
  const own = await startServer();
  const recorder = new Recorder(2);
  const connection = await RpcConnection.open(own.address, recorder);
  connection.send(connection.start('/test.Service/Hang', 0), grpcMessage(Buffer.from('x')), true);
  connection.send(connection.start('/test.Service/Echo', 1), grpcMessage(Buffer.from('x')), true);
  recorder.onMessage = () => own.server.forceShutdown();
  await recorder.done;
  assert.equal(recorder.statuses.get(0), status.UNAVAILABLE);
  assert.equal(recorder.retirements, 1);
});

test('opening a connection to a port where nothing listens is an error', async () => {
  const own = await startServer();
  own.server.forceShutdown();
  await assert.rejects(RpcConnection.open(own.address, new Recorder(0)), /ECONNREFUSED/);
});

test('a connection that the server retires is replaced', async () => {
  const aged = new Server({ 'grpc.max_connection_age_ms': 100, 'grpc.max_connection_age_grace_ms': 50 });
  aged.addService({ Echo: raw('Echo', false) }, { Echo: echo });
  const port = await new Promise<number>((resolve) => {
    aged.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, bound) => resolve(bound));
  });
  const reconnected = Promise.withResolvers<void>();
  const recorder = new Recorder(1);
  const connections = await Connections.open(`127.0.0.1:${port}`, 1, {
    message: (call, bytes, start, end) => recorder.message(call, bytes, start, end),
    ended: (call, code) => recorder.ended(call, code),
    reconnected: reconnected.resolve,
  });
  const first = connections.pick(0);
  await Promise.race([reconnected.promise, connections.failed]);
  const second = connections.pick(0);
  assert.ok(second !== undefined && second !== first);
  second.send(second.start('/test.Service/Echo', 0), grpcMessage(Buffer.from('again')), true);
  await recorder.done;
  assert.deepEqual(recorder.replies.get(0), [Buffer.from('again')]);
  connections.close();
  aged.forceShutdown();
});
