/** What the engine tells of itself: tables, entries, epochs, workers. Never by claim or player. */
import type { Engine } from './engine.ts';
import type { ClaimTable } from './registry/claim-table.ts';
import { MAIN_LOOP, serverCount, WorkerCounter } from './segment/engine-memory.ts';
import type { Gauge } from './telemetry/metrics.ts';

/** @param corruptFields fields of the registry met so far whose values can't be read. */
export function engineGauges(engine: Engine, corruptFields: () => number): Gauge[] {
  const { memory } = engine;
  const sum = (of: (table: ClaimTable) => number) =>
    memory.tables.reduce((total, table) => total + of(table), 0);
  return [
    gauge('claims.epoch', 'the epoch in force on this replica', '{epoch}', () => engine.epoch),
    gauge(
      'claims.epoch.last_complete',
      'the last complete epoch',
      '{epoch}',
      () => engine.epochs.lastComplete,
    ),
    gauge('claims.clock.behind', '1 while the clock is behind the epoch in force, which is held', '1', () =>
      engine.clockBehind ? 1 : 0,
    ),
    gauge('claims.ready', '1 while this replica is ready', '1', () => (engine.readiness().ready ? 1 : 0)),
    gauge('claims.calls.waiting', 'claims whose callers wait for an answer', '{claim}', () =>
      memory.waiting.reduce((sum, waiting) => sum + waiting, 0),
    ),
    gauge(
      'claims.commit.waiting',
      'claims that wait for the next commit',
      '{claim}',
      () => engine.commitBacklog,
    ),
    gauge('claims.table.capacity', 'claims the table can hold', '{claim}', () => sum((t) => t.capacity)),
    gauge('claims.table.claims', 'claims in the table', '{claim}', () => sum((t) => t.liveCount)),
    gauge('claims.table.pending', 'of these, pending ones', '{claim}', () => sum((t) => t.pendingCount)),
    gauge(
      'claims.hydration.claims_read',
      'claims read from the store to fill the table, at start and for segments that lost theirs',
      '{claim}',
      () => engine.claimsHydrated,
    ),
    {
      name: 'claims.reconciled',
      description: 'claims of a shared registry read again by reconciliation',
      unit: '{claim}',
      monotonic: true,
      read: (result) => result.observe(engine.claimsReconciled),
    },
    gauge(
      'claims.store.corrupt_fields',
      'fields of the registry whose values can not be read: their claims are UNAVAILABLE',
      '{field}',
      corruptFields,
    ),
    servers(
      'claims.worker.entries',
      'entries served by a worker, or on an ingress thread',
      '{entry}',
      WorkerCounter.ENTRIES,
    ),
    servers(
      'claims.worker.runs',
      'runs served by a worker, or on an ingress thread',
      '{run}',
      WorkerCounter.RUNS,
    ),
    servers(
      'claims.worker.stolen_runs',
      'runs a worker took from others',
      '{run}',
      WorkerCounter.STOLEN_RUNS,
    ),
    servers('claims.worker.wakes', 'times a worker was woken', '{wake}', WorkerCounter.WAKES),
  ];

  /** By worker; `main` and `ingress-n` for the few entries that an event loop serves itself. */
  function servers(name: string, description: string, unit: string, counter: number): Gauge {
    const { workers: count } = memory.shape;
    return {
      name,
      description,
      unit,
      monotonic: true,
      read: (result) => {
        for (let server = 0; server < serverCount(memory.shape); server += 1) {
          const worker = server < count ? server : loopName(server - count);
          result.observe(memory.counter(server, counter), { worker });
        }
      },
    };
  }
}

function loopName(loop: number): string {
  return loop === MAIN_LOOP ? 'main' : `ingress-${loop - 1}`;
}

function gauge(name: string, description: string, unit: string, read: () => number): Gauge {
  return { name, description, unit, monotonic: false, read: (result) => result.observe(read()) };
}
