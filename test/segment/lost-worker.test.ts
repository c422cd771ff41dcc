/**
 * A worker dies at every step of taking and serving a run (segment/run-taker): whoever cleans up
 * finds exactly the entries it had in hand, and leaves the segment empty, unlocked and promised to
 * those claims alone that are still on their way.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimOperation, ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import { EntryStep, NO_ENTRY } from '../../src/entries/entry-table.ts';
import { cleanUpAfter } from '../../src/pool/lost-worker.ts';
import type { WorkerLoss } from '../../src/pool/segment-pool.ts';
import { markRun, takeRun } from '../../src/segment/run-taker.ts';
import { isLocked, tryLock } from '../../src/segment/segment-lock.ts';
import { EPOCH, SEGMENT, SegmentBench, WORKER } from './segment-bench.ts';

/** The run that the worker is at when it dies, oldest first. */
const RUN = [4, 9, 2];
const NEWEST = 2;
const RUN_OF_NONE: number[] = [];

/** A segment with claims in its table and a run on its queue, locked by the worker. */
function atWork(): SegmentBench {
  const bench = new SegmentBench();
  for (const entry of [20, 21]) {
    bench.request(entry, ClaimOperation.SUBMIT, `known${entry}`, 'ann');
    bench.serve();
    bench.learn(entry, { outcome: Outcome.ACCEPTED, status: ClaimStatus.PENDING });
    bench.serve();
  }
  for (const entry of RUN) bench.request(entry, ClaimOperation.SUBMIT, `c${entry}`, 'ann');
  assert.ok(tryLock(bench.memory.locks, SEGMENT, WORKER));
  return bench;
}

/** Entries that the owners of commit, coordinator and ingress queues take, as an engine's drain does. */
function drain(bench: SegmentBench): number[] {
  const { memory } = bench;
  const taken: number[] = [];
  for (const queue of [memory.commitQueue, memory.coordinatorQueue, memory.ingressQueue(0)]) {
    const first = memory.queues.takeAll(queue);
    for (let entry = first; entry !== NO_ENTRY; entry = memory.entries.next[entry]) {
      memory.entries.holder[entry] = 0;
      taken.push(entry);
    }
  }
  return taken;
}

function queued(bench: SegmentBench): number[] {
  const { queues, entries } = bench.memory;
  const waiting: number[] = [];
  for (let entry = queues.peek(SEGMENT); entry !== NO_ENTRY; entry = entries.next[entry])
    waiting.unshift(entry);
  return waiting;
}

interface CleanedUp {
  readonly loss: WorkerLoss;
  readonly drained: number[];
}

/** Cleans up, and checks what holds wherever the worker died. */
async function cleanUp(bench: SegmentBench): Promise<CleanedUp> {
  const { memory } = bench;
  let drained: number[] = [];
  const loss = await cleanUpAfter(memory, WORKER, 'told to die', async () => {
    drained = drain(bench);
  });
  assert.deepEqual([loss.worker, loss.reason, loss.segments], [WORKER, 'told to die', [SEGMENT]]);
  assert.equal(isLocked(memory.locks, SEGMENT), false);
  assert.equal(memory.taking[WORKER], 0);
  assert.ok(memory.entries.holder.every((holder) => holder === 0));
  assert.deepEqual([bench.table.liveCount, bench.table.epoch], [0, EPOCH]);
  for (const entry of loss.entries) assert.equal(memory.entries.reserved[entry], 0);
  return { loss, drained };
}

/** Asserts that the dead worker had `lost` in hand, and that all else waits for the next one. */
async function assertLost(
  bench: SegmentBench,
  lost: readonly number[],
  waiting: readonly number[],
): Promise<void> {
  const { loss } = await cleanUp(bench);
  assert.deepEqual(new Set(loss.entries), new Set(lost));
  assert.equal(loss.entries.length, lost.length, 'none is told twice');
  assert.deepEqual(queued(bench), waiting);
  assert.equal(bench.table.reservedCount, 0);
}

