/**
 * The load generator's connections. One that the server retires (drain, or its greatest age) is
 * replaced, and calls go to the others meanwhile, as a game server's client would do it.
 */
import { type CallHandler, RpcConnection } from './connection.ts';

export interface ConnectionsHandler extends Omit<CallHandler, 'retired'> {
  /** A connection is there again after none was. */
  reconnected(): void;
}

export class Connections {
  readonly #address: string;
  readonly #handler: ConnectionsHandler;
  readonly #live: RpcConnection[] = [];
  readonly #failed = Promise.withResolvers<never>();
  #closing = false;

  /** Opens `count` connections to "host:port". @throws Error where nothing listens there. */
  static async open(address: string, count: number, handler: ConnectionsHandler): Promise<Connections> {
    const connections = new Connections(address, handler);
    for (let i = 0; i < count; i++) await connections.#open();
    return connections;
  }

  private constructor(address: string, handler: ConnectionsHandler) {
    this.#address = address;
    this.#handler = handler;
  }

  /** Rejects where a connection could not be replaced; never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** The connection of caller number n; undefined while there is none. */
  pick(n: number): RpcConnection | undefined {
    return this.#live[n % this.#live.length];
  }

  close(): void {
    this.#closing = true;
    for (const connection of this.#live) connection.close();
  }

  async #open(): Promise<void> {
    const connection = await RpcConnection.open(this.#address, {
      message: (call, bytes, start, end) => this.#handler.message(call, bytes, start, end),
      ended: (call, status) => this.#handler.ended(call, status),
      retired: (retired) => this.#replace(retired),
    });
    this.#live.push(connection);
  }

  #replace(retired: RpcConnection): void {
    const index = this.#live.indexOf(retired);
    if (index >= 0) this.#live.splice(index, 1);
    if (this.#closing) return;
    this.#open().then(() => {
      if (this.#live.length === 1) this.#handler.reconnected();
    }, this.#failed.reject);
  }
}
