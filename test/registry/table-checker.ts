/**
 * A part of the claim table beside its model (table-model): every operation is done on both, what
 * the part answers is compared, and `check` compares all that either holds.
 */
import assert from 'node:assert/strict';
import { ClaimStatus } from '../../src/domain/claim.ts';
import type { EntryTable } from '../../src/entries/entry-table.ts';
import { type ClaimTable, NO_RECORD } from '../../src/registry/claim-table.ts';
import { type Identity, type ModelClaim, TableModel } from './table-model.ts';

/** What an entry brings of a claim. */
export interface Claim {
  readonly identity: Identity;
  readonly playerId: string;
  readonly timestampMs: number;
  readonly status: ClaimStatus;
  readonly endEpoch: number;
}

/** Entries that every checker writes to: what is asked, and what is copied out. */
const ASKED = 0;
const COPIED = 1;

export class TableChecker {
  readonly model: TableModel;
  /** How often the less usual happened, so that a run can show that it came across it. */
  readonly seen = { evicted: 0, refused: 0, notReserved: 0, overdue: 0, lapped: 0 };
  readonly #views: readonly ClaimTable[];
  readonly #entries: EntryTable;
  #turn = 0;

  /** @param views of the same part, as of several threads: used in turn. */
  constructor(views: readonly ClaimTable[], entries: EntryTable, epoch: number) {
    this.#views = views;
    this.#entries = entries;
    this.model = new TableModel(views[0].capacity, epoch);
    views[0].reset(epoch, 0);
  }

  find(identity: Identity, playerId: string): void {
    const record = this.#find(identity, playerId);
    assert.equal(record, this.model.recordOf(identity), `record of ${identity.key}`);
    const claim = this.model.claims.get(identity.key);
    if (claim === undefined) return;
    this.#compare(claim);
    assert.equal(this.#table().isPlayer(record, this.#entries, ASKED), claim.playerId === playerId);
  }

  /** Inserts an identity that is not there. */
  insert(claim: Claim): void {
    const { model } = this;
    this.#fill(claim);
    const record = this.#table().insert(this.#entries, ASKED, claim.status);
    if (!model.hasRoom) {
      assert.equal(record, NO_RECORD, 'every record is pending');
      this.seen.refused += 1;
      return;
    }
    if (model.makeRoom()) this.seen.evicted += 1;
    assert.ok(record >= 0 && record < model.capacity, `record ${record} of ${model.capacity}`);
    model.insert({ ...claim, record, taken: false });
    this.#compare(this.#claimOf(claim.identity));
  }

  /** Gives an identity that is there another life. */
  overwrite(claim: Claim): void {
    const there = this.#claimOf(claim.identity);
    this.#fill(claim);
    this.#table().overwrite(there.record, this.#entries, ASKED, claim.status);
    there.playerId = claim.playerId;
    there.timestampMs = claim.timestampMs;
    this.model.setStatus(there, claim.status, claim.endEpoch);
    this.#compare(there);
  }

  setStatus(claim: ModelClaim, status: ClaimStatus, endEpoch: number): void {
    this.#table().setStatus(claim.record, status, endEpoch);
    this.model.setStatus(claim, status, endEpoch);
  }

  postpone(claim: ModelClaim): void {
    this.#table().postpone(claim.record);
    claim.taken = false;
  }

  remove(claim: ModelClaim): void {
    this.#table().remove(claim.record);
    this.model.remove(claim);
  }

  reserve(): void {
    const { canReserve, hasRoomToSpare } = this.model;
    assert.equal(this.#table().hasRoomToSpare(), hasRoomToSpare, 'hasRoomToSpare');
    assert.equal(this.#table().reserve(), canReserve, 'reserve');
    if (canReserve) this.model.reserved += 1;
    else this.seen.notReserved += 1;
  }

  unreserve(): void {
    if (this.model.reserved === 0) return;
    this.#table().unreserve();
    this.model.reserved -= 1;
  }

  /** @param wheelSlots to tell whether a whole turn of the wheel was jumped over. */
  advance(epoch: number, wheelSlots: number): void {
    if (epoch - this.model.epoch > wheelSlots) this.seen.lapped += 1;
    this.#table().advance(epoch);
    this.model.epoch = Math.max(this.model.epoch, epoch);
  }

  /** @returns the claim that was taken. */
  takeOverdue(): ModelClaim | undefined {
    const record = this.#table().takeOverdue();
    if (record === NO_RECORD) {
      assert.deepEqual(this.model.overdue(), [], 'nothing is overdue');
      return undefined;
    }
    const claim = this.model.byRecord.get(record);
    assert.ok(claim !== undefined && this.model.isOverdue(claim), `record ${record} is overdue`);
    claim.taken = true;
    this.seen.overdue += 1;
    return claim;
  }

  reset(epoch: number, reserved: number): void {
    this.#table().reset(epoch, reserved);
    this.model.reset(epoch, reserved);
  }

  /** Compares everything: `universe` are all identities that there may be. */
  check(universe: readonly Identity[]): void {
    const { model } = this;
    const table = this.#table();
    assert.deepEqual(
      {
        live: table.liveCount,
        pending: table.pendingCount,
        validated: table.validatedCount,
        reserved: table.reservedCount,
        epoch: table.epoch,
      },
      {
        live: model.claims.size,
        pending: model.pending,
        validated: model.validated,
        reserved: model.reserved,
        epoch: model.epoch,
      },
    );
    assert.equal(table.oldestFinal(), model.oldestFinal()?.record ?? NO_RECORD, 'oldest final');
    for (const identity of universe) {
      const claim = model.claims.get(identity.key);
      assert.equal(
        this.#find(identity, identity.playerId ?? claim?.playerId ?? 'nobody'),
        model.recordOf(identity),
      );
      if (claim !== undefined) this.#compare(claim);
    }
    assert.equal(model.byRecord.size, model.claims.size, 'each claim has a record of its own');
    this.#checkOverdue();
  }

  /** Takes everything that is overdue, and puts it back. */
  #checkOverdue(): void {
    const expected = new Set(this.model.overdue());
    const taken = new Set<ModelClaim>();
    for (let claim = this.takeOverdue(); claim !== undefined; claim = this.takeOverdue()) taken.add(claim);
    assert.deepEqual(taken, expected, 'overdue claims');
    for (const claim of taken) this.postpone(claim);
  }

  #table(): ClaimTable {
    this.#turn = (this.#turn + 1) % this.#views.length;
    return this.#views[this.#turn];
  }

  #claimOf(identity: Identity): ModelClaim {
    const claim = this.model.claims.get(identity.key);
    assert.ok(claim !== undefined, `${identity.key} is there`);
    return claim;
  }

