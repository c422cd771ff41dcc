/** What the segments tell: how full the table is, what waits for them, who serves them. Summed over segments. */
import type { ClaimTable } from '../registry/claim-table.ts';
import { type EngineMemory, loopName, serverCount, WorkerCounter } from '../segment/engine-memory.ts';
import { gauge, type Metric } from '../telemetry/metric.ts';

/** A worker by its number; the others are event loops, which serve a few entries themselves. */
const SERVERS = ['N', 'main', 'ingress-N'];

export function segmentMetrics(memory: EngineMemory): Metric[] {
  const sum = (of: (table: ClaimTable) => number) =>
    memory.tables.reduce((total, table) => total + of(table), 0);
  return [
    gauge('claims.table.capacity', '{claim}', 'claims the table can hold', () => sum((t) => t.capacity)),
    gauge('claims.table.claims', '{claim}', 'claims in the table', () => sum((t) => t.liveCount)),
    gauge('claims.table.pending', '{claim}', 'of these, pending ones', () => sum((t) => t.pendingCount)),
    gauge(
      'claims.table.fullest_segment',
      '1',
      'of the segment that is fullest the part of its records that pending claims have, or are promised',
      () => Math.max(...memory.tables.map((t) => (t.pendingCount + t.reservedCount) / t.capacity)),
    ),
    {
      kind: 'gauge',
      name: 'claims.claims',
      unit: '{claim}',
      description: 'claims in the table by their status',
      labels: { status: ['pending', 'validated', 'expired'] },
      read: (observe) => {
        const pending = sum((t) => t.pendingCount);
        const validated = sum((t) => t.validatedCount);
        observe(pending, { status: 'pending' });
        observe(validated, { status: 'validated' });
        // Counted one after the other while others write: what is left is never less than none.
        observe(Math.max(0, sum((t) => t.liveCount) - pending - validated), { status: 'expired' });
      },
    },
    {
      kind: 'gauge',
      name: 'claims.queue.depth',
      unit: '{entry}',
      description:
        'entries in the queues: for segments to serve, for a commit, and home to be answered or freed',
      labels: { queue: ['segments', 'commit', 'home'] },
      read: (observe) => {
        observe(between(memory, WorkerCounter.ENTRIES, WorkerCounter.QUEUED), { queue: 'segments' });
        observe(Atomics.load(memory.commitWaiting, 0), { queue: 'commit' });
        observe(between(memory, WorkerCounter.CAME_HOME, WorkerCounter.SENT_HOME), { queue: 'home' });
      },
    },
    served(
      memory,
      'claims.worker.entries',
      '{entry}',
      'entries served by a worker, or on an event loop',
      WorkerCounter.ENTRIES,
    ),
    served(
      memory,
      'claims.worker.runs',
      '{run}',
      'runs served by a worker, or on an event loop',
      WorkerCounter.RUNS,
    ),
    served(
      memory,
      'claims.worker.stolen_runs',
      '{run}',
      'runs a worker took from others',
      WorkerCounter.STOLEN_RUNS,
    ),
    served(memory, 'claims.worker.wakes', '{wake}', 'times a worker was woken', WorkerCounter.WAKES),
  ];
}

/** What was put on queues and not taken yet. What was taken is read first: the rest is never less than none. */
function between(memory: EngineMemory, taken: number, put: number): number {
  const left = -memory.countedByAll(taken) + memory.countedByAll(put);
  return Math.max(0, left);
}

function served(
  memory: EngineMemory,
  name: string,
  unit: string,
  description: string,
  which: number,
): Metric {
  return {
    kind: 'counter',
    name,
    unit,
    description,
    labels: { worker: SERVERS },
    read: (observe) => {
      for (let server = 0; server < serverCount(memory.shape); server += 1) {
        observe(memory.counter(server, which), { worker: serverName(memory, server) });
      }
    },
  };
}

function serverName({ shape }: EngineMemory, server: number): string {
  if (server < shape.workers) return `${server}`;
  return loopName(server - shape.workers);
}
