/** The bound on replies that were not taken: by connection, and of all connections together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CONNECTION_UNREAD_MAX_BYTES, REPLY_OVERHEAD_BYTES, UNREAD_MAX_BYTES } from '../../src/limits.ts';
import { UnreadReplies } from '../../src/wire/unread-replies.ts';

/** Stalled connections that fill what there is for all. */
const FILLING = UNREAD_MAX_BYTES / CONNECTION_UNREAD_MAX_BYTES;

/** Fills a connection up to its bound. @returns what it has not taken. */
function fill(unread: UnreadReplies, connection: string): number {
  return unread.add(connection, CONNECTION_UNREAD_MAX_BYTES - REPLY_OVERHEAD_BYTES);
}

test('a connection has room up to its bound, and again when it has taken something', () => {
  const unread = new UnreadReplies();
  const most = unread.add('a', CONNECTION_UNREAD_MAX_BYTES - 2 * REPLY_OVERHEAD_BYTES - 1);
  assert.ok(unread.hasRoom('a'));
  const rest = unread.add('a', 1);
  assert.ok(!unread.hasRoom('a'));
  assert.ok(unread.hasRoom('b'), 'another connection is not held up');
  unread.taken('a', rest);
  assert.ok(unread.hasRoom('a'));
  unread.taken('a', most);
  assert.equal(unread.bytes, 0);
});

test('an empty reply counts too: what it takes beside its bytes', () => {
  const unread = new UnreadReplies();
  for (let n = 0; n < CONNECTION_UNREAD_MAX_BYTES / REPLY_OVERHEAD_BYTES; n += 1) {
    assert.ok(unread.hasRoom('a'));
    unread.add('a', 0);
  }
  assert.ok(!unread.hasRoom('a'));
});

test('where stalled connections fill what there is, others are served one reply at a time', () => {
  const unread = new UnreadReplies();
  for (let n = 0; n < FILLING; n += 1) fill(unread, `stalled-${n}`);
  assert.ok(unread.hasRoom('reads'));
  const bytes = unread.add('reads', 100);
  assert.ok(!unread.hasRoom('reads'));
  unread.taken('reads', bytes);
  assert.ok(unread.hasRoom('reads'));
});

test('who has gone is not called, and nothing of him is kept', () => {
  const unread = new UnreadReplies();
  const counted = fill(unread, 'a');
  const called: string[] = [];
  const leaves = (): void => void called.push('left');
  unread.onceRoom('a', leaves);
  unread.onceRoom('a', () => called.push('stayed'));
  assert.equal(unread.waitingCount, 2);
  unread.forget('a', leaves);
  unread.forget('a', leaves);
  unread.forget('nobody', leaves);
  assert.equal(unread.waitingCount, 1);
  unread.taken('a', counted);
  assert.deepEqual(called, ['stayed']);
  assert.equal(unread.waitingCount, 0);
});

test('whoever waits is called once, in order, as far as there is room', () => {
  const unread = new UnreadReplies();
  const counted = fill(unread, 'a');
  const called: string[] = [];
  unread.onceRoom('a', () => {
    called.push('first');
    fill(unread, 'a');
  });
  unread.onceRoom('a', () => called.push('second'));
  unread.taken('a', counted);
  assert.deepEqual(called, ['first'], 'the first has filled it again');
  unread.taken('a', counted);
  assert.deepEqual(called, ['first', 'second']);
  assert.equal(unread.bytes, 0);
});

test('whoever finds no room when called may wait again, and is called no more for it', () => {
  const unread = new UnreadReplies();
  const counted = fill(unread, 'a');
  const second = unread.add('a', 1);
  let calls = 0;
  const again = (): void => {
    calls += 1;
    fill(unread, 'a');
    unread.onceRoom('a', () => assert.fail('nothing has been taken since'));
  };
  unread.onceRoom('a', again);
  unread.taken('a', second);
  assert.equal(calls, 0, 'it was full still');
  unread.taken('a', counted);
  assert.equal(calls, 1);
});

test('whatever is written and taken: the sum is that of all connections, and each has room by the rule', () => {
  const step = fc.record({
    connection: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'),
    bytes: fc.integer({ min: 0, max: CONNECTION_UNREAD_MAX_BYTES }),
    takes: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const unread = new UnreadReplies();
      const model = new Map<string, number[]>();
      for (const { connection, bytes, takes } of steps) {
        const own = model.get(connection) ?? [];
        model.set(connection, own);
        if (takes) unread.taken(connection, own.shift() ?? 0);
        else own.push(unread.add(connection, bytes));
        const sums = new Map([...model].map(([name, counted]) => [name, sum(counted)]));
        const total = sum([...sums.values()]);
        assert.equal(unread.bytes, total);
        for (const [name, held] of sums) {
          const mayAsk = held === 0 || (held < CONNECTION_UNREAD_MAX_BYTES && total < UNREAD_MAX_BYTES);
          assert.equal(unread.hasRoom(name), mayAsk, name);
        }
      }
    }),
  );
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
