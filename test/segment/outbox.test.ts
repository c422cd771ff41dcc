import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_ENTRY } from '../../src/entries/entry-table.ts';
import { EngineMemory, MAIN_LOOP } from '../../src/segment/engine-memory.ts';
import { Outbox } from '../../src/segment/outbox.ts';
import { testMemory } from '../support/memory.ts';

const RUNG = 1;

function newMemory(ingressThreads = 1): EngineMemory {
  const { shape } = testMemory({ segments: 2, tableCapacity: 4, ingressEntries: 32 });
  return EngineMemory.allocate({ ...shape, ingressThreads });
}

function sendAndRing(outbox: Outbox): void {
  outbox.send();
  outbox.ringBells();
}

function take(memory: EngineMemory, queue: number): number[] {
  const taken: number[] = [];
  const first = memory.queues.takeAll(queue);
  for (let entry = first; entry !== NO_ENTRY; entry = memory.entries.next[entry]) taken.push(entry);
  return taken;
}

test('nothing leaves before send; then every entry is on its queue, in the order it was added', () => {
  const memory = newMemory();
  const outbox = new Outbox(memory);
  const [commit, home] = [memory.commitQueue, memory.ingressQueue(0)];
  for (const entry of [3, 0, 7]) outbox.add(commit, entry, true);
  for (const entry of [5, 2]) outbox.add(home, entry, true);
  outbox.add(memory.coordinatorQueue, 9, true);
  assert.ok([commit, home, memory.coordinatorQueue].every((queue) => memory.queues.isEmpty(queue)));
  assert.equal(memory.bells[MAIN_LOOP], 0);

  outbox.send();
  assert.deepEqual(take(memory, commit), [3, 0, 7]);
  assert.deepEqual(take(memory, home), [5, 2]);
  assert.deepEqual(take(memory, memory.coordinatorQueue), [9]);
});

test('what is sent comes behind what is there, and nothing is sent twice', () => {
  const memory = newMemory();
  const outbox = new Outbox(memory);
  memory.queues.push(memory.commitQueue, 1);
  outbox.add(memory.commitQueue, 4, true);
  outbox.send();
  outbox.send();
  outbox.add(memory.commitQueue, 6, true);
  outbox.send();
  assert.deepEqual(take(memory, memory.commitQueue), [1, 4, 6]);
});

test('an empty outbox rings nobody', () => {
  const memory = newMemory();
  sendAndRing(new Outbox(memory));
  assert.equal(memory.bells[MAIN_LOOP], 0);
});

test('sending wakes nobody; one ring tells of all that was sent since the last', () => {
  const memory = newMemory();
  const outbox = new Outbox(memory);
  for (const entry of [1, 2, 3]) {
    outbox.add(memory.commitQueue, entry, entry === 2);
    outbox.send();
    assert.equal(memory.bells[MAIN_LOOP], 0);
  }
  outbox.ringBells();
  assert.equal(memory.bells[MAIN_LOOP], RUNG);
  memory.bells[MAIN_LOOP] = 0;
  outbox.ringBells();
  assert.equal(memory.bells[MAIN_LOOP], 0, 'nothing was sent since');
});

test('the receiver is rung if any entry of its chain is worth it', () => {
  for (const wakes of [[false, true, false], [true], [true, false]]) {
    const memory = newMemory();
    const outbox = new Outbox(memory);
    wakes.forEach((wake, entry) => {
      outbox.add(memory.commitQueue, entry, wake);
    });
    sendAndRing(outbox);
    assert.equal(memory.bells[MAIN_LOOP], RUNG);
  }
});

test('entries that can wait ring nobody, nor does an earlier wake count for them', () => {
  const memory = newMemory();
  const outbox = new Outbox(memory);
  outbox.add(memory.ingressQueue(0), 0, true);
  sendAndRing(outbox);
  memory.bells[MAIN_LOOP] = 0;
  outbox.add(memory.ingressQueue(0), 1, false);
  sendAndRing(outbox);
  assert.equal(memory.bells[MAIN_LOOP], 0);
  assert.deepEqual(take(memory, memory.ingressQueue(0)), [0, 1]);
});

test('a thread that waits for entries is rung for those that could wait too', () => {
  const memory = newMemory(2);
  const outbox = new Outbox(memory);
  memory.eager[1] = 1;
  outbox.add(memory.ingressQueue(0), 0, false);
  outbox.add(memory.ingressQueue(1), 33, false);
  sendAndRing(outbox);
  assert.deepEqual([...memory.bells], [0, 0, RUNG]);
});

test('each of several ingress threads has a bell of its own; a lone one shares the coordinator’s', () => {
  const several = newMemory(3);
  const outbox = new Outbox(several);
  outbox.add(several.ingressQueue(2), 70, true);
  sendAndRing(outbox);
  assert.deepEqual([...several.bells], [0, 0, 0, RUNG]);

  const lone = newMemory(1);
  const loneOutbox = new Outbox(lone);
  loneOutbox.add(lone.ingressQueue(0), 1, true);
  sendAndRing(loneOutbox);
  assert.equal(lone.bells[MAIN_LOOP], RUNG);
});

test('a thread does not ring its own bell', () => {
  const memory = newMemory(2);
  const outbox = new Outbox(memory, MAIN_LOOP);
  outbox.add(memory.coordinatorQueue, 65, true);
  outbox.add(memory.commitQueue, 64, true);
  outbox.add(memory.ingressQueue(0), 1, true);
  sendAndRing(outbox);
  assert.deepEqual([...memory.bells], [0, RUNG, 0]);
});

test('the committer is not woken before as much waits as it has said', () => {
  const memory = newMemory(2);
  const outbox = new Outbox(memory);
  memory.wakeCommitterAt[0] = 3;
  outbox.add(memory.commitQueue, 1, true);
  outbox.add(memory.coordinatorQueue, 65, false);
  sendAndRing(outbox);
  assert.equal(memory.bells[MAIN_LOOP], 0);
  assert.equal(memory.queues.takeAll(memory.commitQueue), 1);
  outbox.add(memory.coordinatorQueue, 66, true);
  sendAndRing(outbox);
  assert.equal(memory.bells[MAIN_LOOP], RUNG, 'whoever else is on that thread is woken');
  memory.bells[MAIN_LOOP] = 0;
  outbox.add(memory.commitQueue, 2, true);
  sendAndRing(outbox);
  assert.deepEqual([memory.commitWaiting[0], memory.bells[MAIN_LOOP]], [2, 0]);
  outbox.add(memory.commitQueue, 3, true);
  outbox.add(memory.commitQueue, 4, true);
  sendAndRing(outbox);
  assert.deepEqual([memory.commitWaiting[0], memory.bells[MAIN_LOOP]], [4, RUNG]);
});
