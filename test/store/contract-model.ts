/** Random histories on any kind of store, beside a model that keeps it all in a Map. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { PartitionMode } from '../../src/domain/claim.ts';
import { RegistryModel } from './registry-model.ts';
import { type MakeStore, RegistryUnderTest, SETTINGS } from './registry-under-test.ts';
import { expire, get, type Item, type Replica, type Scanned, submit, validate } from './replica.ts';

const HISTORIES = 25;

/** One step of a history; times and epochs count from the highest epoch before it. */
type Step =
  | { readonly kind: 'commit'; readonly ahead: number; readonly items: readonly Item[] }
  | { readonly kind: 'advance'; readonly ahead: number }
  | { readonly kind: 'reclaim'; readonly limit: number }
  | { readonly kind: 'restart' };

/** Few ids and players, so that they meet. */
const claim = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const player = fc.constantFrom('p1', 'p2');
const item: fc.Arbitrary<Item> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(claim, player, fc.integer({ min: -3_000, max: 3_000 })).map((x) => submit(...x)),
  },
  { weight: 3, arbitrary: fc.tuple(claim, player).map((x) => validate(...x)) },
  { weight: 1, arbitrary: fc.tuple(claim, player).map((x) => get(...x)) },
  { weight: 1, arbitrary: fc.tuple(claim, player).map((x) => expire(...x)) },
);
/** Mostly the same epoch or the next; some behind; some beyond retention. */
const ahead = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 1 }) },
  { weight: 2, arbitrary: fc.integer({ min: -3, max: 3 }) },
  { weight: 1, arbitrary: fc.integer({ min: 4, max: 12 }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant('commit'), ahead, items: fc.array(item, { maxLength: 8 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance'), ahead }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('reclaim'), limit: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart') }) },
);
const history = fc.array(step, { minLength: 1, maxLength: 40 });

export function describeModel(makeStore: MakeStore): void {
  describe('random histories agree with the model', () => {
    for (const partition of ['claim', 'player'] as const) {
      test(`${partition} mode: every result, every claim kept, every count`, async (t) => {
        const run = (steps: readonly Step[]) => runHistory(makeStore, t, partition, steps);
        await fc.assert(fc.asyncProperty(history, run), { numRuns: HISTORIES });
      });
    }
  });
}

async function runHistory(
  makeStore: MakeStore,
  t: TestContext,
  partition: PartitionMode,
  steps: readonly Step[],
): Promise<void> {
  const registry = new RegistryUnderTest(makeStore, t, { partition });
  let replica = await registry.open();
  const first = replica;
  const model = new RegistryModel({ ...SETTINGS, partition }, 0, (at) => first.expiry(at));
  await replica.advance(0);
  for (const step of steps) {
    switch (step.kind) {
      case 'commit':
        await commitOnBoth(replica, model, step.ahead, step.items);
        break;
      case 'advance':
        assert.equal(
          await replica.advance(model.epoch + step.ahead),
          model.advance(model.epoch + step.ahead),
        );
        break;
      case 'reclaim':
        await replica.store.reclaim(step.limit);
        break;
      case 'restart':
        await replica.store.close();
        replica = await registry.open();
        break;
    }
    assert.deepEqual(inEffect(await replica.scan(3), model.epoch), model.kept());
  }
  await replica.advance(model.advance(model.epoch + 1));
  assert.deepEqual(await replica.counts(-2, model.epoch - 1), model.counts(-2, model.epoch - 1));
  await replica.store.close();
}

async function commitOnBoth(
  replica: Replica,
  model: RegistryModel,
  ahead: number,
  relative: readonly Item[],
): Promise<void> {
  const epoch = model.epoch + ahead;
  const nowMs = model.epoch * SETTINGS.epochLengthMs;
  const items = relative.map((item) => (item.at === undefined ? item : { ...item, at: nowMs + item.at }));
  assert.deepEqual(await replica.commit(epoch, items), model.commit(epoch, items));
}

/** A claim that is overdue may still be stored as pending: callers apply the rule. */
function inEffect(scanned: readonly Scanned[], epoch: number): Scanned[] {
  return scanned.map((claim) => {
    const overdue = claim.status === 'PENDING' && claim.endEpoch <= epoch;
    return overdue ? { ...claim, status: 'EXPIRED' } : claim;
  });
}
