/**
 * The floor of every measurement: a bare grpc-js server whose handlers take raw bytes and answer
 * a constant reply of the size that claimd's would have. Nothing is decoded, decided or kept.
 *
 *   node loadtest/echo-server.ts [--listen 127.0.0.1:0] [--batch-items 1000] [--threads 1]
 *     [--placement passed]
 *
 * With several threads each has a gRPC server of its own and, as claimd's ingress threads do, a
 * young generation of 6 MB; `--placement` says how they come by their connections: passed by the
 * main thread in turn, or accepted by themselves on one port (`reuse-port`).
 *
 * Logs the same "serving" line as claimd and ends on SIGTERM with code 0.
 */
import { once } from 'node:events';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type handleUnaryCall, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { RECEIVE_MAX_BYTES, SEND_MAX_BYTES } from '../src/limits.ts';
import { bytesField, readFrameId, sampleResult, varintField } from './measure/messages.ts';

/** As that of claimd's ingress threads (src/serving/ingress-worker). */
const YOUNG_GENERATION_MB = 6;
const SERVICE = 'claims.v1.ClaimService';

/** The limits claimd's server has; everything else is grpc-js's default on both sides. */
const SERVER_OPTIONS = {
  'grpc.max_receive_message_length': RECEIVE_MAX_BYTES,
  'grpc.max_send_message_length': SEND_MAX_BYTES,
};

const identity = (bytes: Buffer): Buffer => bytes;

/** A method whose messages stay bytes on both sides. */
function rawMethod(name: string, streamed: boolean) {
  return {
    path: `/${SERVICE}/${name}`,
    requestStream: streamed,
    responseStream: streamed,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  };
}

/** Answers every call with the same bytes. */
function constant(reply: Buffer): handleUnaryCall<Buffer, Buffer> {
  return (_call, callback) => callback(null, reply);
}

/** Answers every frame of a stream with the same results under the frame's own id. */
function exchange(frameResults: Buffer) {
  return (call: ServerDuplexStream<Buffer, Buffer>): void => {
    call.on('data', (frame: Buffer) => {
      const id = varintField(1, readFrameId(frame, 0, frame.length));
      call.write(Buffer.concat([id, frameResults]));
    });
    call.on('end', () => call.end());
    // A client that goes away ends its own stream only.
    call.on('error', () => call.end());
  };
}

/** `items` results in field `field`. */
function results(field: number, items: number): Buffer {
  return Buffer.concat(Array<Buffer>(items).fill(bytesField(field, sampleResult())));
}

function echoServer(batchItems: number): Server {
  const server = new Server(SERVER_OPTIONS);
  const unary = constant(results(1, 1));
  const batch = constant(results(1, batchItems));
  server.addService(
    {
      SubmitClaim: rawMethod('SubmitClaim', false),
      ValidateClaim: rawMethod('ValidateClaim', false),
      GetClaim: rawMethod('GetClaim', false),
      BatchSubmitClaims: rawMethod('BatchSubmitClaims', false),
      BatchValidateClaims: rawMethod('BatchValidateClaims', false),
      ExchangeClaims: rawMethod('ExchangeClaims', true),
    },
    {
      SubmitClaim: unary,
      ValidateClaim: unary,
      GetClaim: unary,
      BatchSubmitClaims: batch,
      BatchValidateClaims: batch,
      ExchangeClaims: exchange(results(2, batchItems)),
    },
  );
  return server;
}

interface EchoOptions {
  readonly host: string;
  readonly port: number;
  readonly batchItems: number;
  readonly threads: number;
  readonly placement: 'passed' | 'reuse-port';
}

function readOptions(): EchoOptions {
  const { values } = parseArgs({
    options: {
      listen: { type: 'string', default: '127.0.0.1:0' },
      'batch-items': { type: 'string', default: '1000' },
      threads: { type: 'string', default: '1' },
      placement: { type: 'string', default: 'passed' },
    },
  });
  const { placement } = values;
  if (placement !== 'passed' && placement !== 'reuse-port') {
    throw new Error(`--placement ${placement}: passed, reuse-port are allowed`);
  }
  const colon = values.listen.lastIndexOf(':');
  return {
    host: values.listen.slice(0, colon),
    port: Number(values.listen.slice(colon + 1)),
    batchItems: Number(values['batch-items']),
    threads: Number(values.threads),
    placement,
  };
}

/** Resolves to the port, once the server listens. */
async function listen(server: NetServer, host: string, port: number, reusePort: boolean): Promise<number> {
  server.listen({ host, port, reusePort });
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

/** Gives connections to a gRPC server, as it comes by them. */
function injector(batchItems: number): (connection: Socket) => void {
  const injected = echoServer(batchItems).createConnectionInjector(ServerCredentials.createInsecure());
  return (connection) => {
    injected.injectConnection(connection);
    connection.resume();
  };
}

/** An echo thread: takes what it is passed, and what it accepts itself where it is told a port. */
async function serveOnThread({ host, port, batchItems, placement }: EchoOptions): Promise<void> {
  const serve = injector(batchItems);
  parentPort?.on('message', serve);
  if (placement === 'reuse-port') await listen(createServer(serve), host, port, true);
  parentPort?.postMessage('ready');
}

async function startThread(options: EchoOptions, number: number): Promise<Worker> {
  const thread = new Worker(process.argv[1], {
    name: `echo-${number}`,
    workerData: options,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  });
  await once(thread, 'message');
  return thread;
}

/** @returns the port. */
async function serveOnThreads(options: EchoOptions): Promise<number> {
  const numbers = Array.from({ length: options.threads }, (_, number) => number);
  if (options.placement === 'reuse-port') {
    // Holds a port that was chosen by the system until the threads have it; it takes no connection.
    const holder = createServer();
    const port = await listen(holder, options.host, options.port, true);
    await Promise.all(numbers.map((number) => startThread({ ...options, port }, number)));
    holder.close();
    return port;
  }
  const threads = await Promise.all(numbers.map((number) => startThread(options, number)));
  let next = 0;
  const pass = (connection: Socket): void => {
    threads[next].postMessage(connection, [connection]);
    next = (next + 1) % threads.length;
  };
  return listen(createServer({ pauseOnConnect: true }, pass), options.host, options.port, false);
}

async function main(options: EchoOptions): Promise<void> {
  const { host, port, batchItems, threads } = options;
  const serve = async (): Promise<number> =>
    listen(createServer({ pauseOnConnect: true }, injector(batchItems)), host, port, false);
  const bound = await (threads === 1 ? serve() : serveOnThreads(options));
  process.stdout.write(`${JSON.stringify({ msg: 'serving', address: `${host}:${bound}` })}\n`);
  process.on('SIGTERM', () => process.exit(0));
}

await (isMainThread ? main(readOptions()) : serveOnThread(workerData));
