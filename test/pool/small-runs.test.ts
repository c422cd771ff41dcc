import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../src/clock/clock.ts';
import { ClaimOperation } from '../../src/domain/claim.ts';
import { EntryStep, NO_ENTRY } from '../../src/entries/entry-table.ts';
import { StatePartitioner } from '../../src/partitioner/partitioner.ts';
import { SmallRuns } from '../../src/pool/small-runs.ts';
import { type EngineMemory, MAIN_LOOP, WorkerCounter } from '../../src/segment/engine-memory.ts';
import { tryLock, unlock } from '../../src/segment/segment-lock.ts';
import { testMemory } from '../support/memory.ts';

const WORKERS = 2;
const MOST = 8;

describe('small runs', () => {
  let memory: EngineMemory;
  let runs: SmallRuns;
  let onServed: () => void;

  beforeEach(() => {
    memory = testMemory({ workers: WORKERS });
    onServed = () => undefined;
    runs = new SmallRuns(memory, 0, MOST, systemClock, () => onServed());
  });

  /** Pushes an entry that somebody waits for; returns its segment. */
  function push(entry: number): number {
    const { entries } = memory;
    entries.setClaimId(entry, `claim-${entry}`);
    entries.setPlayerId(entry, 'player');
    entries.operation[entry] = ClaimOperation.GET;
    entries.step[entry] = EntryStep.REQUEST;
    entries.reserved[entry] = 0;
    new StatePartitioner(memory.segments, 'claim').assign(entries, entry);
    const segment = entries.segment[entry];
    memory.queues.push(segment, entry);
    runs.note(segment);
    return segment;
  }

  function committed(): number[] {
    const taken: number[] = [];
    const { queues, entries, commitQueue } = memory;
    for (let e = queues.takeAll(commitQueue); e !== NO_ENTRY; e = entries.next[e]) taken.push(e);
    return taken.sort((a, b) => a - b);
  }

  test('serves what was noted, on this thread and without its bell', () => {
    for (const entry of [0, 1, 2]) push(entry);
    assert.equal(runs.serve(), 3);
    assert.deepEqual(committed(), [0, 1, 2]);
    assert.equal(runs.count, 0);
    assert.equal(memory.bells[MAIN_LOOP], 0);
    assert.equal(memory.counter(WORKERS, WorkerCounter.ENTRIES), 3);
    assert.equal(memory.counter(0, WorkerCounter.ENTRIES), 0);
  });

  test('a segment that a worker is at is left to it', () => {
    const segment = push(0);
    assert.ok(tryLock(memory.locks, segment, 1));
    assert.equal(runs.serve(), 0);
    assert.equal(memory.queues.peek(segment), 0, 'still in its queue');
    unlock(memory.locks, segment, 1);
    assert.equal(runs.count, 0, 'the worker looks again when it is done');
  });

  test('so many are few, and one more is not', () => {
    assert.ok(!runs.areFew, 'nothing is not few');
    for (let entry = 0; entry < MOST; entry += 1) push(entry);
    assert.ok(runs.areFew);
    push(MOST);
    assert.ok(!runs.areFew);
    runs.forget();
    assert.equal(runs.count, 0);
  });

  test('what was served leads to is served with it, as long as it is few', () => {
    let entry = 10;
    onServed = () => {
      assert.ok(runs.isServing);
      if (entry < 13) push(entry);
      entry += 1;
    };
    push(0);
    assert.equal(runs.serve(), 4);
    assert.deepEqual(committed(), [0, 10, 11, 12]);
    onServed = () => {
      for (let more = 20; more <= 20 + MOST; more += 1) push(more);
    };
    push(1);
    assert.equal(runs.serve(), 1, 'what is more than few is left to the workers');
    assert.notEqual(runs.count, 0);
  });
});