/** Ways in which others may have gone on before the cleaning up: with and without a push. */
const MEANWHILE: readonly (readonly [string, number[]])[] = [
  ['', []],
  [', others pushed meanwhile', [30, 31]],
];

/** The worker's own steps, called by hand up to the point where it dies. */
const STEPS: readonly {
  readonly at: string;
  readonly die: (bench: SegmentBench) => void;
  readonly lost: readonly number[];
}[] = [
  { at: 'with the lock alone', die: () => undefined, lost: RUN_OF_NONE },
  {
    at: 'when it has said what it will take',
    die: ({ memory }) => Atomics.store(memory.taking, WORKER, NEWEST + 1),
    lost: RUN_OF_NONE,
  },
  {
    at: 'when it has taken the run, and marked nothing',
    die: ({ memory }) => {
      Atomics.store(memory.taking, WORKER, NEWEST + 1);
      assert.ok(memory.queues.takeIf(SEGMENT, NEWEST));
    },
    lost: RUN,
  },
  {
    at: 'when it has marked the newest',
    die: ({ memory }) => {
      Atomics.store(memory.taking, WORKER, NEWEST + 1);
      assert.ok(memory.queues.takeIf(SEGMENT, NEWEST));
      memory.entries.holder[NEWEST] = WORKER + 1;
    },
    lost: RUN,
  },
  {
    at: 'when it has marked all',
    die: ({ memory }) => {
      Atomics.store(memory.taking, WORKER, NEWEST + 1);
      assert.ok(memory.queues.takeIf(SEGMENT, NEWEST));
      markRun(memory, NEWEST, WORKER);
    },
    lost: RUN,
  },
  {
    at: 'when marks alone tell of the run',
    die: ({ memory }) => {
      assert.ok(memory.queues.takeIf(SEGMENT, NEWEST));
      markRun(memory, NEWEST, WORKER);
    },
    lost: RUN,
  },
  {
    at: 'when it has turned half of the run round',
    die: ({ memory }) => {
      assert.ok(memory.queues.takeIf(SEGMENT, NEWEST));
      markRun(memory, NEWEST, WORKER);
      memory.entries.next[NEWEST] = NO_ENTRY;
      memory.entries.next[9] = NEWEST;
    },
    lost: RUN,
  },
  {
    at: 'when it has taken the run altogether',
    die: ({ memory }) => {
      assert.equal(takeRun(memory, SEGMENT, WORKER), RUN[0]);
    },
    lost: RUN,
  },
];

for (const { at, die, lost } of STEPS) {
  for (const [and, pushed] of MEANWHILE) {
    test(`it dies ${at}${and}`, async () => {
      const bench = atWork();
      die(bench);
      for (const entry of pushed) bench.request(entry, ClaimOperation.VALIDATE, `c${entry}`, 'ann');
      await assertLost(bench, lost, lost.length === 0 ? [...RUN, ...pushed] : pushed);
    });
  }
}

test('it dies after a push came between its look and its taking', async () => {
  const bench = atWork();
  Atomics.store(bench.memory.taking, WORKER, NEWEST + 1);
  bench.request(30, ClaimOperation.VALIDATE, 'c30', 'ann');
  assert.equal(bench.memory.queues.takeIf(SEGMENT, NEWEST), false);
  await assertLost(bench, [], [...RUN, 30]);
});

test('it dies within an entry: those served before it have not left yet, and are lost with it', async () => {
  const bench = atWork();
  bench.memory.entries.step[9] = EntryStep.RETURNED;
  assert.throws(() => bench.server.serve(SEGMENT), { name: 'AssertionFailure' });
  assert.equal(bench.memory.entries.reserved[4], 1, 'the first was promised a record');
  assert.equal(bench.table.reservedCount, 1);
  await assertLost(bench, RUN, []);
});

