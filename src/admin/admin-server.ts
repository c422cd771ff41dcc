/** The admin port: /healthz, /readyz, /config and /metrics over HTTP, apart from what clients call. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AdminPages {
  readiness(): { readonly ready: boolean; readonly reason: string };
  /** The settings in force, without secrets. */
  config(): unknown;
  /** Prometheus text exposition. */
  metrics(response: ServerResponse): void;
}

export class AdminServer {
  readonly #pages: AdminPages;
  readonly #server: Server;

  constructor(pages: AdminPages) {
    this.#pages = pages;
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  /** @returns the address bound; rejects where the port is in use. */
  listen(host: string, port: number): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      reply(response, 405, { error: 'only GET and HEAD are served here' });
      return;
    }
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        reply(response, 200, { alive: true });
        return;
      case '/readyz': {
        const readiness = this.#pages.readiness();
        reply(response, readiness.ready ? 200 : 503, readiness);
        return;
      }
      case '/config':
        reply(response, 200, this.#pages.config());
        return;
      case '/metrics':
        this.#pages.metrics(response);
        return;
      default:
        reply(response, 404, { error: 'pages: /healthz /readyz /config /metrics' });
    }
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
