/** The program as a process of its own: signals, pipes and exit codes as a shell sees them. */
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { Outcome } from '../../src/domain/claim.ts';
import { CannedServer, type Message } from './canned-server.ts';

const MAIN = fileURLToPath(new URL('../../src/claimctl/main.ts', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(address: string, ...args: string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [MAIN, ...args], { env: { CLAIMS_ADDRESS: address } });
}

async function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const [code] = await once(child, 'close');
  return { code, out, err };
}

const ACCEPTED = { outcome: Outcome.ACCEPTED };

/** Epochs without end, as fast as the client reads. */
function endlessly(_request: Message, call: ServerWritableStream<Message, Message>): void {
  let epoch = 0;
  const more = (): void => {
    do epoch += 1;
    while (!call.cancelled && call.write({ summary: { epoch } }) && epoch % 1_000 !== 0);
    if (!call.cancelled) setTimeout(more, 1);
  };
  more();
}

test('an answer, its exit code, and the environment', async () => {
  const server = await CannedServer.start({
    unary: { SubmitClaim: () => ({ result: { outcome: Outcome.TAKEN, epoch: 7 } }) },
  });
  const { code, out, err } = await ended(start(server.address, 'submit', 'c', 'p'));
  server.stop();
  assert.deepEqual([code, err], [1, '']);
  assert.equal(out, 'TAKEN: claim c, player p, another player has it, decided in epoch 7\n');
});

test('claims from a pipe', async () => {
  const server = await CannedServer.start({
    unary: { BatchSubmitClaims: ({ items = [] }) => ({ results: items.map(() => ACCEPTED) }) },
  });
  const child = start(server.address, 'batch', 'submit', '--json');
  child.stdin.end('claim_id,player_id\nc1,p1\nc2,p2\n');
  const { code, out, err } = await ended(child);
  server.stop();
  assert.deepEqual([code, err, JSON.parse(out).outcomes.ACCEPTED], [0, '', 2]);
});

test('SIGINT ends a watch with 0 and without a word', async () => {
  const server = await CannedServer.start({ watch: (_, call) => call.write({ summary: { epoch: 7 } }) });
  const child = start(server.address, 'watch');
  child.stdout.once('data', () => child.kill('SIGINT'));
  const { code, out, err } = await ended(child);
  server.stop();
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, /^epoch 7 {2}[^\n]*\n$/);
});

test('SIGINT ends a batch that waits for its input, with 130', async () => {
  const server = await CannedServer.start({
    unary: { BatchSubmitClaims: ({ items = [] }) => ({ results: items.map(() => ACCEPTED) }) },
  });
  const child = start(server.address, 'batch', 'submit', '--batch-size', '1');
  child.stdin.write('claim_id,player_id\nc1,p1\nc2,p2\n');
  const waiting = setInterval(() => {
    if (server.asked.length === 0) return;
    clearInterval(waiting);
    child.kill('SIGINT');
  }, 10);
  const { code, err } = await ended(child);
  server.stop();
  assert.equal(code, 130);
  assert.match(err, /^claimctl: interrupted; \d items were sent, up to standard input:\d\n$/);
});

test('a reader that goes away ends a watch quietly', async () => {
  const server = await CannedServer.start({ watch: endlessly });
  const child = start(server.address, 'watch');
  child.stdout.once('data', () => child.stdout.destroy());
  let err = '';
  child.stderr.on('data', (text: Buffer) => {
    err += text.toString();
  });
  const [code] = await once(child, 'exit');
  server.stop();
  assert.deepEqual([code, err], [0, '']);
});

test('an error is one line on standard error', async () => {
  const { code, out, err } = await ended(start('127.0.0.1:1', 'get', 'c'));
  assert.deepEqual([code, out], [3, '']);
  assert.match(err, /^claimctl: 127\.0\.0\.1:1: UNAVAILABLE: [^\n]*\n$/);
});
