/** Fills the table from the store, a page at a time: at start, and for segments that lost theirs. */
import { SCAN_PAGE_RECORDS } from '../limits.ts';
import type { ClaimStore, ScanCursor } from '../store/store.ts';
import type { SegmentControl } from './segment-control.ts';

/**
 * Learning is idempotent and final states win over pending ones, so claims may change meanwhile,
 * and pages may repeat them.
 * @param only the segments to fill.
 * @param onPage told after each page how many claims were read so far.
 * @returns how many claims the store had.
 * @throws StoreUnavailable
 */
export async function hydrate(
  store: ClaimStore,
  segments: SegmentControl,
  only: (segment: number) => boolean,
  onPage: (claims: number) => void,
): Promise<number> {
  let read = 0;
  let cursor: ScanCursor | null = null;
  do {
    const page = await store.scan(cursor, SCAN_PAGE_RECORDS);
    await segments.learn(page.claims, only);
    read += page.claims.length;
    onPage(read);
    cursor = page.next;
  } while (cursor !== null);
  return read;
}
