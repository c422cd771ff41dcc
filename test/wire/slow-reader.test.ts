/**
 * Clients that send and do not read: the server stops reading them, its memory stays bounded,
 * others are served; when they read again every frame is answered once.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { BATCH_MAX_ITEMS } from '../../src/limits.ts';
import { type Claimd, startClaimd } from '../support/claimd.ts';
import { ClaimClient, type Exchange, type Frame, type FrameReply, type Item } from '../support/client.ts';
import { residentBytes } from '../support/memory-of.ts';
import { until } from '../support/waiting.ts';

const MEBIBYTE = 1 << 20;
/** Replies to all of these would be about 170 MiB. */
const FRAMES = 500;
const FRAME_ITEMS = BATCH_MAX_ITEMS / 4;
/** What a stalled stream may add: two full frames' replies, buffers, garbage not yet collected. */
const GROWTH_MAX_BYTES = 96 * MEBIBYTE;
/** A stream that takes no frame for so long is held back, not slow. */
const STALL_MS = 1_000;
const STALLED_STREAMS = 6;

interface Stalled {
  readonly exchange: Exchange;
  readonly replies: AsyncGenerator<FrameReply>;
  /** Frames sent; the first is answered and read. */
  readonly sent: number;
}

let claimd: Claimd;
let slow: readonly ClaimClient[];
let other: ClaimClient;

before(async () => {
  claimd = await startClaimd({ env: { CLAIMS_VALIDATION_WINDOW_MS: '600000' } });
  slow = Array.from({ length: STALLED_STREAMS }, () => new ClaimClient(claimd.address));
  other = new ClaimClient(claimd.address);
});

after(async () => {
  for (const client of [...slow, other]) client.close();
  assert.equal(await claimd.stop(), 0);
});

const known = Array.from({ length: FRAME_ITEMS }, (_, n): Item => {
  return { claimId: `known-${n}`.padEnd(64, '.'), playerId: 'p'.repeat(64) };
});
const malformed = Array.from({ length: FRAME_ITEMS }, (): Item => ({ claimId: '', playerId: 'p' }));

for (const [name, items, outcome] of [
  ['known claims', known, 'REPLAYED'],
  ['malformed items, whose replies are longer than they', malformed, 'INVALID'],
] as const) {
  test(`a reader that stalls on ${name}`, async () => {
    await other.batchSubmit(items);
    await warmUp(items);
    const before = await residentBytes(claimd.pid);
    const { exchange, replies, sent } = await stall(slow[0], items);
    await checkOthersAreServed(name);
    const growth = (await residentBytes(claimd.pid)) - before;
    assert.ok(growth < GROWTH_MAX_BYTES, `RSS grew by ${growth / MEBIBYTE} MiB after ${sent} frames`);

    exchange.halfClose();
    const answered = new Set<bigint>([0n]);
    for await (const reply of replies) {
      assert.ok(!answered.has(reply.frameId), `frame ${reply.frameId} was answered twice`);
      answered.add(reply.frameId);
      assert.equal(reply.submits.length, items.length);
      assert.ok(reply.submits.every((result) => result.outcome === outcome));
    }
    assert.equal(answered.size, sent);
  });
}

test('many streams that stall hold nothing that others need', async () => {
  const stalled = await Promise.all(slow.map((client) => stall(client, known)));
  // What they sent before they stalled may yet fill the server for a moment.
  let round = 0;
  await until('room for others', () => checkOthersAreServed(`many${round++}`).then(() => true, isFull));
  for (const { exchange } of stalled) exchange.cancel();
  await checkOthersAreServed('after-cancel');
});

/** Lets the heap grow to what this load needs of itself, so that growth shows what stalls hold. */
async function warmUp(items: readonly Item[]): Promise<void> {
  const frames = Array.from({ length: 20 }, (_, n): Frame => ({ frameId: BigInt(n), submits: items }));
  await other.exchange().all(frames);
}

/** Sends frames and reads the first reply only, until the server takes no more. */
async function stall(client: ClaimClient, items: readonly Item[]): Promise<Stalled> {
  const exchange = client.exchange();
  const replies = exchange.replies();
  exchange.send({ frameId: 0n, submits: items });
  // grpc-js reads without bound until the first message has been asked for.
  await replies.next();
  for (let sent = 1; sent < FRAMES; sent++) {
    const room = exchange.send({ frameId: BigInt(sent), submits: items });
    if (!room && !(await drains(exchange))) return { exchange, replies, sent: sent + 1 };
  }
  assert.fail('the server reads on and on for a client that does not');
}

function drains(exchange: Exchange): Promise<boolean> {
  return new Promise((resolve) => {
    const stalled = setTimeout(() => resolve(false), STALL_MS);
    exchange.onceDrained(() => {
      clearTimeout(stalled);
      resolve(true);
    });
  });
}

function isFull(error: { code?: unknown }): false {
  if (error.code !== status.RESOURCE_EXHAUSTED) throw error;
  return false;
}

async function checkOthersAreServed(name: string): Promise<void> {
  for (let n = 0; n < 20; n++) {
    const item = { claimId: `${name}-${n}`.slice(0, 64), playerId: 'p' };
    assert.equal((await other.submit(item)).outcome, 'ACCEPTED');
    assert.equal((await other.validate(item)).outcome, 'ACCEPTED');
  }
  const results = await other.batchSubmit(known);
  assert.ok(results.every(({ outcome }) => outcome === 'ACCEPTED' || outcome === 'REPLAYED'));
}
