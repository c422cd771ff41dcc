import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  EngineMemory,
  loopOf,
  MAIN_LOOP,
  threadNames,
  WorkerCounter,
} from '../../src/segment/engine-memory.ts';
import { RuntimeStats } from '../../src/telemetry/runtime/runtime-stats.ts';
import { testMemory } from '../support/memory.ts';

const SEGMENTS = 4;
const INGRESS_ENTRIES = 32;

function newMemory(ingressThreads: number, workers: number): EngineMemory {
  const { shape } = testMemory({ segments: SEGMENTS, tableCapacity: 16, ingressEntries: INGRESS_ENTRIES });
  return EngineMemory.allocate({ ...shape, ingressThreads, workers });
}

const SHAPES = [1, 2, 3].flatMap((threads) => [1, 2, 5].map((workers) => [threads, workers] as const));

for (const [threads, workers] of SHAPES) {
  test(`${threads} ingress threads, ${workers} workers: no two words share a place`, () => {
    const memory = newMemory(threads, workers);
    const { control } = memory.handle;
    const { locks, parked, taking, bells, eager, waiting, stop, watchers } = memory;
    const { commitWaiting, wakeCommitterAt } = memory;
    const words = [
      locks,
      parked,
      taking,
      bells,
      eager,
      waiting,
      stop,
      commitWaiting,
      wakeCommitterAt,
      watchers,
    ];
    // A lone ingress is on the main thread; several have each an event loop of their own beside it.
    const loops = threads === 1 ? 1 : 1 + threads;
    assert.deepEqual(
      words.map((column) => column.length),
      [SEGMENTS, workers, workers + loops, loops, threads, threads, 1, 1, 1, 1],
    );
    words.forEach((column, number) => {
      column.fill(1_000 + number);
    });
    const queues = SEGMENTS + 2 + threads;
    for (let queue = 0; queue < queues; queue += 1) memory.queues.push(queue, queue);
    for (let server = 0; server < workers + loops; server += 1) {
      for (const counter of Object.values(WorkerCounter))
        memory.count(server, counter, 7 * server + counter + 1);
    }
    words.forEach((column, number) => {
      assert.ok(
        column.every((word) => word === 1_000 + number),
        `column ${number} was written to`,
      );
    });
    for (let queue = 0; queue < queues; queue += 1) assert.equal(memory.queues.takeAll(queue), queue);
    for (let server = 0; server < workers + loops; server += 1) {
      for (const counter of Object.values(WorkerCounter)) {
        assert.equal(memory.counter(server, counter), 7 * server + counter + 1);
      }
    }
    assert.equal(
      watchers.byteOffset + watchers.byteLength,
      control.byteLength,
      'nothing lies behind the last',
    );
  });
}

test('queues have numbers of their own, and every entry goes home to its owner’s', () => {
  for (const threads of [1, 2, 3]) {
    const memory = newMemory(threads, 1);
    const ingress = Array.from({ length: threads }, (_, thread) => memory.ingressQueue(thread));
    const numbers = [memory.commitQueue, memory.coordinatorQueue, ...ingress];
    assert.equal(new Set(numbers).size, numbers.length);
    assert.ok(numbers.every((queue) => queue >= SEGMENTS));
    for (let entry = 0; entry < memory.entries.capacity; entry += 1) {
      const owner = Math.floor(entry / INGRESS_ENTRIES);
      const home = owner < threads ? ingress[owner] : memory.coordinatorQueue;
      assert.equal(memory.homeQueue(entry), home, `entry ${entry}`);
    }
    assert.equal(memory.firstCoordinatorEntry, threads * INGRESS_ENTRIES);
    assert.equal(memory.entries.capacity, memory.firstCoordinatorEntry + memory.shape.coordinatorEntries);
  }
});

test('who takes from a queue is who its bell wakes', () => {
  const lone = newMemory(1, 1);
  assert.equal(lone.loopOfQueue(lone.ingressQueue(0)), MAIN_LOOP);
  const several = newMemory(3, 1);
  assert.equal(several.loopOfQueue(several.commitQueue), MAIN_LOOP);
  assert.equal(several.loopOfQueue(several.coordinatorQueue), MAIN_LOOP);
  assert.deepEqual(
    [0, 1, 2].map((thread) => several.loopOfQueue(several.ingressQueue(thread))),
    [1, 2, 3],
  );
});

test('only an ingress queue whose thread waits is eager', () => {
  const memory = newMemory(2, 1);
  memory.eager.fill(1, 0, 1);
  assert.equal(memory.isEager(memory.ingressQueue(0)), true);
  assert.equal(memory.isEager(memory.ingressQueue(1)), false);
  memory.eager.fill(1);
  assert.equal(memory.isEager(memory.commitQueue), false);
  assert.equal(memory.isEager(memory.coordinatorQueue), false);
});

test('every thread has a name and figures of its own', () => {
  assert.deepEqual(threadNames(newMemory(1, 1).shape), ['main', 'worker-0', 'store']);
  const memory = newMemory(2, 3);
  const names = ['main', 'ingress-0', 'ingress-1', 'worker-0', 'worker-1', 'worker-2', 'store'];
  assert.deepEqual(threadNames(memory.shape), names);
  const byName = new Map(names.map((name, thread) => [name, memory.runtime[thread]]));
  assert.equal(memory.runtimeOfLoop(MAIN_LOOP), byName.get('main'));
  assert.equal(memory.runtimeOfLoop(loopOf(memory.shape, 1)), byName.get('ingress-1'));
  assert.equal(memory.runtimeOfWorker(2), byName.get('worker-2'));
  new RuntimeStats(memory.storeRuntime).recordHeap(7, 0);
  assert.equal(byName.get('store')?.heapUsed, 7);
});

test('a thread that attaches to the handle sees the same memory', () => {
  const memory = newMemory(2, 2);
  const attached = new EngineMemory(structuredClone(memory.handle));
  memory.queues.push(1, 5);
  memory.locks[3] = 2;
  memory.entries.setClaimId(5, 'chest');
  memory.callStats[1].countMalformedTraceParent();
  memory.tables[2].advance(9);
  assert.equal(attached.queues.peek(1), 5);
  assert.equal(attached.locks[3], 2);
  assert.equal(attached.entries.claimId(5), 'chest');
  assert.deepEqual(
    attached.callStats.map((stats) => stats.malformedTraceParents),
    [0, 1],
  );
  assert.deepEqual(
    attached.tables.map((table) => table.epoch),
    [0, 0, 9, 0],
  );
});

test('tables are empty and usable at first', () => {
  const memory = newMemory(1, 1);
  assert.equal(memory.tables.length, SEGMENTS);
  for (const table of memory.tables) {
    assert.deepEqual([table.liveCount, table.epoch, table.reservedCount], [0, 0, 0]);
    assert.equal(table.takeOverdue(), -1);
    assert.equal(table.oldestFinal(), -1);
  }
});
