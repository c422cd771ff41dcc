import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssertionFailure } from '../../src/domain/assert.ts';
import { Replies } from '../../src/entries/replies.ts';

test('each request has its own reply, in whatever order they come', async () => {
  const replies = new Replies<string>();
  const [one, other] = [replies.expect(), replies.expect()];
  replies.reject(other.id, new Error('no'));
  replies.resolve(one.id, 'yes');
  assert.equal(await one.reply, 'yes');
  await assert.rejects(other.reply, /no/);
});

test('a reply to what nobody asked, or a second one, is an assertion', async () => {
  const replies = new Replies<number>();
  const { id, reply } = replies.expect();
  replies.resolve(id, 1);
  assert.equal(await reply, 1);
  for (const unknown of [id, id + 1]) assert.throws(() => replies.resolve(unknown, 2), AssertionFailure);
});

test('who was asked is gone: all that waits is rejected, and has settled', async () => {
  const replies = new Replies<number>();
  const asked = [replies.expect(), replies.expect()];
  const settled = replies.settled();
  replies.rejectAll(new Error('gone'));
  for (const { reply } of asked) await assert.rejects(reply, /gone/);
  await settled;
  assert.throws(() => replies.resolve(asked[0].id, 1), AssertionFailure);
});
