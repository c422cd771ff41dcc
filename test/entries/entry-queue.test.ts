import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { EntryQueues } from '../../src/entries/entry-queue.ts';
import { EntryTable, NO_ENTRY } from '../../src/entries/entry-table.ts';
import type { ProducerTask } from './queue-producer.ts';

function newQueues(queues: number, capacity = 64): { queues: EntryQueues; entries: EntryTable } {
  const entries = EntryTable.allocate(capacity);
  return { queues: new EntryQueues(new Int32Array(new SharedArrayBuffer(queues * 4)), entries), entries };
}

/** Takes the whole queue, as its entries in order of arrival. */
function takeList(queues: EntryQueues, entries: EntryTable, queue: number): number[] {
  return chainFrom(entries, queues.takeAll(queue));
}

function chainFrom(entries: EntryTable, first: number): number[] {
  const list: number[] = [];
  for (let entry = first; entry !== NO_ENTRY; entry = entries.next[entry]) list.push(entry);
  return list;
}

test('fresh memory is empty queues', () => {
  const { queues } = newQueues(2);
  for (const queue of [0, 1]) {
    assert.equal(queues.isEmpty(queue), true);
    assert.equal(queues.peek(queue), NO_ENTRY);
    assert.equal(queues.takeAll(queue), NO_ENTRY);
    assert.equal(queues.contains(queue, 0), false);
  }
});

test('queues are what lists would be, entry 0 and the last among them', () => {
  const CAPACITY = 12;
  const op = fc.record({
    kind: fc.constantFrom('push', 'chain', 'take', 'look'),
    queue: fc.nat(1),
    pick: fc.nat(1_000),
  });
  fc.assert(
    fc.property(fc.array(op, { maxLength: 100 }), (ops) => {
      const { queues, entries } = newQueues(2, CAPACITY);
      const model: number[][] = [[], []];
      const free = Array.from({ length: CAPACITY }, (_, entry) => entry);
      for (const { kind, queue, pick } of ops) {
        if (kind === 'push' && free.length > 0) {
          const [entry] = free.splice(pick % free.length, 1);
          queues.push(queue, entry);
          model[queue].push(entry);
        } else if (kind === 'chain' && free.length > 0) {
          const chain = free.splice(0, 1 + (pick % free.length));
          chain.forEach((entry, i) => {
            if (i > 0) entries.next[entry] = chain[i - 1];
          });
          queues.pushChain(queue, chain[chain.length - 1], chain[0]);
          model[queue].push(...chain);
        } else if (kind === 'take') {
          assert.deepEqual(takeList(queues, entries, queue), model[queue]);
          free.push(...model[queue]);
          model[queue] = [];
        }
        assert.equal(queues.isEmpty(queue), model[queue].length === 0);
        assert.equal(queues.peek(queue), model[queue].at(-1) ?? NO_ENTRY);
        assert.equal(queues.contains(queue, pick % CAPACITY), model[queue].includes(pick % CAPACITY));
      }
    }),
    { numRuns: 1_000 },
  );
});

test('takeIf takes the whole queue where nothing was pushed since the look, and nothing otherwise', () => {
  const { queues, entries } = newQueues(1);
  for (const entry of [3, 0, 5]) queues.push(0, entry);
  const seen = queues.peek(0);
  assert.equal(seen, 5);

  queues.push(0, 7);
  assert.equal(queues.takeIf(0, seen), false);
  assert.ok(
    [3, 0, 5, 7].every((entry) => queues.contains(0, entry)),
    'all still wait',
  );

  assert.equal(queues.takeIf(0, 7), true);
  assert.equal(queues.isEmpty(0), true);
  assert.equal(queues.contains(0, 7), false);
  assert.deepEqual(chainFrom(entries, 7), [7, 5, 0, 3], 'newest first, until it is turned round');
  assert.deepEqual(chainFrom(entries, queues.reverse(7)), [3, 0, 5, 7]);
});

test('takeIf of an empty queue takes nothing, for a look that found entry 0 too', () => {
  const { queues } = newQueues(1);
  queues.push(0, 0);
  assert.equal(queues.takeIf(0, 0), true);
  assert.equal(queues.takeIf(0, 0), false);
});

const PRODUCERS = 3;
const SHARED_QUEUES = 2;
const PUSHES = 30_000;
/** Few, so that they are used again thousands of times and producers run out. */
const ENTRIES_EACH = 16;
const STALLED_MS = 10_000;

/** Takes every run of the shared queues, hands each entry to `see` and back to its producer. */
function consumeAll(
  queues: EntryQueues,
  entries: EntryTable,
  see: (queue: number, producer: number, n: number) => void,
) {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  let seen = 0;
  let idleSinceMs = Date.now();
  while (seen < PRODUCERS * PUSHES) {
    const before = seen;
    for (let queue = 0; queue < SHARED_QUEUES; queue += 1) {
      for (const entry of takeList(queues, entries, queue)) {
        const producer = entries.segment[entry];
        see(queue, producer, entries.timestampMs[entry]);
        queues.push(SHARED_QUEUES + producer, entry);
        seen += 1;
      }
    }
    if (seen > before) {
      idleSinceMs = Date.now();
      continue;
    }
    assert.ok(
      Date.now() - idleSinceMs < STALLED_MS,
      `stalled: ${PRODUCERS * PUSHES - seen} entries were lost`,
    );
    // Lets producers run where there are fewer cores than threads.
    Atomics.wait(pause, 0, 0, 0.1);
  }
}

test('of entries pushed by several threads none is lost or doubled, and each thread’s order is kept', async (t) => {
  const entries = EntryTable.allocate(PRODUCERS * ENTRIES_EACH);
  const heads = new SharedArrayBuffer((SHARED_QUEUES + PRODUCERS) * 4);
  const queues = new EntryQueues(new Int32Array(heads), entries);
  const start = new SharedArrayBuffer(4);
  const workers = Array.from({ length: PRODUCERS }, (_, producer) => {
    const workerData: ProducerTask = {
      entries: entries.buffer,
      heads,
      start,
      producer,
      firstEntry: producer * ENTRIES_EACH,
      entryCount: ENTRIES_EACH,
      sharedQueues: SHARED_QUEUES,
      pushes: PUSHES,
    };
    return new Worker(new URL('./queue-producer.ts', import.meta.url), { workerData });
  });
  t.after(() => Promise.all(workers.map((worker) => worker.terminate())));
  const exits = workers.map((worker) => once(worker, 'exit'));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  Atomics.store(new Int32Array(start), 0, 1);
  Atomics.notify(new Int32Array(start), 0);

  // A producer numbers its entries and pushes them to the queues in turn: in each the numbers rise.
  const seen = Array.from({ length: PRODUCERS }, () => new Uint8Array(PUSHES));
  const last = Array.from({ length: PRODUCERS }, () => new Array<number>(SHARED_QUEUES).fill(-1));
  consumeAll(queues, entries, (queue, producer, n) => {
    assert.equal(seen[producer][n], 0, `${n} of producer ${producer} came twice`);
    seen[producer][n] = 1;
    assert.ok(n > last[producer][queue], `${n} of producer ${producer} came after ${last[producer][queue]}`);
    last[producer][queue] = n;
  });
  assert.ok(seen.every((numbers) => numbers.every((count) => count === 1)));
  for (const [code] of await Promise.all(exits)) assert.equal(code, 0);
  for (let queue = 0; queue < SHARED_QUEUES; queue += 1) assert.equal(queues.isEmpty(queue), true);
});
