/** A registry read from begin to end, a page at a time, and which of its claims a table is to learn. */
import { ClaimStatus } from '../domain/claim.ts';
import { SCAN_PAGE_RECORDS } from '../limits.ts';
import type { ClaimStore, ScanCursor, ScanPage, StoredClaim } from '../store/store.ts';
import type { StoreAsker } from './store-wait.ts';

/**
 * Every claim that is there from begin to end, at least once. A page is read when it is asked for,
 * and no more than one is held: SCAN_PAGE_RECORDS claims at most, or none.
 * @throws whatever `ask` does not wait out.
 */
export async function* registryPages(
  store: ClaimStore,
  ask: StoreAsker,
): AsyncGenerator<readonly StoredClaim[], void> {
  let cursor: ScanCursor | null = null;
  do {
    const from: ScanCursor | null = cursor;
    const page: ScanPage = await ask(() => store.scan(from, SCAN_PAGE_RECORDS));
    yield page.claims;
    cursor = page.next;
  } while (cursor !== null);
}

/**
 * What of a page a running replica learns from a registry that it shares: final claims, which are
 * facts to answer from; and those that have been overdue for a whole epoch, which the replica that
 * took them would have had expired if it still ran. Those still pending are left to it: were they
 * learned again and again, each replica would need room for the claims of all, and have each claim
 * expired once more.
 */
export function othersClaimsToLearn(claims: readonly StoredClaim[], epoch: number): readonly StoredClaim[] {
  return claims.filter((claim) => claim.status !== ClaimStatus.PENDING || claim.endEpoch < epoch);
}
