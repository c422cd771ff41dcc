/**
 * What a registry should do, told as plainly as DESIGN § 2 tells it: a Map, and every claim looked
 * at wherever the store counts. It shares no code with the stores or the rules.
 */
import type { EpochCounts, RegistrySettings } from '../../src/store/store.ts';
import type { Item, Result, Scanned } from './replica.ts';

interface ModelClaim {
  readonly claim: string;
  readonly player: string;
  readonly at: number;
  readonly expiresAtEpoch: number;
  validatedIn: number | undefined;
}

interface Activity {
  submitted: number;
  validated: number;
  expired: number;
}

const NOTHING = { status: 'UNSPECIFIED', endEpoch: undefined };

export class RegistryModel {
  epoch: number;
  readonly #settings: RegistrySettings;
  readonly #expiry: (at: number) => number;
  readonly #claims = new Map<string, ModelClaim>();
  readonly #activity = new Map<number, Activity>();

  /** @param expiry the epoch in which a claim of that time expires. */
  constructor(settings: RegistrySettings, firstEpoch: number, expiry: (at: number) => number) {
    this.#settings = settings;
    this.epoch = firstEpoch;
    this.#expiry = expiry;
  }

  /** Passes boundary after boundary, and looks at every claim at each. */
  advance(epoch: number): number {
    while (this.epoch < epoch) {
      this.epoch += 1;
      for (const claim of this.#claims.values()) {
        const expires = claim.validatedIn === undefined && claim.expiresAtEpoch === this.epoch;
        if (expires) this.#in(this.epoch).expired += 1;
      }
    }
    return this.epoch;
  }

  commit(epoch: number, items: readonly Item[]): Result[] {
    this.advance(epoch);
    return items.map((item) => ({ ...this.#decide(item), epoch: this.epoch }));
  }

  counts(from: number, to: number): EpochCounts[] {
    const counts: EpochCounts[] = [];
    for (let epoch = from; epoch <= to; epoch += 1) {
      const { submitted, validated, expired } = this.#in(epoch);
      const before = [...this.#activity].filter(([at]) => at <= epoch).map(([, activity]) => activity);
      const pending = before.reduce((sum, a) => sum + a.submitted - a.validated - a.expired, 0);
      counts.push({ epoch, submitted, validated, expired, pending });
    }
    return counts;
  }

  /** Everything that is kept, each with the status that it has (a store may still say PENDING). */
  kept(): Scanned[] {
    return [...this.#claims.values()]
      .filter((claim) => this.#isKept(claim))
      .map((claim) => ({
        claim: claim.claim,
        player: claim.player,
        at: claim.at,
        status: this.#status(claim),
        endEpoch: this.#end(claim),
      }))
      .sort((a, b) => (`${a.claim}\n${a.player}` < `${b.claim}\n${b.player}` ? -1 : 1));
  }

  #decide(item: Item): Omit<Result, 'epoch'> {
    const key = this.#settings.partition === 'claim' ? item.claim : `${item.player}\n${item.claim}`;
    const known = this.#claims.get(key);
    const claim = known !== undefined && this.#isKept(known) ? known : undefined;
    if (item.operation === 'SUBMIT') return this.#submit(key, item, claim);
    if (claim === undefined) return { ...NOTHING, outcome: 'NOT_FOUND', player: item.player, at: undefined };
    if (item.operation === 'GET') return this.#told('FOUND', claim, claim.player);
    if (item.operation === 'EXPIRE') return this.#told('EXPIRED', claim, claim.player);
    if (claim.player !== item.player) {
      return { ...NOTHING, outcome: 'TAKEN', player: item.player, at: undefined };
    }
    return this.#validate(claim);
  }

  #submit(key: string, item: Item, claim: ModelClaim | undefined): Omit<Result, 'epoch'> {
    const { claim: id, player, at = 0 } = item;
    const expiresAtEpoch = this.#expiry(at);
    if (claim !== undefined) {
      if (claim.player === player) return this.#told('REPLAYED', claim, player);
      return { outcome: 'TAKEN', status: 'UNSPECIFIED', player, at, endEpoch: expiresAtEpoch };
    }
    const born: ModelClaim = { claim: id, player, at, expiresAtEpoch, validatedIn: undefined };
    this.#claims.set(key, born);
    this.#in(this.epoch).submitted += 1;
    if (expiresAtEpoch <= this.epoch) this.#in(this.epoch).expired += 1;
    return this.#told('ACCEPTED', born, player);
  }

  #validate(claim: ModelClaim): Omit<Result, 'epoch'> {
    if (claim.validatedIn !== undefined) return this.#told('REPLAYED', claim, claim.player);
    if (claim.expiresAtEpoch <= this.epoch) return this.#told('EXPIRED', claim, claim.player);
    claim.validatedIn = this.epoch;
    this.#in(this.epoch).validated += 1;
    return this.#told('ACCEPTED', claim, claim.player);
  }

  #told(outcome: string, claim: ModelClaim, player: string): Omit<Result, 'epoch'> {
    return { outcome, status: this.#status(claim), player, at: claim.at, endEpoch: this.#end(claim) };
  }

  #status(claim: ModelClaim): string {
    if (claim.validatedIn !== undefined) return 'VALIDATED';
    return claim.expiresAtEpoch <= this.epoch ? 'EXPIRED' : 'PENDING';
  }

  #end(claim: ModelClaim): number {
    return claim.validatedIn ?? claim.expiresAtEpoch;
  }

  #isKept(claim: ModelClaim): boolean {
    return this.epoch <= this.#end(claim) + this.#settings.retentionEpochs;
  }

  #in(epoch: number): Activity {
    const activity = this.#activity.get(epoch) ?? { submitted: 0, validated: 0, expired: 0 };
    this.#activity.set(epoch, activity);
    return activity;
  }
}
