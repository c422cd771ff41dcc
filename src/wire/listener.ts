/**
 * The port that gRPC is served on. It accepts connections and hands them on, unread: whoever takes
 * one may be another thread.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { AddressNotAvailable } from '../domain/errors.ts';

/** A peer that has been silent so long is asked whether it still lives; Linux gives it up two minutes later. */
const KEEP_ALIVE_MS = 60_000;

export class Listener {
  readonly #server: Server;

  /** @param accept is given each connection, of which nothing has been read. */
  constructor(accept: (connection: Socket) => void) {
    const options = { pauseOnConnect: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
    this.#server = createServer(options, accept);
  }

  /**
   * @param host a name, an IPv4 address, or an IPv6 address without brackets.
   * @returns the port, chosen by the system where 0 was asked for.
   * @throws AddressNotAvailable
   */
  listen(host: string, port: number): Promise<number> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      const refused = (error: Error): void => {
        reject(new AddressNotAvailable(`can't serve on ${hostAndPort(host, port)}: ${error.message}`));
      };
      server.once('error', refused);
      server.listen({ host, port }, () => {
        server.off('error', refused);
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Accepts no more connections; those accepted are not its own any more. */
  close(): void {
    this.#server.close();
  }
}

/** As an address is written: an IPv6 host in brackets. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
