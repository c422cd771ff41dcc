/** What the claim table itself costs: probes and inserts on one thread, and what they allocate. */
import { getHeapStatistics } from 'node:v8';
import { systemClock } from '../../src/clock/clock.ts';
import { ClaimStatus } from '../../src/domain/claim.ts';
import { EntryTable } from '../../src/entries/entry-table.ts';
import { StatePartitioner } from '../../src/partitioner/partitioner.ts';
import { ClaimTable, NO_RECORD } from '../../src/registry/claim-table.ts';
import { tableBytes, tableShape } from '../../src/registry/table-layout.ts';
import { spread } from '../measure/statistics.ts';
import type { BenchContext, BenchModule, BenchRow } from './bench-module.ts';
import { spreadRow } from './rows.ts';

/** Live claims of the mission. */
const CLAIMS = 100_000;
const OPERATIONS = 10_000_000;
const OPERATIONS_PER_S_GOAL = { atLeast: 2_000_000 };
/** Reading the counter allocates too, never twice quite the same: so a little above none. */
const BYTES_PER_OPERATION_GOAL = { atMost: 0.001 };
const EPOCH = 170_000_000;

export const registry: BenchModule = {
  name: 'registry',
  title: `the claim table on one thread: ${CLAIMS} claims in place, ${OPERATIONS} operations; an operation is a probe, or a removal and an insert`,
  byDefault: true,
  run,
};

async function run(context: BenchContext): Promise<BenchRow[]> {
  const bench = new TableBench();
  bench.probes(OPERATIONS / 10);
  bench.inserts(OPERATIONS / 10);
  const probes: number[] = [];
  const inserts: number[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    probes.push(perSecond(OPERATIONS, () => bench.probes(OPERATIONS)));
    inserts.push(perSecond(OPERATIONS / 2, () => bench.inserts(OPERATIONS / 2)));
    context.say(`${mega(probes[round])} M probes/s, ${mega(inserts[round])} M removals and inserts/s`);
  }
  const halfAndHalf = () => {
    bench.probes(OPERATIONS / 2);
    bench.inserts(OPERATIONS / 2);
  };
  // Twice before, for what is allocated once: code compiled for these very loops.
  allocatedBytes(halfAndHalf);
  allocatedBytes(halfAndHalf);
  const allocated = allocatedBytes(halfAndHalf);
  const reading = allocatedBytes(() => undefined);
  return [
    spreadRow('probes', spread(probes), '/s', { goal: OPERATIONS_PER_S_GOAL }),
    spreadRow('removals and inserts', spread(inserts), '/s', { goal: OPERATIONS_PER_S_GOAL }),
    {
      measure: 'allocated per operation',
      value: Math.max(0, allocated - reading) / OPERATIONS,
      unit: 'B',
      goal: BYTES_PER_OPERATION_GOAL,
      note: `v8's total_allocated_bytes: ${allocated} B over ${OPERATIONS} operations, ${reading} B over none`,
    },
  ];
}

/** One segment with CLAIMS claims in it, and an entry for each to ask with. */
class TableBench {
  readonly #entries = EntryTable.allocate(CLAIMS);
  readonly #table: ClaimTable;
  #next = 0;

  constructor() {
    const shape = tableShape(CLAIMS, 1, 4);
    this.#table = new ClaimTable(new SharedArrayBuffer(tableBytes(shape)), shape, 0, 'claim');
    this.#table.reset(EPOCH, 0);
    const partitioner = new StatePartitioner(1, 'claim');
    for (let i = 0; i < CLAIMS; i += 1) {
      this.#entries.setClaimId(i, `treasure-${i}-of-island-${i % 77}`);
      this.#entries.setPlayerId(i, `player-${i % 9_973}`);
      this.#entries.timestampMs[i] = EPOCH * 10_000;
      this.#entries.endEpoch[i] = EPOCH + 1 + (i % 2);
      partitioner.assign(this.#entries, i);
      this.#table.insert(this.#entries, i, ClaimStatus.PENDING);
    }
  }

  /** Looks claims up, in an order that caches can't foresee. */
  probes(count: number): void {
    for (let i = 0; i < count; i += 1) {
      if (this.#table.find(this.#entries, this.#pick()) === NO_RECORD) throw new Error('a claim was lost');
    }
  }

  /** Takes claims out and puts them back. */
  inserts(count: number): void {
    for (let i = 0; i < count; i += 1) {
      const entry = this.#pick();
      this.#table.remove(this.#table.find(this.#entries, entry));
      this.#table.insert(this.#entries, entry, ClaimStatus.PENDING);
    }
  }

  /** A full-period linear congruence: every claim once before any twice. */
  #pick(): number {
    this.#next = (this.#next + 61_803) % CLAIMS;
    return this.#next;
  }
}

function perSecond(operations: number, work: () => void): number {
  const startUs = systemClock.monotonicUs();
  work();
  return (operations * 1e6) / (systemClock.monotonicUs() - startUs);
}

function allocatedBytes(work: () => void): number {
  const before = totalAllocated();
  work();
  return totalAllocated() - before;
}

function totalAllocated(): number {
  const statistics = getHeapStatistics() as { total_allocated_bytes?: number };
  if (statistics.total_allocated_bytes === undefined) throw new Error('this Node does not count allocations');
  return statistics.total_allocated_bytes;
}

function mega(perS: number): string {
  return (perS / 1e6).toFixed(2);
}
