/**
 * The claim table against a plain Map through millions of random operations, from seeds. More of
 * them, or others: TABLE_OPERATIONS=50000000 TABLE_SEED=7 node --test test/registry/claim-table-model.test.ts
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimStatus, type PartitionMode } from '../../src/domain/claim.ts';
import { EntryTable } from '../../src/entries/entry-table.ts';
import { ClaimTable } from '../../src/registry/claim-table.ts';
import { type TableShape, tableBytes } from '../../src/registry/table-layout.ts';
import { SeededRandom } from './seeded-random.ts';
import { type Claim, TableChecker } from './table-checker.ts';
import type { Identity, ModelClaim } from './table-model.ts';

const OPERATIONS = Number(process.env['TABLE_OPERATIONS'] ?? 2_000_000);
const SEED = Number(process.env['TABLE_SEED'] ?? 1);

/** Three parts of one table, so that one that writes into the next is found. */
const SEGMENTS = 3;
/** Identities there may be, for each record: most are absent, and a table is often full. */
const IDENTITIES_PER_RECORD = 3;
const PLAYERS = ['p', `p${'q'.repeat(63)}`, 'q'];
/** Full comparisons come after so many operations for each identity there may be. */
const CHECK_EVERY = 20;

interface Scenario {
  readonly what: string;
  readonly mode: PartitionMode;
  readonly records: number;
  readonly wheelSlots: number;
  /** The epoch that it begins in. */
  readonly epoch: number;
  readonly hash: (random: SeededRandom, buckets: number) => number;
}

const spreadHash = (random: SeededRandom) => random.word();
/** Few hashes, at the end of the index and its beginning: long runs that wrap round. */
const wrappingHash = (random: SeededRandom, buckets: number) => buckets - 3 + random.below(5);
/** The same home, other high bits: only comparing the hash tells them apart before the ids do. */
const sameHome = (random: SeededRandom, buckets: number) => random.below(2 ** 20) * buckets + buckets - 1;
const sameHash = () => 0xffffffff;

const SCENARIOS: readonly Scenario[] = [
  { what: 'a usual table', mode: 'claim', records: 256, wheelSlots: 8, epoch: 170_000_000, hash: spreadHash },
  { what: 'by player', mode: 'player', records: 256, wheelSlots: 8, epoch: 170_000_000, hash: spreadHash },
  {
    what: 'hashes that wrap',
    mode: 'claim',
    records: 64,
    wheelSlots: 4,
    epoch: 2 ** 31 - 500,
    hash: wrappingHash,
  },
  {
    what: 'one home bucket',
    mode: 'player',
    records: 32,
    wheelSlots: 16,
    epoch: 2 ** 32 - 500,
    hash: sameHome,
  },
  { what: 'one hash', mode: 'claim', records: 32, wheelSlots: 4, epoch: 2 ** 40, hash: sameHash },
  { what: 'one hash, by player', mode: 'player', records: 16, wheelSlots: 4, epoch: 0, hash: sameHash },
  { what: 'one record', mode: 'claim', records: 1, wheelSlots: 4, epoch: 1_000, hash: spreadHash },
  {
    what: 'the last epochs',
    mode: 'claim',
    records: 8,
    wheelSlots: 64,
    epoch: 2 ** 53 - 2 ** 30,
    hash: wrappingHash,
  },
];

SCENARIOS.forEach((scenario, number) => {
  const { what, mode, records, wheelSlots, epoch } = scenario;
  const name = `${what}: ${mode} mode, ${records} records, ${wheelSlots} slots, from epoch ${epoch}`;
  test(`${name}, seed ${SEED + number}`, () => {
    const run = new Run(scenario, SEED + number);
    run.operate(Math.ceil(OPERATIONS / SCENARIOS.length));
    run.checkSeen();
  });
});

/** A time in which some operations come more often than others, so that tables fill up and empty. */
interface Phase {
  /** Of the claims that are written, one in so many is final. */
  readonly finalOneIn: number;
  /** Of the operations on a claim that is there, one in so many removes it. */
  readonly removeOneIn: number;
  readonly advanceOneIn: number;
}
const PHASES: readonly Phase[] = [
  { finalOneIn: 1_000, removeOneIn: 1_000, advanceOneIn: 2_000 },
  { finalOneIn: 3, removeOneIn: 10, advanceOneIn: 50 },
  { finalOneIn: 1, removeOneIn: 100, advanceOneIn: 20 },
  { finalOneIn: 2, removeOneIn: 2, advanceOneIn: 10 },
];

class Run {
  readonly #random: SeededRandom;
  readonly #scenario: Scenario;
  readonly #universe: readonly Identity[];
  readonly #checkers: readonly TableChecker[];
  #phase: Phase = PHASES[1];

