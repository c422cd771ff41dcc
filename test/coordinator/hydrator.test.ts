import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import { Hydrator } from '../../src/coordinator/hydrator.ts';
import { askOnce } from '../../src/coordinator/store-wait.ts';
import { ClaimStatus } from '../../src/domain/claim.ts';
import { EntryTable } from '../../src/entries/entry-table.ts';
import type { ScanPage, StoredClaim } from '../../src/store/store.ts';
import { TEST_RULES } from '../support/engine.ts';
import { MemoryStore } from '../support/memory-store.ts';

const PAGES = 3;

/** A store of three pages of a claim each, every one of which takes `readMs`. */
class SlowStore extends MemoryStore {
  readonly #clock: SteppedClock;
  override readonly isShared: boolean;
  readonly #readMs: number;
  asked = 0;

  constructor(clock: SteppedClock, isShared: boolean, readMs: number) {
    super(EntryTable.allocate(1), { ...TEST_RULES, partition: 'claim' }, clock);
    this.#clock = clock;
    this.isShared = isShared;
    this.#readMs = readMs;
  }

  override async scan(): Promise<ScanPage> {
    this.asked += 1;
    this.#clock.step(this.#readMs);
    const claimId = `c${this.asked}`;
    const claim = { claimId, playerId: 'p', timestampMs: 0, status: ClaimStatus.PENDING, endEpoch: 9 };
    return { claims: [claim], next: this.asked < PAGES ? `${this.asked}` : null };
  }
}

class Filling {
  readonly clock = new SteppedClock(0);
  readonly store: SlowStore;
  readonly learned: string[] = [];
  readonly told: number[] = [];
  readonly hydrator: Hydrator;
  done = false;

  constructor(isShared: boolean, readMs: number) {
    this.store = new SlowStore(this.clock, isShared, readMs);
    const segments = {
      learn: async (claims: readonly StoredClaim[]) => {
        this.learned.push(...claims.map(({ claimId }) => claimId));
      },
    };
    this.hydrator = new Hydrator(this.store, segments, this.clock, (claims) => void this.told.push(claims));
  }

  async begin(): Promise<void> {
    this.hydrator
      .fill(askOnce, () => true)
      .then(() => {
        this.done = true;
      });
    await this.goOn(0);
  }

  async goOn(ms: number): Promise<void> {
    this.clock.step(ms);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

describe('hydration', () => {
  test('learns every page, pending claims too, and counts them', async () => {
    const filling = new Filling(false, 4);
    await filling.begin();
    assert.ok(filling.done, 'nobody is waited for in a store of its own');
    assert.deepEqual(filling.learned, ['c1', 'c2', 'c3']);
    assert.equal(filling.hydrator.claimsRead, 3);
  });

  test('leaves a shared store to others for four times as long as a page took', async () => {
    const filling = new Filling(true, 4);
    await filling.begin();
    assert.equal(filling.store.asked, 1);
    await filling.goOn(15);
    assert.equal(filling.store.asked, 1, 'not yet');
    await filling.goOn(1);
    assert.equal(filling.store.asked, 2);
    await filling.goOn(16);
    await filling.goOn(16);
    assert.ok(filling.done);
  });

  test('but not for as long as it was waited for itself', async () => {
    const filling = new Filling(true, 60_000);
    await filling.begin();
    await filling.goOn(20);
    assert.equal(filling.store.asked, 2);
  });

  test('tells its progress every few seconds', async () => {
    const filling = new Filling(false, 3_000);
    await filling.begin();
    assert.deepEqual(filling.told, [2]);
  });
});