  #find(identity: Identity, playerId: string): number {
    this.#ask(identity, playerId);
    return this.#table().find(this.#entries, ASKED);
  }

  #ask(identity: Identity, playerId: string): void {
    this.#entries.hash[ASKED] = identity.hash;
    this.#entries.setClaimId(ASKED, identity.claimId);
    this.#entries.setPlayerId(ASKED, playerId);
  }

  #fill(claim: Claim): void {
    this.#ask(claim.identity, claim.playerId);
    this.#entries.timestampMs[ASKED] = claim.timestampMs;
    this.#entries.endEpoch[ASKED] = claim.endEpoch;
  }

  #compare(claim: ModelClaim): void {
    const table = this.#table();
    const entries = this.#entries;
    const { record, identity } = claim;
    table.copyIdentity(record, entries, COPIED);
    table.copyClaim(record, entries, COPIED);
    const isSame =
      entries.claimId(COPIED) === identity.claimId &&
      entries.hash[COPIED] === identity.hash &&
      entries.playerId(COPIED) === claim.playerId &&
      entries.timestampMs[COPIED] === claim.timestampMs &&
      entries.endEpoch[COPIED] === claim.endEpoch &&
      table.timestampMs[record] === claim.timestampMs &&
      table.endEpoch[record] === claim.endEpoch &&
      table.status[record] === claim.status;
    const isOverdue = claim.status === ClaimStatus.PENDING && claim.endEpoch <= this.model.epoch;
    assert.equal(table.isOverdue(record), isOverdue, `record ${record} is overdue, taken or not`);
    if (!isSame) assert.fail(`record ${record} does not hold ${JSON.stringify(claim)}`);
  }
}
