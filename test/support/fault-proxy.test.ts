/** The fault-injecting proxy between a client and a server that answers each line. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/clock/clock.ts';
import { FaultProxy } from './fault-proxy.ts';
import { freePort, LOOPBACK } from './free-port.ts';
import { until } from './waiting.ts';

/** Long enough for bytes on the loopback to arrive that must not. */
const SILENCE_MS = 50;

/** A server that answers "x\n" with "you said x\n", and what it has heard. */
async function echo(t: TestContext): Promise<{ port: number; heard: () => string }> {
  const port = await freePort();
  let heard = '';
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setEncoding('utf8').on('error', () => undefined);
    socket.on('data', (text: string) => {
      heard += text;
      for (const line of text.split('\n').slice(0, -1)) socket.write(`you said ${line}\n`);
    });
  });
  server.listen(port, LOOPBACK);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port, heard: () => heard };
}

class Talker {
  readonly socket: Socket;
  heard = '';
  failure: string | undefined;
  closed = false;

  constructor(port: number) {
    this.socket = connect(port, LOOPBACK);
    this.socket.setEncoding('utf8').on('data', (text: string) => {
      this.heard += text;
    });
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.failure = error.code;
    });
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  say(line: string): void {
    this.socket.write(`${line}\n`);
  }

  async ask(line: string): Promise<void> {
    this.say(line);
    await until(`an answer to ${line}`, () => this.heard.endsWith(`you said ${line}\n`));
  }

  async untilReset(): Promise<void> {
    await until('a reset', () => this.failure === 'ECONNRESET' && this.closed);
  }
}

async function proxied(t: TestContext) {
  const server = await echo(t);
  const proxy = await FaultProxy.start({ host: LOOPBACK, port: server.port });
  t.after(() => proxy.stop());
  const talker = (): Talker => {
    const made = new Talker(proxy.port);
    t.after(() => made.socket.destroy());
    return made;
  };
  return { server, proxy, talker };
}

test('without a fault it passes everything on, and closes with either side', async (t) => {
  const { proxy, talker } = await proxied(t);
  const one = talker();
  await one.ask('a');
  await one.ask('b');
  assert.equal(one.heard, 'you said a\nyou said b\n');
  assert.deepEqual([proxy.open, proxy.accepted], [1, 1]);
  one.socket.end();
  await until('the connection to be closed', () => proxy.open === 0);
});

test('cutAll resets every connection; new ones serve', async (t) => {
  const { proxy, talker } = await proxied(t);
  const one = talker();
  await one.ask('a');
  proxy.cutAll();
  await one.untilReset();
  await talker().ask('b');
});

test('cutNext before the request: the server never hears of it', async (t) => {
  const { server, proxy, talker } = await proxied(t);
  const [one, other] = [talker(), talker()];
  await Promise.all([one.ask('a'), other.ask('a')]);
  const cut = proxy.cutNext('magic', 'request');
  await one.ask('b');
  one.say('a magic word');
  await cut;
  await one.untilReset();
  await other.ask('magic');
  assert.doesNotMatch(server.heard(), /a magic word/);
});

test('cutNext before the reply: the server hears it, the client nothing', async (t) => {
  const { server, proxy, talker } = await proxied(t);
  const one = talker();
  await one.ask('a');
  const cut = proxy.cutNext('magic word', 'reply');
  one.socket.write('mag');
  await delay(SILENCE_MS);
  one.socket.write('ic word\n');
  await cut;
  await one.untilReset();
  assert.equal(one.heard, 'you said a\n');
  assert.equal(server.heard(), 'a\nmagic word\n');
});

test('a black hole swallows everything and closes nothing; what lost bytes stays silent', async (t) => {
  const { server, proxy, talker } = await proxied(t);
  const [one, idle] = [talker(), talker()];
  await Promise.all([one.ask('a'), idle.ask('a')]);
  proxy.blackHole();
  one.say('b');
  const late = talker();
  late.say('c');
  await delay(SILENCE_MS);
  await proxy.heal();
  one.say('d');
  await delay(SILENCE_MS);
  assert.equal(server.heard(), 'a\na\n');
  assert.deepEqual([one.heard, one.closed, late.closed], ['you said a\n', false, false]);
  await idle.ask('e');
  await talker().ask('f');
});

test('dropped replies: the server hears, the client waits', async (t) => {
  const { server, proxy, talker } = await proxied(t);
  const one = talker();
  await one.ask('a');
  proxy.dropReplies();
  one.say('b');
  await until('the server to hear', () => server.heard() === 'a\nb\n');
  await delay(SILENCE_MS);
  assert.deepEqual([one.heard, one.closed], ['you said a\n', false]);
});

test('refused: connections are reset and new ones fail, until it heals', async (t) => {
  const { proxy, talker } = await proxied(t);
  const one = talker();
  await one.ask('a');
  await proxy.refuse();
  await one.untilReset();
  const late = talker();
  await until('a refusal', () => late.failure === 'ECONNREFUSED');
  await proxy.heal();
  await talker().ask('b');
});

test('latency delays replies and keeps their order', async (t) => {
  const { proxy, talker } = await proxied(t);
  const one = talker();
  await one.ask('a');
  proxy.latencyMs = 100;
  const start = systemClock.nowMs();
  one.say('b');
  await one.ask('c');
  // A timer may be a millisecond early by the other clock.
  assert.ok(systemClock.nowMs() - start >= 98);
  assert.equal(one.heard, 'you said a\nyou said b\nyou said c\n');
});

test('a server that is not there: the connection is reset', async (t) => {
  const { proxy, talker } = await proxied(t);
  proxy.target = { host: LOOPBACK, port: await freePort() };
  await talker().untilReset();
});

test('it leads new connections to a new target', async (t) => {
  const { server, proxy, talker } = await proxied(t);
  const other = await echo(t);
  await talker().ask('a');
  proxy.target = { host: LOOPBACK, port: other.port };
  await talker().ask('b');
  assert.deepEqual([server.heard(), other.heard()], ['a\n', 'b\n']);
});
