/**
 * A TCP proxy on the loopback between a client and a server, with faults at the test's command:
 * connections cut at a chosen moment, refused, slow, silent. A connection that has lost bytes stays
 * silent also after `heal`, as it would in life: only new ones serve again.
 */
import { once } from 'node:events';
import { createServer, type Server, Socket } from 'node:net';
import { freePort, LOOPBACK } from './free-port.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** What happens to bytes: nothing reaches anybody, or the server hears what it is asked in vain. */
type Loss = 'everything' | 'replies';

/** Cuts a connection when bytes with `match` come from the client. */
interface Cut {
  readonly match: Buffer;
  /** Before the server hears of it, or once it has answered, before the client hears that. */
  readonly before: 'request' | 'reply';
  readonly done: () => void;
}

export class FaultProxy {
  readonly host = LOOPBACK;
  readonly port: number;
  /** Where new connections lead. */
  target: Target;
  /** What the server answers comes so much later. */
  latencyMs = 0;
  loss: Loss | undefined;
  /** The cut that waits for its moment. */
  cut: Cut | undefined;
  #server: Server | undefined;
  #accepted = 0;
  readonly #connections = new Set<ProxiedConnection>();

  private constructor(target: Target, port: number) {
    this.target = target;
    this.port = port;
  }

  static async start(target: Target): Promise<FaultProxy> {
    const proxy = new FaultProxy(target, await freePort());
    await proxy.#listen();
    return proxy;
  }

  /** How many connections are open. */
  get open(): number {
    return this.#connections.size;
  }

  /** How many connections were ever accepted. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Resets every connection. */
  cutAll(): void {
    for (const connection of this.#connections) connection.reset();
  }

  /**
   * Resets the connection over which the next request with these words comes: before it reaches the
   * server, or when the server has carried it out and its reply is on its way.
   * @returns a promise of the moment after
   */
  cutNext(match: string, before: Cut['before']): Promise<void> {
    return new Promise((done) => {
      this.cut = { match: Buffer.from(match), before, done };
    });
  }

  /** From now on nothing reaches either side, also over new connections; none is closed. */
  blackHole(): void {
    this.loss = 'everything';
  }

  /** From now on the server hears what it is asked, and its answers reach nobody. */
  dropReplies(): void {
    this.loss = 'replies';
  }

  /** Resets every connection and refuses new ones, as a machine without the server does. */
  async refuse(): Promise<void> {
    const closed = this.#server === undefined ? undefined : once(this.#server, 'close');
    this.#server?.close();
    this.#server = undefined;
    this.cutAll();
    await closed;
  }

  /** Ends every fault. */
  async heal(): Promise<void> {
    this.loss = undefined;
    this.latencyMs = 0;
    this.cut = undefined;
    if (this.#server === undefined) await this.#listen();
  }

  /** Resets every connection and ends. */
  async stop(): Promise<void> {
    await this.refuse();
  }

  async #listen(): Promise<void> {
    const server = createServer((client) => this.#accept(client));
    this.#server = server;
    server.listen(this.port, this.host);
    await once(server, 'listening');
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    const connection: ProxiedConnection = new ProxiedConnection(this, client, () => {
      this.#connections.delete(connection);
    });
    this.#connections.add(connection);
  }
}

class ProxiedConnection {
  readonly #proxy: FaultProxy;
  readonly #client: Socket;
  readonly #server: Socket;
  /** The last bytes from the client: what a cut waits for may come in two pieces. */
  #heard: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  /** The cut that this connection's next reply sets off. */
  #cutting: Cut | undefined;
  #lost: Loss | undefined;

  constructor(proxy: FaultProxy, client: Socket, closed: () => void) {
    this.#proxy = proxy;
    this.#client = client.setNoDelay(true);
    this.#server = new Socket().setNoDelay(true);
    client.on('data', (bytes: Buffer) => this.#request(bytes)).on('close', () => this.#server.end());
    client.on('close', closed);
    this.#server
      .on('data', (bytes: Buffer) => this.#reply(bytes))
      .on('close', (failed) => this.#serverClosed(failed));
    // An error is followed by 'close', which tells the other side.
    for (const socket of [client, this.#server]) socket.on('error', () => undefined);
    this.#server.connect(proxy.target.port, proxy.target.host);
  }

  /** The client sees a reset; the server reads to the end what it was sent. */
  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.end();
  }

  #request(bytes: Buffer): void {
    this.#lost ??= this.#proxy.loss;
    if (this.#lost === 'everything') return;
    const cut = this.#takeCut(bytes);
    if (cut?.before === 'request') {
      this.reset();
      cut.done();
      return;
    }
    this.#cutting ??= cut;
    this.#server.write(bytes);
  }

  #reply(bytes: Buffer): void {
    this.#lost ??= this.#proxy.loss;
    if (this.#lost !== undefined) return;
    if (this.#cutting !== undefined) {
      this.reset();
      this.#cutting.done();
      return;
    }
    this.#later(() => this.#client.write(bytes));
  }

  #later(call: () => void): void {
    const { latencyMs } = this.#proxy;
    if (latencyMs === 0) call();
    else setTimeout(call, latencyMs);
  }

  /** The proxy's cut, where these bytes are what it waits for. */
  #takeCut(bytes: Buffer): Cut | undefined {
    const { cut } = this.#proxy;
    if (cut === undefined) return undefined;
    const text = Buffer.concat([this.#heard, bytes]);
    this.#heard = text.subarray(Math.max(0, text.length - cut.match.length));
    if (!text.includes(cut.match)) return undefined;
    this.#proxy.cut = undefined;
    return cut;
  }

  /** Silence hides that the server is gone, too. */
  #serverClosed(failed: boolean): void {
    if (this.#lost !== undefined) return;
    this.#later(() => (failed ? this.#client.resetAndDestroy() : this.#client.end()));
  }
}
