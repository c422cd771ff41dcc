/** Flow control of streams, on the inline engine with a store that holds its answers back. */
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import {
  BATCH_MAX_ITEMS,
  ENTRIES_KEPT_FOR_CALLS,
  INGRESS_ENTRIES,
  STREAM_MAX_ENTRIES,
} from '../../src/limits.ts';
import { ExchangeStream } from '../../src/wire/exchange-stream.ts';
import { ItemIntake } from '../../src/wire/item-intake.ts';
import { ReplyEncoder } from '../../src/wire/reply-codec.ts';
import { UnreadReplies } from '../../src/wire/unread-replies.ts';
import { TestEngine } from '../support/engine.ts';
import { messageType } from '../support/oracle.ts';

/** A stream's server side, fed by hand. */
class FakeCall extends Duplex {
  readonly replies: Buffer[] = [];
  constructor() {
    super({ objectMode: true, read: () => undefined });
  }
  getPeer(): string {
    return 'peer';
  }
  override _write(reply: Buffer, _encoding: string, done: () => void): void {
    this.replies.push(reply);
    done();
  }
}

function open(t: TestEngine, unread = new UnreadReplies()): FakeCall {
  const { ingress } = t;
  const call = new FakeCall();
  new ExchangeStream(call as unknown as ServerDuplexStream<Buffer, Buffer>, {
    ingress,
    intake: new ItemIntake(ingress, t.clock, 1_000),
    encoder: new ReplyEncoder(ingress.entries, ingress.rules),
    unread,
    epoch: () => t.engine.epoch,
    unexpected: (error) => assert.fail(String(error)),
    ended: () => undefined,
  });
  return call;
}

const frame = messageType('ExchangeClaimsRequest');

function send(call: FakeCall, name: string, items: number): void {
  const submits = Array.from({ length: items }, (_, i) => ({ claimId: `${name}-${i}`, playerId: 'p' }));
  call.push(Buffer.from(frame.encode(frame.create({ frameId: 1, submits })).finish()));
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
