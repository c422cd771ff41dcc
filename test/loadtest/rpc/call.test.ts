import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { grpcMessage } from '../../../loadtest/measure/messages.ts';
import { Call, type MessageSink } from '../../../loadtest/measure/rpc/call.ts';

test('messages are put together wherever the bytes of a reply are cut', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 });
  fc.assert(
    fc.property(messages, fc.integer({ min: 1, max: 60 }), (bodies, step) => {
      const bytes = Buffer.concat(bodies.map((body) => grpcMessage(Buffer.from(body))));
      const received: Buffer[] = [];
      const call = new Call();
      call.begin(1, 0, 0);
      for (let at = 0; at < bytes.length; at += step) {
        call.receive(bytes, at, Math.min(at + step, bytes.length), (_call, chunk, start, end) => {
          received.push(Buffer.from(chunk.subarray(start, end)));
        });
      }
      assert.deepEqual(
        received,
        bodies.map((body) => Buffer.from(body)),
      );
    }),
  );
});

test('a call used again keeps nothing of a reply that was cut off', () => {
  const call = new Call();
  const whole = grpcMessage(Buffer.from('hello'));
  const received: string[] = [];
  const sink: MessageSink = (_call, bytes, start, end) =>
    void received.push(bytes.toString('utf8', start, end));
  call.begin(1, 0, 0);
  call.receive(whole, 0, 7, sink);
  call.begin(3, 0, 0);
  call.receive(whole, 0, whole.length, sink);
  assert.deepEqual(received, ['hello']);
});
