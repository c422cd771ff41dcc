/** Flow control of streams in both directions, on the inline engine: clients that send and do not read, a store that holds its answers back. */
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { Metadata, type ServerDuplexStream } from '@grpc/grpc-js';
import fc from 'fast-check';
import { ClaimOperation, Outcome } from '../../src/domain/claim.ts';
import {
  BATCH_MAX_ITEMS,
  CONNECTION_UNREAD_MAX_BYTES,
  ENTRIES_KEPT_FOR_CALLS,
  INGRESS_ENTRIES,
  STREAM_MAX_ENTRIES,
  STREAM_UNREAD_MAX_BYTES,
} from '../../src/limits.ts';
import { CallTimer } from '../../src/wire/call-timer.ts';
import { ExchangeStream } from '../../src/wire/exchange-stream.ts';
import { ItemIntake } from '../../src/wire/item-intake.ts';
import { ReplyEncoder } from '../../src/wire/reply-codec.ts';
import { methodNumber } from '../../src/wire/timed-call.ts';
import { UnreadReplies } from '../../src/wire/unread-replies.ts';
import { TestEngine } from '../support/engine.ts';
import { messageType } from '../support/oracle.ts';

/** A stream's server side, fed by hand; its client takes each reply, or waits until it is told to. */
class FakeCall extends Duplex {
  readonly replies: Buffer[] = [];
  readonly metadata = new Metadata();
  readonly #peer: string;
  #taking = true;
  #notTaken: (() => void) | undefined;

  constructor(peer: string) {
    super({ objectMode: true, highWaterMark: 1, read: () => undefined });
    this.#peer = peer;
  }

  getPeer(): string {
    return this.#peer;
  }

  /** Messages that were read from the wire, and not by the stream. */
  get unread(): number {
    return this.readableLength;
  }

  stall(): void {
    this.#taking = false;
  }

  takeAgain(): void {
    this.#taking = true;
    this.#notTaken?.();
    this.#notTaken = undefined;
  }

  /** As grpc-js does it where the client has gone: the write under way is never said to be done. */
  cancel(): void {
    this.emit('cancelled', 'cancelled');
    this.destroy();
  }