test('it dies while it sends the run on: what has left is not lost, the rest is', async () => {
  const bench = atWork();
  const { memory } = bench;
  const first = takeRun(memory, SEGMENT, WORKER);
  memory.queues.push(memory.commitQueue, first);
  const { loss, drained } = await cleanUp(bench);
  assert.deepEqual(drained, [first]);
  assert.deepEqual(new Set(loss.entries), new Set(RUN.slice(1)));
});

test('it dies after it has sent the run on: nothing is lost, and promises hold', async () => {
  const bench = atWork();
  bench.server.serve(SEGMENT);
  const { loss, drained } = await cleanUp(bench);
  assert.deepEqual(loss.entries, []);
  assert.deepEqual(drained, RUN);
  assert.equal(bench.table.reservedCount, RUN.length, 'the store may accept each of them');
});

test('what it sent on before is not lost with the run that it dies in', async () => {
  const bench = atWork();
  bench.server.serve(SEGMENT);
  for (const entry of [10, 11]) bench.request(entry, ClaimOperation.SUBMIT, `c${entry}`, 'ann');
  takeRun(bench.memory, SEGMENT, WORKER);
  const { loss, drained } = await cleanUp(bench);
  assert.deepEqual(new Set(loss.entries), new Set([10, 11]));
  assert.deepEqual(drained, RUN);
  assert.equal(bench.table.reservedCount, RUN.length);
});

test('promises of claims that others carry are kept: in commit, answered, or about to be learned', async () => {
  const bench = atWork();
  bench.server.serve(SEGMENT);
  assert.deepEqual(drain(bench), RUN);
  // 4 is with the store, 9 was answered and waits for its reader, 2 is on the segment's queue again.
  bench.learn(2, { outcome: Outcome.ACCEPTED, status: ClaimStatus.PENDING });
  const { loss } = await cleanUp(bench);
  assert.deepEqual(loss.entries, []);
  assert.deepEqual(queued(bench), [2]);
  assert.equal(bench.table.reservedCount, 3);
  tryLock(bench.memory.locks, SEGMENT, WORKER);
  bench.server.serve(SEGMENT);
  assert.deepEqual(
    [bench.table.reservedCount, bench.table.pendingCount],
    [2, 1],
    'the next worker learns it',
  );
});

test('another worker’s run and segment are not touched, nor promises of other segments', async () => {
  const bench = new SegmentBench({ segments: 2, tableCapacity: 64 });
  const { memory } = bench;
  const { entries } = memory;
  for (const entry of RUN) {
    entries.segment[entry] = SEGMENT;
    memory.queues.push(SEGMENT, entry);
  }
  for (const entry of [40, 41]) {
    entries.segment[entry] = 1;
    entries.reserved[entry] = 1;
    memory.queues.push(1, entry);
  }
  memory.tables[1].reset(EPOCH, 2);
  tryLock(memory.locks, SEGMENT, WORKER);
  tryLock(memory.locks, 1, 1);
  takeRun(memory, SEGMENT, WORKER);
  takeRun(memory, 1, 1);
  const loss = await cleanUpAfter(memory, WORKER, 'told to die', async () => undefined);
  assert.deepEqual(new Set(loss.entries), new Set(RUN));
  assert.deepEqual(loss.segments, [SEGMENT]);
  assert.equal(isLocked(memory.locks, 1), true);
  assert.deepEqual([memory.tables[0].reservedCount, memory.tables[1].reservedCount], [0, 2]);
  assert.deepEqual([entries.holder[40], entries.holder[41]], [2, 2]);
});

test('a worker that dies without a lock has nothing in hand', async () => {
  const bench = new SegmentBench();
  bench.request(1, ClaimOperation.VALIDATE, 'c1', 'ann');
  const loss = await cleanUpAfter(bench.memory, 1, 'told to die', async () => undefined);
  assert.deepEqual([loss.entries, loss.segments], [[], []]);
  assert.deepEqual(queued(bench), [1]);
});
