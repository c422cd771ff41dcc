/**
 * Scans of the whole registry, shard after shard, in pages of no more claims than asked for. Redis
 * may answer with more (a small hash comes in one piece, whatever the COUNT): what is left over is
 * kept for the next call of that scan.
 */
import { assert } from '../../domain/assert.ts';
import { isPastRetention } from '../../domain/epochs.ts';
import { REDIS_SCANS_MAX } from '../../limits.ts';
import type { ScanCursor, ScanPage, StoredClaim } from '../store.ts';
import type { RedisRegistry } from './registry.ts';
import { type RedisScanPages, SCAN_START, type ScannedPage, type ScanPosition } from './scan-page.ts';

/** What a cursor says: where its page began, and under which number the rest of that page is kept. */
interface CursorParts {
  readonly position: ScanPosition;
  /** 0: nothing is kept, the page is to be read. */
  readonly kept: number;
}

export class RedisScan {
  readonly #registry: RedisRegistry;
  readonly #pages: RedisScanPages;
  /** Rests of pages, by number, oldest first. */
  readonly #rests = new Map<number, ScannedPage>();
  #lastRest = 0;

  constructor(registry: RedisRegistry, pages: RedisScanPages) {
    this.#registry = registry;
    this.#pages = pages;
  }

  /** See ClaimStore.scan. @throws StoreUnavailable */
  async scan(cursor: ScanCursor | null, limit: number): Promise<ScanPage> {
    assert(limit >= 1, `scan: limit ${limit}`);
    const { position, kept } = cursor === null ? { position: SCAN_START, kept: 0 } : parseCursor(cursor);
    const rest = this.#rests.get(kept);
    this.#rests.delete(kept);
    // A rest that had to make room for others is read again from its page's beginning.
    return this.#handOut(position, rest ?? (await this.#pages.read(position, limit)), limit);
  }

  #handOut(position: ScanPosition, { claims, next }: ScannedPage, limit: number): ScanPage {
    const { options, reached } = this.#registry;
    const isKept = (claim: StoredClaim) => !isPastRetention(claim.endEpoch, reached, options.settings);
    const told = claims.slice(0, limit).filter(isKept);
    if (claims.length > limit) {
      const kept = this.#keep({ claims: claims.slice(limit), next });
      return { claims: told, next: formatCursor({ position, kept }) };
    }
    return { claims: told, next: next === undefined ? null : formatCursor({ position: next, kept: 0 }) };
  }

  #keep(rest: ScannedPage): number {
    for (const oldest of this.#rests.keys()) {
      if (this.#rests.size < REDIS_SCANS_MAX) break;
      this.#rests.delete(oldest);
    }
    this.#lastRest += 1;
    this.#rests.set(this.#lastRest, rest);
    return this.#lastRest;
  }
}

function formatCursor({ position, kept }: CursorParts): ScanCursor {
  return `${position.shard}:${position.at}:${position.server}:${kept}`;
}

function parseCursor(cursor: ScanCursor): CursorParts {
  assert(/^\d+:\d+:\d+:\d+$/.test(cursor), `scan: cursor ${cursor}`);
  const [shard, at, server, kept] = cursor.split(':');
  return { position: { shard: Number(shard), at, server: Number(server) }, kept: Number(kept) };
}
