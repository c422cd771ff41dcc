/**
 * What one segment's part of the claim table must be, as a plain Map: identities, their claims,
 * the order in which final ones go, and which pending ones are overdue and not yet taken.
 */
import { ClaimStatus } from '../../src/domain/claim.ts';
import { NO_RECORD } from '../../src/registry/claim-table.ts';

/** What makes a claim one: with its hash, which a test may choose. */
export interface Identity {
  readonly key: string;
  readonly claimId: string;
  /** Part of the identity in player mode; null in claim mode. */
  readonly playerId: string | null;
  readonly hash: number;
}

export interface ModelClaim {
  readonly identity: Identity;
  readonly record: number;
  playerId: string;
  timestampMs: number;
  status: ClaimStatus;
  endEpoch: number;
  /** Taken off the list of overdue claims, not yet put back. */
  taken: boolean;
}

export class TableModel {
  readonly capacity: number;
  readonly claims = new Map<string, ModelClaim>();
  readonly byRecord = new Map<number, ModelClaim>();
  /** Keys of final claims, in the order in which they became final. */
  readonly #finals = new Set<string>();
  pending = 0;
  reserved = 0;
  epoch: number;

  constructor(capacity: number, epoch: number) {
    this.capacity = capacity;
    this.epoch = epoch;
  }

  get validated(): number {
    return [...this.claims.values()].filter(({ status }) => status === ClaimStatus.VALIDATED).length;
  }

  get canReserve(): boolean {
    return this.pending + this.reserved < this.capacity;
  }

  /** Whether a claim of others that is pending finds room: an eighth is kept for new ones. */
  get hasRoomToSpare(): boolean {
    return this.pending + this.reserved < this.capacity - Math.ceil(this.capacity / 8);
  }

  /** Whether a further claim finds room, if need be by dropping the oldest final one. */
  get hasRoom(): boolean {
    return this.pending < this.capacity;
  }

  recordOf(identity: Identity): number {
    return this.claims.get(identity.key)?.record ?? NO_RECORD;
  }

  oldestFinal(): ModelClaim | undefined {
    for (const key of this.#finals) return this.claims.get(key);
    return undefined;
  }

  /** Drops what must go before a further claim is inserted; whether it had to. */
  makeRoom(): boolean {
    const oldest = this.oldestFinal();
    if (this.claims.size < this.capacity || oldest === undefined) return false;
    this.remove(oldest);
    return true;
  }

  insert(claim: ModelClaim): void {
    this.claims.set(claim.identity.key, claim);
    this.byRecord.set(claim.record, claim);
    this.#file(claim);
  }

  /** Gives the claim a status and an end; a final one is the youngest of the final ones from then on. */
  setStatus(claim: ModelClaim, status: ClaimStatus, endEpoch: number): void {
    this.#unfile(claim);
    claim.status = status;
    claim.endEpoch = endEpoch;
    claim.taken = false;
    this.#file(claim);
  }

  remove(claim: ModelClaim): void {
    this.#unfile(claim);
    this.claims.delete(claim.identity.key);
    this.byRecord.delete(claim.record);
  }

  isOverdue(claim: ModelClaim): boolean {
    return claim.status === ClaimStatus.PENDING && !claim.taken && claim.endEpoch <= this.epoch;
  }

  overdue(): ModelClaim[] {
    return [...this.claims.values()].filter((claim) => this.isOverdue(claim));
  }

  reset(epoch: number, reserved: number): void {
    this.claims.clear();
    this.byRecord.clear();
    this.#finals.clear();
    this.pending = 0;
    this.reserved = reserved;
    this.epoch = epoch;
  }

  #file(claim: ModelClaim): void {
    if (claim.status === ClaimStatus.PENDING) this.pending += 1;
    else this.#finals.add(claim.identity.key);
  }

  #unfile(claim: ModelClaim): void {
    if (claim.status === ClaimStatus.PENDING) this.pending -= 1;
    else this.#finals.delete(claim.identity.key);
  }
}
