/** Several who look at one segment's queue at the same time: whoever leaves last leaves it empty. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/clock/clock.ts';
import { ClaimOperation } from '../../src/domain/claim.ts';
import { EntryStep, NO_ENTRY } from '../../src/entries/entry-table.ts';
import { SegmentServer } from '../../src/segment/segment-server.ts';
import { testMemory } from '../support/memory.ts';

const SEGMENT = 0;
const WORKER = 0;
/** Servers behind the one worker: the main loop, and that of each ingress thread. */
const ONE = 2;
const OTHER = 3;

test('a run that another was quicker to take, and an entry that comes before the lock is given back', () => {
  const memory = testMemory({ workers: 1, ingressThreads: 2, segments: 1 });
  const { queues, entries, locks } = memory;
  const worker = new SegmentServer(memory, WORKER, systemClock);
  const one = new SegmentServer(memory, ONE, systemClock, 1);
  const other = new SegmentServer(memory, OTHER, systemClock, 2);
  const put = (entry: number): void => {
    entries.segment[entry] = SEGMENT;
    entries.operation[entry] = ClaimOperation.GET;
    entries.step[entry] = EntryStep.REQUEST;
    queues.push(SEGMENT, entry);
  };
  const { isEmpty, peek } = queues;
  // One sees an entry; before it has the lock, the worker has served it.
  let workerCame = false;
  queues.isEmpty = (queue) => {
    const empty = isEmpty.call(queues, queue);
    if (!workerCame) {
      workerCame = true;
      while (worker.visit(SEGMENT) > 0);
    }
    return empty;
  };
  // One finds nothing; before it gives the lock back, the other comes with an entry.
  let otherCame = false;
  queues.peek = (queue) => {
    const newest = peek.call(queues, queue);
    if (newest === NO_ENTRY && !otherCame && locks[SEGMENT] === ONE + 1) {
      otherCame = true;
      put(memory.firstEntryOf(1));
      assert.equal(other.visit(SEGMENT), 0, 'it leaves the entry to the one that has the lock');
    }
    return newest;
  };
  put(0);
  while (one.visit(SEGMENT) > 0);
  assert.ok(workerCame && otherCame);
  assert.equal(locks[SEGMENT], 0);
  assert.ok(isEmpty.call(queues, SEGMENT), 'an entry lies in the queue, and all have gone');
});
