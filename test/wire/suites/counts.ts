/**
 * The counts of epochs against a random workload: each epoch's are those of the answers given in
 * it, and what is pending is what was submitted and has not ended.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../../src/clock/clock.ts';
import type { ClaimClient, EpochSummary, Item, Result } from '../../support/client.ts';
import { WAYS, type Way } from '../../support/ways.ts';
import { COUNTED, LENGTH_MS, type SharingSuite, SKEW_MS } from './suite.ts';

/** Same workload every time, but for the clock. */
const SEED = 7_411;
const EPOCHS_OF_LOAD = 8;

interface Step {
  readonly way: number;
  /** Claims that the step submits, some of them before. */
  readonly ids: readonly number[];
  /** Before server time, milliseconds: some are overdue at once. */
  readonly ageMs: number;
  /** The share of the step's claims that are validated at once, tenths. */
  readonly validated: number;
}

/** What the answers said. */
interface Tally {
  readonly submitted: Map<number, number>;
  readonly validated: Map<number, number>;
  /** The expiry epoch of each claim, by its id; validated ones taken out. */
  readonly open: Map<string, { expiresAtEpoch: number; submittedIn: number }>;
}

const step: fc.Arbitrary<Step> = fc.record({
  way: fc.integer({ min: 0, max: WAYS.length - 1 }),
  ids: fc.array(fc.integer({ min: 0, max: 4_000 }), { minLength: 1, maxLength: 60 }),
  ageMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: SKEW_MS - 500 })),
  validated: fc.integer({ min: 0, max: 10 }),
});

export const counts: SharingSuite = {
  name: 'counts',
  isWaiting: true,
  env: COUNTED,
  declare: (service) => {
    let client: ClaimClient;
    before(() => {
      client = service().client();
    });

    test('submitted = validated + expired, in every epoch and in sum', async () => {
      const from = (await client.getEpoch()).epoch;
      const tally: Tally = { submitted: new Map(), validated: new Map(), open: new Map() };
      const steps = fc.sample(step, { seed: SEED, numRuns: 3_000 });
      const until = systemClock.nowMs() + EPOCHS_OF_LOAD * LENGTH_MS;
      await Promise.all([0, 1, 2, 3].map((worker) => load(client, worker, steps, until, tally)));

      const lastExpiry = Math.max(...[...tally.open.values()].map(({ expiresAtEpoch }) => expiresAtEpoch));
      const told = await summaries(client, from, lastExpiry);
      const expired = expiredByEpoch(tally);
      let pending = 0;
      for (const summary of told) {
        const { epoch } = summary;
        assert.equal(summary.submitted, tally.submitted.get(epoch) ?? 0, `submitted in ${epoch}`);
        assert.equal(summary.validated, tally.validated.get(epoch) ?? 0, `validated in ${epoch}`);
        assert.equal(summary.expired, expired.get(epoch) ?? 0, `expired in ${epoch}`);
        pending += summary.submitted - summary.validated - summary.expired;
        assert.equal(summary.pending, pending, `pending at the end of ${epoch}`);
      }
      assert.equal(pending, 0);
      const tallied = [sum(tally.submitted), sum(tally.validated), tally.open.size];
      assert.ok(
        tallied.every((claims) => claims > 25),
        `no real load: ${tallied}`,
      );
    });
  },
};

/** Every fourth step, in turn, until the time is over. */
async function load(
  client: ClaimClient,
  worker: number,
  steps: readonly Step[],
  untilMs: number,
  tally: Tally,
): Promise<void> {
  for (let n = worker; systemClock.nowMs() < untilMs && n < steps.length; n += 4) {
    const { way, ids, ageMs, validated } = steps[n];
    // The worker's own ids: of two answers to one claim the later must be tallied later.
    const items = [...new Set(ids)].map((id): Item => ({ claimId: `${worker}-${id}`, playerId: 'p' }));
    await submitAll(client, WAYS[way], items, ageMs, tally);
    await validateAll(client, WAYS[way], items.slice(0, (items.length * validated) / 10), tally);
  }
}

async function submitAll(
  client: ClaimClient,
  way: Way,
  items: readonly Item[],
  ageMs: number,
  tally: Tally,
): Promise<void> {
  const timestampMs = systemClock.nowMs() - ageMs;
  const results = await way.submit(
    client,
    items.map((item) => ({ ...item, timestampMs })),
  );
  for (const { outcome, epoch, expiresAtEpoch, claim } of results) {
    assert.ok(outcome === 'ACCEPTED' || outcome === 'REPLAYED', outcome);
    if (outcome === 'REPLAYED' || claim === undefined) continue;
    add(tally.submitted, epoch);
    tally.open.set(claim.claimId, { expiresAtEpoch, submittedIn: epoch });
  }
}

async function validateAll(
  client: ClaimClient,
  way: Way,
  items: readonly Item[],
  tally: Tally,
): Promise<void> {
  for (const { outcome, epoch, claim } of await way.validate(client, items)) {
    if (outcome !== 'ACCEPTED' || claim === undefined) continue;
    add(tally.validated, epoch);
    tally.open.delete(claim.claimId);
  }
}

/** A claim expires in its expiry epoch, or where that had come already, as it is submitted. */
function expiredByEpoch({ open }: Tally): Map<number, number> {
  const expired = new Map<number, number>();
  for (const { expiresAtEpoch, submittedIn } of open.values()) {
    add(expired, Math.max(expiresAtEpoch, submittedIn));
  }
  return expired;
}

async function summaries(client: ClaimClient, from: number, to: number): Promise<EpochSummary[]> {
  const told: EpochSummary[] = [];
  for await (const summary of client.watch(from)) {
    told.push(summary);
    if (summary.epoch >= to) break;
  }
  return told;
}

function add(counts: Map<number, number>, epoch: Result['epoch']): void {
  counts.set(epoch, (counts.get(epoch) ?? 0) + 1);
}

function sum(counts: ReadonlyMap<number, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
