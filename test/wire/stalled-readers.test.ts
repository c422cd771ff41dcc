/**
 * Clients that ask and never read, over bare HTTP/2: batches are refused once so many replies wait,
 * streams and watches are read no further; the server's memory stays bounded, others are served,
 * and when they read again each admitted call is answered once and whole.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { after, before, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import {
  BATCH_MAX_ITEMS,
  CONNECTION_MAX_STREAMS,
  CONNECTION_UNREAD_MAX_BYTES,
  UNREAD_MAX_BYTES,
} from '../../src/limits.ts';
import { type Claimd, startClaimd } from '../support/claimd.ts';
import { ClaimClient, encoded, type Item } from '../support/client.ts';
import { residentBytes } from '../support/memory-of.ts';
import { messageType } from '../support/oracle.ts';
import { framed, RawSession } from '../support/raw-http2.ts';
import { until } from '../support/waiting.ts';

const MEBIBYTE = 1 << 20;
/** Messages and entries under way, buffers between the processes, garbage that was not yet collected. */
const SLACK_BYTES = 96 * MEBIBYTE;
/** Of one connection: replies to all of them would be about 340 MiB. */
const CALLS = 250;
/** On each of 40 streams; all of them, with their replies, would be 500 MB. */
const FRAMES = 5;
/** Their replies at the bound of each would be 160 MiB. */
const CONNECTIONS = 20;

/** The longest ids there are: the reply to a batch of them has 1.3 MiB. */
const known = Array.from({ length: BATCH_MAX_ITEMS }, (_, n): Item => {
  return { claimId: `known-${n}`.padEnd(64, '.'), playerId: 'p'.repeat(64) };
});
const BATCH = framed(encoded('BatchSubmitClaims', { items: known }));
const batchReply = messageType('BatchSubmitClaimsResponse');

let claimd: Claimd;
let other: ClaimClient;
/** The reply to BATCH, in gRPC's framing. */
let replyBytes: number;
/** What waits while it is not read: it and its request. */
let heldBytes: number;

before(async () => {
  claimd = await startClaimd({ env: { CLAIMS_VALIDATION_WINDOW_MS: '600000', CLAIMS_INGRESS_THREADS: '1' } });
  other = new ClaimClient(claimd.address);
  await other.batchSubmit(known);
  // The heap grows to what this load needs of itself, so that growth shows what stalls hold.
  for (let n = 0; n < 20; n += 1)
    replyBytes = (await other.raw('BatchSubmitClaims', BATCH.subarray(5))).length + 5;
  heldBytes = replyBytes + BATCH.length;
});

after(async () => {
  other.close();
  assert.equal(await claimd.stop(), 0);
});

function sessionFor(t: { after(call: () => void): void }): RawSession {
  const session = new RawSession(claimd.address);
  t.after(() => session.destroy());
  return session;
}

/** A batch whose reply nobody reads. @returns it, or undefined where it was refused. */
async function askUnread(session: RawSession): Promise<ClientHttp2Stream | undefined> {
  const stream = session.call('BatchSubmitClaims');
  stream.on('error', () => undefined);
  stream.end(BATCH);
  const [headers]: IncomingHttpHeaders[] = await once(stream, 'response');
  if (headers['grpc-status'] === undefined) return stream;
  assert.equal(Number(headers['grpc-status']), status.RESOURCE_EXHAUSTED);
  assert.ok(headers['grpc-status-details-bin'] !== undefined, 'it says when to come again');
  return undefined;
}

/** Asks so often. @returns the calls that were admitted, their replies unread. */
async function askOften(session: RawSession, calls: number): Promise<ClientHttp2Stream[]> {
  const admitted: ClientHttp2Stream[] = [];
  for (let n = 0; n < calls; n += 1) {
    const stream = await askUnread(session);
    if (stream !== undefined) admitted.push(stream);
  }
  return admitted;
}

/** Reads a reply to its end: it is whole, and every claim in it is answered. */
async function checkAnswered(stream: ClientHttp2Stream): Promise<void> {
  const chunks: Buffer[] = [];
  let grpcStatus: unknown;
  stream.on('trailers', (trailers: IncomingHttpHeaders) => {
    grpcStatus = trailers['grpc-status'];
  });
  for await (const chunk of stream) chunks.push(chunk);
  const reply = Buffer.concat(chunks);
  assert.equal(reply.length, replyBytes);
  assert.equal(Number(grpcStatus), status.OK);
  const { results } = batchReply.toObject(batchReply.decode(reply.subarray(5)), { enums: String });
  assert.equal(results.length, known.length);
  assert.ok(results.every((result: { outcome: string }) => result.outcome === 'OUTCOME_REPLAYED'));
}

