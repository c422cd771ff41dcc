/**
 * The floor of every measurement: a bare grpc-js server whose handlers take raw bytes and answer
 * a constant reply of the size that claimd's would have. Nothing is decoded, decided or kept.
 *
 *   node loadtest/echo-server.ts [--listen 127.0.0.1:0] [--batch-items 1000]
 *
 * Logs the same "serving" line as claimd and ends on SIGTERM with code 0.
 */
import { parseArgs } from 'node:util';
import { type handleUnaryCall, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { RECEIVE_MAX_BYTES, SEND_MAX_BYTES } from '../src/limits.ts';
import { bytesField, readFrameId, sampleResult, varintField } from './measure/messages.ts';

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

function main(): void {
  const { values } = parseArgs({
    options: {
      listen: { type: 'string', default: '127.0.0.1:0' },
      'batch-items': { type: 'string', default: '1000' },
    },
  });
  const server = echoServer(Number(values['batch-items']));
  const host = values.listen.slice(0, values.listen.lastIndexOf(':'));
  server.bindAsync(values.listen, ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    process.stdout.write(`${JSON.stringify({ msg: 'serving', address: `${host}:${port}` })}\n`);
  });
  process.on('SIGTERM', () => {
    server.forceShutdown();
    process.exitCode = 0;
  });
}

main();
