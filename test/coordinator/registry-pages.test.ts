import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import { othersClaimsToLearn, registryPages } from '../../src/coordinator/registry-pages.ts';
import { askOnce, type StoreAsker } from '../../src/coordinator/store-wait.ts';
import { ClaimStatus } from '../../src/domain/claim.ts';
import { StoreUnavailable } from '../../src/domain/errors.ts';
import { EntryTable } from '../../src/entries/entry-table.ts';
import { SCAN_PAGE_RECORDS } from '../../src/limits.ts';
import type { ScanPage, StoredClaim } from '../../src/store/store.ts';
import { TEST_RULES } from '../support/engine.ts';
import { MemoryStore } from '../support/memory-store.ts';

const { PENDING, VALIDATED, EXPIRED } = ClaimStatus;
const EPOCH = 100;

function claim(claimId: string, status: ClaimStatus = PENDING, endEpoch = EPOCH): StoredClaim {
  return { claimId, playerId: 'p', timestampMs: 0, status, endEpoch };
}

/** A store whose scan gives these pages in turn, by cursors that are their numbers. */
class PagedStore extends MemoryStore {
  readonly asked: (string | null)[] = [];
  readonly #pages: readonly (readonly StoredClaim[])[];

  constructor(pages: readonly (readonly StoredClaim[])[]) {
    super(EntryTable.allocate(1), { ...TEST_RULES, partition: 'claim' }, new SteppedClock(0));
    this.#pages = pages;
  }

  override async scan(cursor: string | null, limit: number): Promise<ScanPage> {
    assert.equal(limit, SCAN_PAGE_RECORDS);
    this.asked.push(cursor);
    this.before('scan');
    const at = Number(cursor ?? 0);
    return { claims: this.#pages[at], next: at + 1 < this.#pages.length ? `${at + 1}` : null };
  }
}

async function read(store: PagedStore, ask: StoreAsker = askOnce): Promise<string[][]> {
  const pages: string[][] = [];
  for await (const page of registryPages(store, ask)) pages.push(page.map(({ claimId }) => claimId));
  return pages;
}

test('pages come until there is no further cursor, empty ones and repeated claims too', async () => {
  const store = new PagedStore([[], [claim('a'), claim('b')], [], [claim('b')], []]);
  assert.deepEqual(await read(store), [[], ['a', 'b'], [], ['b'], []]);
  assert.deepEqual(store.asked, [null, '1', '2', '3', '4']);
});

test('a page is read when it is asked for, and none after the reader has gone', async () => {
  const store = new PagedStore([[claim('a')], [claim('b')], [claim('c')]]);
  for await (const page of registryPages(store, askOnce)) {
    assert.equal(store.asked.length, store.asked.indexOf(null) + 1 + Number(page[0].claimId === 'b'));
    if (page[0].claimId === 'b') break;
  }
  assert.deepEqual(store.asked, [null, '1']);
});

test('a call that fails is made again from the same cursor', async () => {
  const store = new PagedStore([[claim('a')], [claim('b')], [claim('c')]]);
  store.before = () => {
    if (store.asked.length === 2) throw new StoreUnavailable('for a moment');
  };
  const again: StoreAsker = (call) => call().catch(call);
  assert.deepEqual(await read(store, again), [['a'], ['b'], ['c']]);
  assert.deepEqual(store.asked, [null, '1', '1', '2']);
});

test('a failure that is not waited out is the reader’s', async () => {
  const store = new PagedStore([[claim('a')]]);
  store.before = () => {
    throw new StoreUnavailable('away');
  };
  await assert.rejects(read(store), StoreUnavailable);
});

test('of others’ claims a replica learns the final ones, and those overdue for an epoch', () => {
  const overdue = claim('overdue', PENDING, EPOCH - 1);
  const due = claim('due', PENDING, EPOCH);
  const pending = claim('pending', PENDING, EPOCH + 1);
  const validated = claim('validated', VALIDATED, EPOCH);
  const expired = claim('expired', EXPIRED, EPOCH);
  const all = [overdue, due, pending, validated, expired];
  assert.deepEqual(othersClaimsToLearn(all, EPOCH), [overdue, validated, expired]);
});