async function checkOthersAreServed(name: string): Promise<void> {
  const fresh = Array.from({ length: 100 }, (_, n): Item => ({ claimId: `${name}-${n}`, playerId: 'p' }));
  assert.ok((await other.batchSubmit(fresh)).every(({ outcome }) => outcome === 'ACCEPTED'));
  assert.ok((await other.batchValidate(fresh)).every(({ outcome }) => outcome === 'ACCEPTED'));
  assert.equal((await other.get(fresh[0].claimId)).status, 'VALIDATED');
  assert.ok((await other.batchSubmit(known)).every(({ outcome }) => outcome === 'REPLAYED'));
}

async function checkGrowth(before: number, allowed: number): Promise<void> {
  const growth = (await residentBytes(claimd.pid)) - before;
  assert.ok(growth < allowed + SLACK_BYTES, `RSS grew by ${growth / MEBIBYTE} MiB`);
}

test('batches of a connection that does not read are refused, and served when it has read', async (t) => {
  const session = sessionFor(t);
  const before = await residentBytes(claimd.pid);
  const admitted = await askOften(session, CALLS);
  assert.equal(admitted.length, Math.ceil(CONNECTION_UNREAD_MAX_BYTES / heldBytes));
  await checkGrowth(before, CONNECTION_UNREAD_MAX_BYTES);
  await checkOthersAreServed('one');
  await Promise.all(admitted.map(checkAnswered));
  await until('room for a batch', async () => {
    const stream = await askUnread(session);
    if (stream === undefined) return false;
    await checkAnswered(stream);
    return true;
  });
});

test('calls given up while their replies wait make room', async (t) => {
  const session = sessionFor(t);
  for (let round = 0; round < 3; round += 1) {
    const admitted = await askOften(session, 10);
    assert.ok(admitted.length < 10);
    for (const stream of admitted) stream.close(constants.NGHTTP2_CANCEL);
    await until('room for a batch', async () => {
      const stream = await askUnread(session);
      stream?.close(constants.NGHTTP2_CANCEL);
      return stream !== undefined;
    });
  }
});

test('many connections that do not read share a bound, and leave others served', async (t) => {
  const before = await residentBytes(claimd.pid);
  const sessions = Array.from({ length: CONNECTIONS }, () => sessionFor(t));
  const admitted: ClientHttp2Stream[] = [];
  for (const session of sessions) admitted.push(...(await askOften(session, 10)));
  // Each has one reply more than there is room for at most.
  const bound = UNREAD_MAX_BYTES + CONNECTIONS * heldBytes;
  assert.ok(admitted.length * heldBytes <= bound, `${admitted.length} replies wait`);
  assert.ok(admitted.length * heldBytes >= UNREAD_MAX_BYTES);
  await checkGrowth(before, bound);
  await checkOthersAreServed('many');
  await Promise.all(admitted.map(checkAnswered));
  await checkOthersAreServed('many-read');
});

test('many streams of a connection that does not read are read no further', async (t) => {
  const session = sessionFor(t);
  const frame = framed(encoded('ExchangeClaims', { frameId: '1', submits: known }));
  const before = await residentBytes(claimd.pid);
  const streams = Array.from({ length: 40 }, () => session.call('ExchangeClaims'));
  // What it would send if it were read on and on; the rest waits on this side.
  for (const stream of streams) {
    stream.on('error', () => undefined);
    for (let n = 0; n < FRAMES; n += 1) stream.write(frame);
  }
  await Promise.all(streams.slice(0, 4).map((stream) => once(stream, 'response')));
  await checkOthersAreServed('streams');
  await checkGrowth(before, 2 * CONNECTION_UNREAD_MAX_BYTES);
  for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
  await checkOthersAreServed('streams-closed');
});

test('watches of a connection that does not read hold a page each at most', async (t) => {
  const { epoch } = await other.getEpoch();
  const before = await residentBytes(claimd.pid);
  const request = framed(encoded('WatchEpochs', { fromEpoch: String(epoch - 50_000) }));
  for (let n = 0; n < 4; n += 1) {
    const session = sessionFor(t);
    const streams = Array.from({ length: 100 }, () => session.call('WatchEpochs'));
    for (const stream of streams) stream.on('error', () => undefined).end(request);
    await Promise.all(streams.map((stream) => once(stream, 'response')));
  }
  // Told without a bound they would be 400 × 50,000 summaries of some 30 bytes: 600 MB.
  await checkOthersAreServed('watches');
  await checkGrowth(before, 0);
});

test('a connection is told how many streams it may have', async (t) => {
  const session = sessionFor(t);
  assert.equal((await session.remoteSettings()).maxConcurrentStreams, CONNECTION_MAX_STREAMS);
});
