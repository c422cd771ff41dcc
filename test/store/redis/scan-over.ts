/**
 * Replicas' scans while something happens in the middle of one, as the service scans: what fails is
 * asked for again.
 */
import assert from 'node:assert/strict';
import { StoreUnavailable } from '../../../src/domain/errors.ts';
import { until } from '../../support/waiting.ts';
import { type Replica, submit } from '../replica.ts';

const CLAIMS = 4_000;
const BATCH = 500;
const PAGE = 100;
/** So many pages are from the first shard, and from the middle of it. */
const PAGES_BEFORE = 3;

/** Fills a registry with so many claims that its shards are scanned page by page; gives their names. */
export async function fillRegistry(replica: Replica): Promise<string[]> {
  const claims = Array.from({ length: CLAIMS }, (_, n) => `scanned-${n}`);
  for (let start = 0; start < CLAIMS; start += BATCH) {
    const items = claims.slice(start, start + BATCH).map((claim) => submit(claim, 'p'));
    await replica.commit(0, items);
  }
  return claims;
}

/** Scans with an event in the middle of the first shard; every claim must be found. */
export async function checkScanOver(
  { store }: Replica,
  claims: readonly string[],
  event: () => Promise<unknown>,
): Promise<void> {
  const found = new Set<string>();
  let cursor: string | null = null;
  let pages = 0;
  do {
    const page = await until('a page', () => store.scan(cursor, PAGE).catch(undefinedIfUnavailable));
    for (const { claimId } of page.claims) found.add(claimId);
    cursor = page.next;
    pages += 1;
    if (pages === PAGES_BEFORE) await event();
  } while (cursor !== null);
  assert.ok(pages > PAGES_BEFORE);
  assert.deepEqual(
    claims.filter((claim) => !found.has(claim)),
    [],
  );
}

function undefinedIfUnavailable(error: unknown): undefined {
  if (!(error instanceof StoreUnavailable)) throw error;
}
