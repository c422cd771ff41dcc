/** Summaries told to many watchers: the store is asked once for all of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EpochFeed } from '../../src/coordinator/epoch-feed.ts';
import { EpochOutOfRange, StoreUnavailable } from '../../src/domain/errors.ts';
import type { ClaimStore, EpochCounts } from '../../src/store/store.ts';

const RULES = { epochLengthMs: 1_000, validationWindowMs: 1_000, retentionEpochs: 5 };

/** A store that counts what it is asked, and fails while told to. */
class CountingStore {
  asked = 0;
  isAway = false;

  async epochCounts(from: number, to: number): Promise<EpochCounts[]> {
    this.asked += 1;
    if (this.isAway) throw new StoreUnavailable('away');
    return Array.from({ length: to - from + 1 }, (_, n) => {
      return { epoch: from + n, submitted: 3, validated: 1, expired: 1, pending: 1 };
    });
  }
}

function feedOver(store: CountingStore, lastComplete: number): EpochFeed {
  const feed = new EpochFeed(store as unknown as ClaimStore, RULES);
  feed.completed(lastComplete);
  return feed;
}

test('a thousand watchers of an epoch: the store is asked once', async () => {
  const store = new CountingStore();
  const feed = feedOver(store, 10);
  feed.advanced(10, 250);
  const told = await Promise.all(Array.from({ length: 1_000 }, () => feed.summaries(10, 10)));
  for (const [summary] of told)
    assert.deepEqual([summary.epoch, summary.submitted, summary.durationUs], [10, 3, 250]);
  assert.equal(store.asked, 1);
  feed.completed(11);
  assert.equal((await feed.summaries(11, 11))[0].epoch, 11);
  assert.equal((await feed.summaries(10, 11)).length, 2);
  assert.equal(store.asked, 3);
});

test('a store that is away is told to all who wait, and asked again by who comes later', async () => {
  const store = new CountingStore();
  const feed = feedOver(store, 10);
  store.isAway = true;
  const waiting = Array.from({ length: 10 }, () => feed.summaries(10, 10));
  for (const each of await Promise.allSettled(waiting)) assert.equal(each.status, 'rejected');
  assert.equal(store.asked, 1);
  store.isAway = false;
  assert.equal((await feed.summaries(10, 10)).length, 1);
});

test('an epoch that is not complete is refused without asking', async () => {
  const store = new CountingStore();
  await assert.rejects(feedOver(store, 10).summaries(10, 11), EpochOutOfRange);
  assert.equal(store.asked, 0);
});
