/**
 * Worker threads are ended under load, again and again: every claim admitted is answered exactly
 * once, the service goes on, and the tables are right afterwards.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/clock/clock.ts';
import { ClaimOperation, ClaimStatus, Outcome, UnavailableReason } from '../../src/domain/claim.ts';
import { Engine } from '../../src/engine.ts';
import { Ingress } from '../../src/ingress/ingress.ts';
import { ThreadedPool } from '../../src/pool/threaded-pool.ts';
import { TEST_RULES } from '../support/engine.ts';
import { testMemory } from '../support/memory.ts';
import { MemoryStore } from '../support/memory-store.ts';

const WORKERS = 3;
const DEATHS = 12;
const IN_FLIGHT = 2_000;
/** Looks, 50 ms apart: long past the window and the refilling. */
const GIVE_UP_AFTER = 400;

describe('worker death', () => {
  const memory = testMemory({ workers: WORKERS, tableCapacity: 131_072, ingressEntries: 4_096 });
  const store = new MemoryStore(memory.entries, { ...TEST_RULES, partition: 'claim' }, systemClock);
  const pool = new ThreadedPool(memory, systemClock);
  const lines: string[] = [];
  const note = (_: unknown, text?: string) => lines.push(text ?? '');
  const log = { debug: note, info: note, warn: note, error: note, fatal: note };
  const ingress = new Ingress(memory, 0, pool, setImmediate);
  const engine = new Engine({
    memory,
    pool,
    ingress,
    store,
    clock: systemClock,
    log,
    commitIntervalMs: 0,
    reconcileClaimsPerS: 0,
  });
  const outcomes = new Map<number, number>();
  let asked = 0;
  let answered = 0;
  let running = true;

  before(() => engine.start());
  after(() => engine.stop());

  function ask(operation: ClaimOperation, claimId: string): void {
    const { entries } = ingress;
    if (!ingress.hasRoom(1)) return;
    const entry = ingress.allocate();
    entries.setClaimId(entry, claimId);
    entries.setPlayerId(entry, 'p');
    entries.timestampMs[entry] = systemClock.nowMs();
    let settled = false;
    asked += 1;
    ingress.dispatch(entry, operation, {
      answered: () => {
        assert.ok(!settled, 'answered twice');
        settled = true;
        answered += 1;
        const outcome = entries.outcome[entry];
        if (outcome === Outcome.UNAVAILABLE) {
          assert.equal(entries.reason[entry], UnavailableReason.WORKER_LOST);
        }
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        ingress.finish(entry);
      },
    });
  }

  function state(): string {
    const queued = memory.tables.filter((_, segment) => !memory.queues.isEmpty(segment)).length;
    const { parked, locks } = memory;
    return JSON.stringify({
      asked,
      answered,
      queued,
      parked: [...parked],
      locks: [...locks],
      threads: pool.threads.length,
    });
  }

  async function load(): Promise<void> {
    let n = 0;
    while (running) {
      while (asked - answered < IN_FLIGHT) {
        ask(ClaimOperation.SUBMIT, `c${n}`);
        ask(ClaimOperation.VALIDATE, `c${n - 500}`);
        n = (n + 1) % 40_000;
      }
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  test('every call is answered, and the service goes on', async () => {
    const loading = load();
    for (let death = 0; death < DEATHS; death += 1) {
      await delay(100);
      // A few claims are served without any worker: the next is ended when the last is replaced.
      for (let look = 0; pool.threads.length < WORKERS && look < GIVE_UP_AFTER; look += 1) await delay(5);
      const before = answered;
      const victim = pool.threads[death % pool.threads.length];
      await victim.terminate();
      for (let look = 0; answered === before && look < GIVE_UP_AFTER; look += 1) await delay(5);
      assert.ok(answered > before, `no claim was answered any more: ${state()}`);
    }
    running = false;
    await loading;
    await ingress.idle();
    assert.equal(answered, asked);
    assert.ok((outcomes.get(Outcome.ACCEPTED) ?? 0) > 1_000);
    // Some deaths hit a thread that waits for its task, since a worker that dies often restarts later.
    const losses = lines.filter((line) => line === 'a segment worker died').length;
    assert.ok(losses >= DEATHS / 2, `${losses} workers were lost`);
  });

  test('nothing is left over: entries, locks, reserved records', async () => {
    while (!ingress.hasRoom(4_096)) await delay(5);
    assert.ok(memory.tables.every((table) => table.reservedCount === 0));
    // Workers may still be at epochs and expiries: a lock is held for a moment, never for long.
    for (const [segment] of memory.locks.entries()) {
      for (let look = 0; memory.locks[segment] !== 0 && look < GIVE_UP_AFTER; look += 1) await delay(5);
      assert.equal(memory.locks[segment], 0, `segment ${segment} is locked`);
    }
    assert.equal(memory.entries.holder.slice(0, 4_096).filter((holder) => holder !== 0).length, 0);
  });

  test('emptied segments were filled again: every pending claim expires by itself', async () => {
    const inStore = () =>
      [...store.claims.values()].filter((claim) => claim.status === ClaimStatus.PENDING).length;
    const inTables = () => memory.tables.reduce((sum, table) => sum + table.pendingCount, 0);
    for (let wait = 0; inStore() + inTables() > 0 && wait < GIVE_UP_AFTER; wait += 1) await delay(50);
    assert.deepEqual([inStore(), inTables()], [0, 0]);
  });
});
