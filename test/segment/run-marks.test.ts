/** What a segment's server notes of entries: when it took their run and was done with it, and whether that was stealing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimOperation, ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import { EntryMark, EntryStep } from '../../src/entries/entry-table.ts';
import { SegmentMap } from '../../src/partitioner/segment-map.ts';
import { serverCount } from '../../src/segment/engine-memory.ts';
import { SegmentServer } from '../../src/segment/segment-server.ts';
import { testMemory } from '../support/memory.ts';

const SEGMENTS = 8;
const WORKERS = 3;

/** A clock that is a microsecond later each time it is asked. */
function countingClock(): { monotonicUs(): number } {
  let us = 0;
  return {
    monotonicUs: () => {
      us += 1;
      return us;
    },
  };
}

function newMemory() {
  return testMemory({ segments: SEGMENTS, workers: WORKERS, ingressThreads: 2 });
}

type Memory = ReturnType<typeof newMemory>;

/** Puts an entry on a segment's queue, dispatched when no time had passed. */
function put({ entries, queues }: Memory, segment: number, entry: number, claimId: string): void {
  entries.setClaimId(entry, claimId);
  entries.setPlayerId(entry, 'ann');
  entries.hash[entry] = 7;
  entries.segment[entry] = segment;
  entries.operation[entry] = ClaimOperation.GET;
  entries.step[entry] = EntryStep.REQUEST;
  entries.reserved[entry] = 0;
  entries.markDispatched(entry, 0, 0);
  queues.push(segment, entry);
}

test('entries of a run share its times, whether they go home or on to the store; the next run has its own', () => {
  const memory = newMemory();
  const { entries } = memory;
  const server = new SegmentServer(memory, 0, countingClock());
  put(memory, 0, 0, 'known');
  memory.tables[0].insert(entries, 0, ClaimStatus.VALIDATED);
  put(memory, 0, 1, 'unknown');
  assert.equal(server.visit(0), 2);
  put(memory, 0, 2, 'late');
  assert.equal(server.visit(0), 1);
  const times = [0, 1, 2].map((e) => [EntryMark.TAKEN, EntryMark.DECIDED].map((m) => entries.markOf(e, m)));
  assert.deepEqual(times, [
    [1, 2],
    [1, 2],
    [3, 4],
  ]);
  assert.deepEqual(
    [entries.outcome[0], entries.fromStore[0]],
    [Outcome.FOUND, 0],
    'the first was settled here',
  );
  assert.equal(memory.queues.peek(memory.ingressQueue(0)), 0);
  assert.equal(memory.queues.peek(memory.commitQueue), 2);
});

test('a run is stolen where a worker serves it that is not its home; never where an event loop does', () => {
  const memory = newMemory();
  const map = new SegmentMap(SEGMENTS, WORKERS);
  const clock = countingClock();
  for (let number = 0; number < serverCount(memory.shape); number += 1) {
    const server = new SegmentServer(memory, number, clock);
    for (let segment = 0; segment < SEGMENTS; segment += 1) {
      put(memory, segment, segment, 'chest');
      server.visit(segment);
      const stolen = number < WORKERS && map.homeOf(segment) !== number;
      const told = memory.entries.markOf(segment, EntryMark.STOLEN);
      assert.equal(told, stolen ? 1 : 0, `segment ${segment} served by ${number}`);
    }
    memory.queues.takeAll(memory.commitQueue);
  }
});

test('an empty queue costs no look at the clock', () => {
  const memory = newMemory();
  const server = new SegmentServer(memory, 0, {
    monotonicUs: () => assert.fail('the clock was read'),
  });
  assert.equal(server.serve(0), 0);
});