  override _write(reply: Buffer, _encoding: string, done: () => void): void {
    this.replies.push(reply);
    if (this.#taking) done();
    else this.#notTaken = done;
  }
}

function open(t: TestEngine, unread = new UnreadReplies(), peer = 'peer'): FakeCall {
  const { ingress } = t;
  const call = new FakeCall(peer);
  const duplex = call as unknown as ServerDuplexStream<Buffer, Buffer>;
  const timed = { method: methodNumber('ExchangeClaims'), call: duplex, beganUs: 0, items: 0 };
  new ExchangeStream(duplex, timed, {
    ingress,
    intake: new ItemIntake(ingress, t.clock, 1_000),
    encoder: new ReplyEncoder(ingress.entries, ingress.rules),
    unread,
    timer: new CallTimer({ ingress, clock: t.clock, traceIds: false, onTrace: () => undefined }),
    epoch: () => t.engine.epoch,
    unexpected: (error) => assert.fail(String(error)),
    ended: () => undefined,
  });
  return call;
}

const frame = messageType('ExchangeClaimsRequest');

function send(call: FakeCall, name: string, items: number, frameId = 1): void {
  const submits = Array.from({ length: items }, (_, i) => ({ claimId: `${name}-${i}`, playerId: 'p' }));
  call.push(Buffer.from(frame.encode(frame.create({ frameId, submits })).finish()));
}

const frameReply = messageType('ExchangeClaimsResponse');

/** Ids of the frames that were answered, in that order, and how many results each has. */
function answered(call: FakeCall): { frameId: number; results: number }[] {
  return call.replies.map((bytes) => {
    const { frameId, submits } = frameReply.toObject(frameReply.decode(bytes), {
      longs: Number,
      arrays: true,
      defaults: true,
    });
    return { frameId, results: submits.length };
  });
}

async function untilStill(t: TestEngine, calls: readonly FakeCall[]): Promise<void> {
  const state = () => calls.map((call) => `${call.replies.length} ${call.unread}`).join();
  for (let before = ''; before !== state(); ) {
    before = state();
    for (let turn = 0; turn < 4; turn += 1) await t.settle();
  }
}

test('streams leave room to calls, and go on when there is room again', async () => {
  const t = await new TestEngine({ ingressEntries: INGRESS_ENTRIES, tableCapacity: 131_072 }).start();
  const release = t.store.hold();
  const calls = [open(t), open(t), open(t)];
  for (const [n, call] of calls.entries()) {
    for (let i = 0; i < 4; i += 1) send(call, `s${n}-${i}`, BATCH_MAX_ITEMS);
  }
  await t.settle();
  const { ingress } = t;
  assert.equal(t.memory.waiting[0], INGRESS_ENTRIES - ENTRIES_KEPT_FOR_CALLS);
  assert.ok(t.memory.waiting[0] > STREAM_MAX_ENTRIES, 'more than one stream is under way');
  assert.ok(ingress.hasRoom(ENTRIES_KEPT_FOR_CALLS));
  release();
  for (let turn = 0; turn < 100 && calls.some((call) => call.replies.length < 4); turn += 1) await t.settle();
  assert.deepEqual(
    calls.map((call) => call.replies.length),
    [4, 4, 4],
  );
  assert.equal(t.memory.waiting[0], 0);
});

/** A frame of so many new claims has a reply of so many bytes, nearly. */
const ITEMS = 1_000;
const REPLY_BYTES = 50 * ITEMS;
const LARGE = { ingressEntries: INGRESS_ENTRIES, tableCapacity: 2 ** 18 };

test('a stream whose client takes nothing is read no further than its bound, and goes on where it takes', async () => {
  const t = await new TestEngine(LARGE).start();
  const unread = new UnreadReplies();
  const call = open(t, unread);
  call.stall();
  const frames = Math.ceil((2 * STREAM_UNREAD_MAX_BYTES) / REPLY_BYTES);
  for (let n = 0; n < frames; n += 1) send(call, `f${n}`, ITEMS, n);
  await untilStill(t, [call]);
  assert.ok(call.unread > 0, 'frames wait on the wire');
  assert.ok(unread.bytes >= STREAM_UNREAD_MAX_BYTES);
  // What was in flight by then was answered still.
  assert.ok(unread.bytes < STREAM_UNREAD_MAX_BYTES + 100 * STREAM_MAX_ENTRIES, `${unread.bytes}`);
  call.takeAgain();
  await untilStill(t, [call]);
  assert.deepEqual(
    answered(call),
    Array.from({ length: frames }, (_, frameId) => ({ frameId, results: ITEMS })),
  );
  assert.equal(unread.bytes, 0);
});

test('streams of a connection that has no room wait, in order, and those of others do not', async () => {
  const t = await new TestEngine(LARGE).start();
  const unread = new UnreadReplies();
  const counted = unread.add('slow', CONNECTION_UNREAD_MAX_BYTES);
  const slow = [open(t, unread, 'slow'), open(t, unread, 'slow')];
  const other = open(t, unread, 'other');
  for (const call of [...slow, other]) send(call, `of${slow.indexOf(call)}`, 10);
  await untilStill(t, [...slow, other]);
  assert.deepEqual(
    [...slow, other].map((call) => call.replies.length),
    [0, 0, 1],
  );
  unread.taken('slow', counted);
  await untilStill(t, slow);
  assert.deepEqual(
    slow.map((call) => call.replies.length),
    [1, 1],
  );
  assert.equal(unread.bytes, 0);
});

test('a stream that is cancelled with replies under way gives back what they took, once', async () => {
  const t = await new TestEngine(LARGE).start();
  const unread = new UnreadReplies();
  const call = open(t, unread);
  call.stall();
  const release = t.store.hold();
  for (let n = 0; n < 5; n += 1) send(call, `f${n}`, ITEMS, n);
  await t.settle();
  assert.equal(t.memory.waiting[0], 5 * ITEMS);
  release();
  await untilStill(t, [call]);
  assert.ok(unread.bytes > REPLY_BYTES);
  call.cancel();
  assert.equal(unread.bytes, 0);
  call.takeAgain();
  await untilStill(t, [call]);
  assert.equal(unread.bytes, 0);
  assert.equal(t.memory.waiting[0], 0);
});

test('a stream that is cancelled mid-frame is answered nothing more, and its entries come free', async () => {
  const t = await new TestEngine(LARGE).start();
  const unread = new UnreadReplies();
  const call = open(t, unread);
  const release = t.store.hold();
  send(call, 'before', ITEMS);
  await t.settle();
  call.cancel();
  release();
  await untilStill(t, [call]);
  assert.equal(call.replies.length, 0);
  assert.equal(unread.bytes, 0);
  assert.ok(t.ingress.hasRoom(INGRESS_ENTRIES - ITEMS));
  const { outcome } = await t.ask(ClaimOperation.GET, 'before-0', 'p');
  assert.equal(outcome, Outcome.FOUND, 'what was admitted is decided');
});

test('small frames beside large ones: nobody is passed over', async () => {
  const t = await new TestEngine(LARGE).start();
  const unread = new UnreadReplies();
  const large = Array.from({ length: 4 }, (_, n) => open(t, unread, `large${n}`));
  const small = Array.from({ length: 4 }, (_, n) => open(t, unread, `small${n}`));
  const release = t.store.hold();
  for (let n = 0; n < 6; n += 1) {
    for (const [s, call] of large.entries()) send(call, `l${s}-${n}`, BATCH_MAX_ITEMS, n);
    for (const [s, call] of small.entries()) send(call, `s${s}-${n}`, 5, n);
  }
  await t.settle();
  release();
  await untilStill(t, [...large, ...small]);
  for (const call of [...large, ...small]) assert.equal(call.replies.length, 6);
  assert.equal(t.memory.waiting[0], 0);
});

test('whatever clients send, stall, take, half-close and cancel: each frame is answered once or its stream was cut', async () => {
  const step = fc.record({
    stream: fc.nat(3),
    act: fc.oneof(
      { weight: 6, arbitrary: fc.record({ items: fc.constantFrom(0, 1, 7, 900, 2_500) }) },
      { weight: 2, arbitrary: fc.constantFrom('stall' as const, 'take' as const, 'settle' as const) },
      { weight: 1, arbitrary: fc.constantFrom('end' as const, 'cancel' as const) },
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const t = await new TestEngine(LARGE).start();
      const unread = new UnreadReplies();
      const streams = Array.from({ length: 4 }, (_, n) => ({
        call: open(t, unread, `peer${n % 2}`),
        sent: [] as { frameId: number; results: number }[],
        ended: false,
        cut: false,
      }));
      for (const { stream, act } of steps) {
        const s = streams[stream];
        if (act === 'settle') await t.settle();
        else if (act === 'stall') s.call.stall();
        else if (act === 'take') s.call.takeAgain();
        else if (s.ended) continue;
        else if (act === 'end') {
          s.call.push(null);
          s.ended = true;
        } else if (act === 'cancel') {
          s.call.cancel();
          s.ended = s.cut = true;
        } else {
          const frameId = s.sent.length;
          s.sent.push({ frameId, results: act.items });
          send(s.call, `${stream}-${frameId}`, act.items, frameId);
        }
      }
      for (const { call } of streams) call.takeAgain();
      await untilStill(
        t,
        streams.map(({ call }) => call),
      );
      for (const { call, sent, ended, cut } of streams) {
        const got = answered(call).sort((a, b) => a.frameId - b.frameId);
        if (cut) assert.ok(got.length <= sent.length);
        else assert.deepEqual(got, sent);
        assert.equal(new Set(got.map(({ frameId }) => frameId)).size, got.length, 'none twice');
        assert.equal(call.writableEnded, ended && !cut, 'a half-closed stream is ended when all is answered');
      }
      assert.equal(unread.bytes, 0);
      assert.equal(t.memory.waiting[0], 0);
    }),
    { numRuns: 30 },
  );
});
