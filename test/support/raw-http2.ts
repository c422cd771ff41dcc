/** gRPC calls over bare HTTP/2, for framing that no gRPC library would send. */
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type Settings,
} from 'node:http2';
import { SERVICE_NAME } from './client.ts';

const GUARD_MS = 15_000;
/** For tests that send what the server does not take; Node would end the session at 10. */
const SESSION_MEMORY_MB = 1_000;

/** What became of a call: its grpc-status, or how the stream ended without one. */
export interface CallEnd {
  readonly grpcStatus: number | undefined;
  readonly httpStatus: number | undefined;
  /** HTTP/2 error code of a reset; 0 for none. */
  readonly resetCode: number;
}

export class RawSession {
  readonly #session: ClientHttp2Session;

  constructor(address: string) {
    this.#session = connect(`http://${address}`, { maxSessionMemory: SESSION_MEMORY_MB });
    this.#session.on('error', () => undefined);
  }

  /** Begins a call; further headers replace the usual ones. */
  call(method: string, headers: Record<string, string> = {}): ClientHttp2Stream {
    return this.#session.request({
      ':method': 'POST',
      ':path': `/${SERVICE_NAME}/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
  }

  /** Sends bytes as the whole body of a call and waits for its end. */
  async send(method: string, body: Buffer, headers: Record<string, string> = {}): Promise<CallEnd> {
    const stream = this.call(method, headers);
    const end = endOf(stream);
    stream.end(body);
    return end;
  }

  /** What the server has said it takes. */
  async remoteSettings(): Promise<Settings> {
    const [settings]: Settings[] = await once(this.#session, 'remoteSettings');
    return settings;
  }

  /** Drops the connection, mid-frame where one is being sent. */
  destroy(): void {
    this.#session.destroy();
  }
}

/** A message in gRPC's framing: a flag of compression, four bytes of length, the bytes. */
export function framed(message: Buffer, { flag = 0, length = message.length } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** Waits for the end of a call. @throws Error where it hangs */
export function endOf(stream: ClientHttp2Stream): Promise<CallEnd> {
  const { promise, resolve, reject } = Promise.withResolvers<CallEnd>();
  let grpcStatus: number | undefined;
  let httpStatus: number | undefined;
  const read = (headers: NodeJS.Dict<string | string[] | number>): void => {
    if (headers['grpc-status'] !== undefined) grpcStatus = Number(headers['grpc-status']);
    if (headers[':status'] !== undefined) httpStatus = Number(headers[':status']);
  };
  stream.on('response', read).on('trailers', read);
  stream.on('error', () => undefined);
  const guard = setTimeout(() => {
    stream.close(constants.NGHTTP2_CANCEL);
    reject(new Error(`no end of the call within ${GUARD_MS} ms`));
  }, GUARD_MS);
  stream.on('close', () => {
    clearTimeout(guard);
    resolve({ grpcStatus, httpStatus, resetCode: stream.rstCode });
  });
  stream.resume();
  return promise;
}
