import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CommitRing } from '../../../src/store/sqlite/commit-ring.ts';

/** Both ends of a ring, as the two threads have them. */
function ends(): { client: CommitRing; thread: CommitRing } {
  const client = CommitRing.allocate();
  return { client, thread: new CommitRing(client.buffer) };
}

const batchOf = (entries: readonly number[]) => ({
  entries: Int32Array.from([...entries, -1, -1]),
  count: entries.length,
  epoch: 2 ** 40 + entries.length,
});

test('what is put comes out whole and in order, and the ring takes no more than it has slots', () => {
  const entries = fc.array(fc.nat(100_000), { maxLength: 1_000 });
  const steps = fc.array(fc.oneof(entries, fc.constant('take' as const)), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (sequence) => {
      const { client, thread } = ends();
      const inRing: { id: number; entries: readonly number[] }[] = [];
      for (const [id, step] of sequence.entries()) {
        if (step !== 'take') {
          const put = client.put(id, batchOf(step), id + 0.5);
          assert.equal(put, inRing.length < 4);
          if (put) inRing.push({ id, entries: step });
          continue;
        }
        const commit = thread.peek();
        const expected = inRing.shift();
        assert.equal(commit?.id, expected?.id);
        if (commit === undefined || expected === undefined) continue;
        assert.deepEqual([...commit.entries], expected.entries);
        assert.equal(commit.count, expected.entries.length);
        assert.equal(commit.epoch, 2 ** 40 + commit.count);
        assert.equal(commit.nowMs, expected.id + 0.5);
        thread.release();
      }
    }),
    { numRuns: 50 },
  );
});

test('a bell that has rung since it was read does not let the thread sleep', () => {
  const { client, thread } = ends();
  const rung = thread.rung();
  client.put(1, batchOf([7]), 0);
  thread.sleep(rung);
  assert.notEqual(thread.rung(), rung);
});