  constructor(scenario: Scenario, seed: number) {
    this.#random = new SeededRandom(seed);
    this.#scenario = scenario;
    const { records, wheelSlots, mode, epoch } = scenario;
    const shape: TableShape = { segments: SEGMENTS, records, buckets: 2 * records, wheelSlots };
    const buffer = new SharedArrayBuffer(tableBytes(shape));
    const entries = EntryTable.allocate(2);
    this.#universe = this.#identities(IDENTITIES_PER_RECORD * records + 2, shape.buckets);
    this.#checkers = Array.from({ length: SEGMENTS }, (_, segment) => {
      const views = [0, 1].map(() => new ClaimTable(buffer, shape, segment, mode));
      return new TableChecker(views, entries, epoch);
    });
  }

  operate(count: number): void {
    const random = this.#random;
    const checkEvery = CHECK_EVERY * this.#universe.length;
    for (let done = 1; done <= count; done += 1) {
      if (random.once(this.#universe.length * 4)) this.#phase = random.pick(PHASES);
      this.#operate(random.pick(this.#checkers));
      if (done % checkEvery === 0 || done === count) this.#checkAll();
    }
  }

  /** Asserts that every rare case was met, so that the run shows what it says. */
  checkSeen(): void {
    for (const { seen } of this.#checkers) {
      for (const [what, times] of Object.entries(seen)) assert.ok(times > 0, `${what}: never`);
    }
  }

  #checkAll(): void {
    for (const checker of this.#checkers) checker.check(this.#universe);
  }

  #operate(checker: TableChecker): void {
    const random = this.#random;
    if (random.once(this.#phase.advanceOneIn)) this.#advance(checker);
    if (random.once(50_000)) checker.reset(checker.model.epoch + random.below(2), random.below(3));
    switch (random.below(8)) {
      case 0:
      case 1:
        checker.find(...this.#asked());
        break;
      case 2:
        checker.reserve();
        break;
      case 3:
        checker.unreserve();
        break;
      case 4:
        this.#serveOverdue(checker);
        break;
      default:
        this.#write(checker);
    }
  }

  #advance(checker: TableChecker): void {
    checker.advance(this.#nextEpoch(checker.model.epoch), this.#scenario.wheelSlots);
  }

  /** An identity, and a player who may or may not be the one who has it. */
  #asked(): [Identity, string] {
    const identity = this.#random.pick(this.#universe);
    return [identity, identity.playerId ?? this.#random.pick(PLAYERS)];
  }

  #write(checker: TableChecker): void {
    const claim = this.#claim(checker.model.epoch);
    const there = checker.model.claims.get(claim.identity.key);
    if (there === undefined) checker.insert(claim);
    else if (this.#random.once(this.#phase.removeOneIn)) checker.remove(there);
    else if (this.#random.once(3)) checker.overwrite(claim);
    else if (this.#random.once(2)) checker.setStatus(there, claim.status, claim.endEpoch);
    else if (there.status === ClaimStatus.PENDING) checker.postpone(there);
  }

  /** Takes an overdue claim, and does what may come of it: most end, some are put back, some stay out. */
  #serveOverdue(checker: TableChecker): void {
    const claim = checker.takeOverdue();
    if (claim === undefined) return;
    const what = this.#random.below(8);
    if (what === 0) checker.postpone(claim);
    else if (what === 1) checker.remove(claim);
    else if (what > 2) this.#end(checker, claim);
  }

  #end(checker: TableChecker, claim: ModelClaim): void {
    const validated = this.#random.once(4);
    const status = validated ? ClaimStatus.VALIDATED : ClaimStatus.EXPIRED;
    checker.setStatus(claim, status, validated ? claim.endEpoch - 1 : claim.endEpoch);
  }

  /** The same, one on, some on, exactly a turn of the wheel, several turns; sometimes back. */
  #nextEpoch(epoch: number): number {
    const random = this.#random;
    const { wheelSlots } = this.#scenario;
    const jump = random.pick([
      0,
      1,
      1,
      1,
      2,
      random.below(wheelSlots),
      wheelSlots - 1,
      wheelSlots,
      wheelSlots + 1,
    ]);
    if (random.once(50)) return epoch + random.below(10 * wheelSlots);
    return random.once(20) ? Math.max(0, epoch - jump) : epoch + jump;
  }

  /** A claim as calls bring it: its end is mostly within the wheel, sometimes past, sometimes far ahead. */
  #claim(epoch: number): Claim {
    const random = this.#random;
    const [identity, playerId] = this.#asked();
    const isFinal = random.once(this.#phase.finalOneIn);
    const status = isFinal ? random.pick([ClaimStatus.VALIDATED, ClaimStatus.EXPIRED]) : ClaimStatus.PENDING;
    const reach = random.once(20) ? 3 * this.#scenario.wheelSlots : this.#scenario.wheelSlots - 1;
    const endEpoch = Math.max(0, epoch - 2 + random.below(reach + 2));
    return { identity, playerId, timestampMs: random.word() * 2 ** 20, status, endEpoch };
  }

  /** In player mode each claim id stands for every player. */
  #identities(count: number, buckets: number): Identity[] {
    const { mode, hash } = this.#scenario;
    return Array.from({ length: count }, (_, i): Identity => {
      const playerId = mode === 'player' ? PLAYERS[i % PLAYERS.length] : null;
      const claimId = claimIdOf(mode === 'player' ? Math.floor(i / PLAYERS.length) : i);
      return { key: `${claimId}|${playerId}`, claimId, playerId, hash: hash(this.#random, buckets) >>> 0 };
    });
  }
}

/** Ids of 1 to 64 bytes, in pairs of which one begins with the other. */
function claimIdOf(i: number): string {
  const pair = `${(i >> 1).toString(36)}.`;
  return i % 2 === 0 ? pair : pair.padEnd(Math.max(pair.length + 1, (i * 37) % 65), '.x');
}
