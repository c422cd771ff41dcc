/**
 * Ports of the loopback for servers that can't choose one themselves. They lie below the range from
 * which the kernel gives out ports for outgoing connections: a client that tries again and again to
 * reach a server that is down would else, by chance, get the server's port and connect to itself.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';

export const LOOPBACK = '127.0.0.1';

const FIRST_PORT = 20_000;
const PORTS = 12_000;
/** Test files run at the same time look for theirs from different places on. */
const STRIDE = 64;
let asked = 0;

/** A port that nobody listens on now; another process may still be quicker to take it. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < PORTS; attempt += 1) {
    const port = FIRST_PORT + ((process.pid * STRIDE + asked++) % PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`none of the ports from ${FIRST_PORT} to ${FIRST_PORT + PORTS - 1} is free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, LOOPBACK);
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
    throw error;
  }
}
