/**
 * What every segment pool promises, whoever serves its segments: each entry pushed comes back
 * exactly once; entries of one segment are served in order; nothing is served without a flush
 * being enough; what facts settle is answered without the store.
 */
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { ClaimOperation, ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import { EntryStep, NO_ENTRY } from '../../src/entries/entry-table.ts';
import { StatePartitioner } from '../../src/partitioner/partitioner.ts';
import type { SegmentPool, WorkerLoss } from '../../src/pool/segment-pool.ts';
import type { EngineMemory } from '../../src/segment/engine-memory.ts';

/** Drives a pool as the committer, the coordinator and one ingress would. */
export class PoolDriver {
  readonly pool: SegmentPool;
  readonly memory: EngineMemory;
  readonly partitioner: StatePartitioner;
  /** Entries in the order in which they came to the committer, and home. */
  readonly committed: number[] = [];
  readonly home: number[] = [];
  readonly losses: WorkerLoss[] = [];
  #changed: () => void = () => undefined;

  constructor(pool: SegmentPool) {
    this.pool = pool;
    this.memory = pool.memory;
    this.partitioner = new StatePartitioner(pool.memory.segments, pool.memory.shape.partition);
  }

  start(): Promise<void> {
    return this.pool.start({
      drain: () => this.drain(),
      drainAll: async () => this.drain(),
      workerLost: (loss) => {
        this.losses.push(loss);
        this.#changed();
      },
    });
  }

  drain(): void {
    const { queues, commitQueue } = this.memory;
    this.#take(queues.takeAll(commitQueue), this.committed);
    this.#take(queues.takeAll(this.memory.coordinatorQueue), this.home);
    this.#take(queues.takeAll(this.memory.ingressQueue(0)), this.home);
    this.#changed();
  }

  fill(entry: number, operation: ClaimOperation, claimId: string, playerId = 'p'): void {
    const { entries } = this.memory;
    entries.setClaimId(entry, claimId);
    entries.setPlayerId(entry, playerId);
    entries.operation[entry] = operation;
    entries.step[entry] = EntryStep.REQUEST;
    entries.timestampMs[entry] = 1_000;
    entries.endEpoch[entry] = 10;
    entries.reserved[entry] = 0;
    this.partitioner.assign(entries, entry);
  }

  push(...entries: number[]): void {
    for (const entry of entries) this.pool.push(entry);
    this.pool.flush();
  }

  /** What the store would do with an entry that came to the committer, and the learning of it. */
  confirm(entry: number, outcome: Outcome, status: ClaimStatus): void {
    const { entries } = this.memory;
    entries.outcome[entry] = outcome;
    entries.status[entry] = status;
    entries.step[entry] = EntryStep.LEARN;
    this.push(entry);
  }

  /** Waits until `holds`, which is looked at whenever something came back. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
        if (holds()) resolve();
      });
    }
  }

  #take(first: number, to: number[]): void {
    let entry = first;
    while (entry !== NO_ENTRY) {
      const next = this.memory.entries.next[entry];
      this.memory.entries.holder[entry] = 0;
      to.push(entry);
      entry = next;
    }
  }
}

export function describePoolContract(name: string, makePool: () => SegmentPool): void {
  describe(`segment pool: ${name}`, () => {
    let driver: PoolDriver;
    const started = async () => {
      driver = new PoolDriver(makePool());
      await driver.start();
      return driver;
    };
    afterEach(() => driver.pool.stop());

    test('every entry comes back exactly once', async () => {
      const d = await started();
      const count = 4_000;
      const all = Array.from({ length: count }, (_, entry) => entry);
      for (const entry of all) d.fill(entry, ClaimOperation.VALIDATE, `c${entry}`);
      for (let from = 0; from < count; from += 100) d.push(...all.slice(from, from + 100));
      await d.until(() => d.committed.length >= count);
      assert.deepEqual(
        [...d.committed].sort((a, b) => a - b),
        all,
      );
      assert.equal(d.home.length, 0, 'unknown claims are the store’s to decide');
    });

    test('entries of one segment keep their order, whoever serves it', async () => {
      const d = await started();
      const count = 3_000;
      const all = Array.from({ length: count }, (_, entry) => entry);
      for (const entry of all) d.fill(entry, ClaimOperation.VALIDATE, `c${entry}`);
      for (let from = 0; from < count; from += 7) d.push(...all.slice(from, from + 7));
      await d.until(() => d.committed.length === count);
      const lastOf = new Map<number, number>();
      for (const entry of d.committed) {
        const segment = d.memory.entries.segment[entry];
        assert.ok((lastOf.get(segment) ?? -1) < entry, `segment ${segment}: ${entry} was overtaken`);
        lastOf.set(segment, entry);
      }
    });

    test('what the table has learned is answered from it, and goes home', async () => {
      const d = await started();
      d.fill(0, ClaimOperation.SUBMIT, 'c', 'owner');
      d.push(0);
      await d.until(() => d.committed.length === 1);
      assert.equal(d.memory.entries.reserved[0], 1);
      d.confirm(0, Outcome.ACCEPTED, ClaimStatus.PENDING);
      d.fill(1, ClaimOperation.SUBMIT, 'c', 'thief');
      d.push(1);
      await d.until(() => d.home.includes(1));
      assert.equal(d.memory.entries.outcome[1], Outcome.TAKEN);
      assert.equal(d.committed.length, 1);
      const table = d.memory.tables[d.memory.entries.segment[0]];
      assert.deepEqual([table.pendingCount, table.reservedCount], [1, 0]);
    });

    test('an epoch reaches every segment, and overdue claims come to the committer', async () => {
      const d = await started();
      const count = 200;
      const all = Array.from({ length: count }, (_, entry) => entry);
      for (const entry of all) d.fill(entry, ClaimOperation.SUBMIT, `c${entry}`);
      d.push(...all);
      await d.until(() => d.committed.length === count);
      for (const entry of all) d.confirm(entry, Outcome.ACCEPTED, ClaimStatus.PENDING);
      const { entries, segments, firstCoordinatorEntry } = d.memory;
      const control = Array.from({ length: segments }, (_, segment) => firstCoordinatorEntry + segment);
      for (const [segment, entry] of control.entries()) {
        entries.step[entry] = EntryStep.ADVANCE;
        entries.epoch[entry] = 10;
        entries.segment[entry] = segment;
      }
      const allHome = () => control.every((entry) => d.home.includes(entry));
      d.push(...control);
      await d.until(allHome);
      assert.ok(d.memory.tables.every((table) => table.epoch === 10));
      const expired = new Set<string>();
      d.committed.length = 0;
      for (const [segment, entry] of control.entries()) {
        entries.step[entry] = EntryStep.EXPIRE_NEXT;
        entries.segment[entry] = segment;
      }
      d.home.length = 0;
      d.push(...control);
      while (!allHome()) {
        await d.until(() => d.committed.length > 0 || allHome());
        for (const entry of d.committed.splice(0)) {
          assert.equal(entries.operation[entry], ClaimOperation.EXPIRE);
          expired.add(entries.claimId(entry));
          d.confirm(entry, Outcome.EXPIRED, ClaimStatus.EXPIRED);
        }
      }
      assert.equal(expired.size, count);
      assert.ok(d.memory.tables.every((table) => table.pendingCount === 0));
    });
  });
}
