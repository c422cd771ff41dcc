import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../src/clock/clock.ts';
import { ClaimOperation } from '../../src/domain/claim.ts';
import { EntryStep } from '../../src/entries/entry-table.ts';
import { StatePartitioner } from '../../src/partitioner/partitioner.ts';
import { ThreadFeeder } from '../../src/pool/thread-feeder.ts';
import { type EngineMemory, WorkerCounter } from '../../src/segment/engine-memory.ts';
import { WorkerState } from '../../src/segment/worker-state.ts';
import { testMemory } from '../support/memory.ts';

const WORKERS = 2;
/** More than a thread serves itself. */
const MANY = 65;
const MANY_PATIENT = 256;

describe('a feeder', () => {
  let memory: EngineMemory;
  let feeder: ThreadFeeder;
  let onServed: () => void;
  let next: number;

  beforeEach(() => start(true));

  /** No worker runs: each sleeps until its word says otherwise. */
  function start(stealing: boolean): void {
    memory = testMemory({ workers: WORKERS, stealing });
    memory.parked.fill(WorkerState.PARKED);
    onServed = () => undefined;
    feeder = new ThreadFeeder(memory, 0, systemClock, () => onServed());
    next = 0;
  }

  function fill(): number {
    const { entries } = memory;
    const entry = next;
    next += 1;
    entries.setClaimId(entry, `claim-${entry}`);
    entries.setPlayerId(entry, 'player');
    entries.operation[entry] = ClaimOperation.GET;
    entries.step[entry] = EntryStep.REQUEST;
    entries.reserved[entry] = 0;
    new StatePartitioner(memory.segments, 'claim').assign(entries, entry);
    return entry;
  }

  function push(count: number): void {
    for (let i = 0; i < count; i += 1) feeder.push(fill());
  }

  function pushPatient(count: number): void {
    for (let i = 0; i < count; i += 1) feeder.pushPatient(fill());
  }

  const woken = () => [...memory.parked].filter((state) => state === WorkerState.AWAKE).length;
  const servedHere = () => memory.counter(WORKERS, WorkerCounter.ENTRIES);

  test('serves a few itself and wakes nobody', () => {
    push(MANY - 1);
    feeder.flush();
    assert.deepEqual([servedHere(), woken()], [MANY - 1, 0]);
  });

  test('wakes a worker for every 64 of more', () => {
    push(MANY);
    feeder.flush();
    assert.deepEqual([servedHere(), woken()], [0, 2]);
  });

  test('patient entries wait for company, or for those that come with a flush of all', () => {
    pushPatient(MANY_PATIENT - 1);
    feeder.flush();
    assert.deepEqual([servedHere(), woken()], [0, 0]);
    pushPatient(1);
    feeder.flush();
    assert.ok(woken() > 0);
    start(true);
    pushPatient(1);
    feeder.flushAll();
    assert.equal(woken(), 1);
  });

  test('many that come while a few are served wake workers too', () => {
    onServed = () => {
      onServed = () => undefined;
      push(MANY);
      feeder.flush();
    };
    push(1);
    feeder.flush();
    assert.deepEqual([servedHere(), woken()], [1, 2]);
  });

  test('so do many that come when what was pushed before them has been served by whom it was not counted for', () => {
    pushPatient(MANY_PATIENT);
    feeder.flush();
    memory.parked.fill(WorkerState.PARKED);
    onServed = () => {
      onServed = () => undefined;
      push(MANY);
    };
    // One for each segment takes along what the woken workers have not taken yet.
    push(MANY - 1);
    feeder.flush();
    assert.ok(servedHere() > MANY - 1);
    assert.ok(woken() > 0);
  });

  test('without stealing each home worker is woken, also for a few', () => {
    start(false);
    push(MANY - 1);
    feeder.flush();
    assert.deepEqual([servedHere(), woken()], [0, WORKERS]);
  });
});
