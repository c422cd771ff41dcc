/**
 * Facts and replicas: two replicas, whose epochs may be apart, share a registry. Whatever a table
 * may hold of a claim (anything that the registry ever held of it, however stale), what it settles
 * without the store is what the registry says, at every epoch that the registry may be in.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ClaimOperation, ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import {
  type EpochRules,
  epochOf,
  expiryEpoch,
  isPastRetention,
  timestampMs,
} from '../../src/domain/epochs.ts';
import {
  ASK_STORE,
  type Decision,
  decideAbsent,
  decideFromFacts,
  decidePresent,
  effectiveStatus,
  outcomeOf,
} from '../../src/domain/rules.ts';

const LENGTH_MS = 10;
const PLAYERS = ['ann', 'ben'] as const;
type Player = (typeof PLAYERS)[number];
const CALLS = [ClaimOperation.SUBMIT, ClaimOperation.VALIDATE, ClaimOperation.GET] as const;

interface Life {
  readonly player: Player;
  readonly timestampMs: number;
  readonly status: ClaimStatus;
  readonly endEpoch: number;
}

interface World {
  readonly rules: EpochRules;
  readonly maxClockSkewMs: number;
}

type Action =
  | { readonly kind: 'advance'; readonly replica: 0 | 1; readonly by: number; readonly shown: boolean }
  | {
      readonly kind: 'ask';
      readonly replica: 0 | 1;
      readonly call: ClaimOperation;
      readonly player: Player;
      readonly offset: number;
    };

/** One claim id of a registry, by the rules, and the epochs of two replicas that share it. */
class Model {
  readonly #world: World;
  readonly #aheadEpochs: number;
  readonly #replicas: [number, number] = [1_000, 1_000];
  #epoch = 1_000;
  #life: Life | undefined;
  readonly #history: Life[] = [];
  settled = 0;

  constructor(world: World) {
    this.#world = world;
    this.#aheadEpochs = 1 + Math.ceil(world.maxClockSkewMs / LENGTH_MS);
  }

  run(action: Action): void {
    if (action.kind === 'advance') this.#advance(action.replica, action.by, action.shown);
    else this.#ask(action.replica, action.call, action.player, action.offset);
    this.#check();
  }

  /** No replica gets further ahead of the other than clocks may be apart: it pulls the other along. */
  #advance(replica: 0 | 1, by: number, shown: boolean): void {
    this.#replicas[replica] += by;
    const other = replica === 0 ? 1 : 0;
    const least = this.#replicas[replica] - this.#aheadEpochs;
    this.#replicas[other] = Math.max(this.#replicas[other], least);
    if (shown) this.#show(replica);
  }

  #show(replica: 0 | 1): void {
    this.#epoch = Math.max(this.#epoch, this.#replicas[replica]);
  }

  /** @param offset −1 … 1: where a submit's timestamp lies between the bounds of the skew. */
  #ask(replica: 0 | 1, call: ClaimOperation, player: Player, offset: number): void {
    const { rules, maxClockSkewMs } = this.#world;
    const serverMs = this.#replicas[replica] * LENGTH_MS + Math.floor(Math.abs(offset) * (LENGTH_MS - 1));
    const t = timestampMs(serverMs + Math.round(offset * maxClockSkewMs), rules);
    this.#show(replica);
    const decision = this.#decide(call, player, expiryEpoch(t, rules), this.#epoch);
    const found = this.#present(this.#epoch);
    if (call === ClaimOperation.EXPIRE && found !== undefined) {
      this.#remember({ ...found, status: effectiveStatus(found.status, found.endEpoch, this.#epoch) });
    }
    if (outcomeOf(decision) !== Outcome.ACCEPTED) return;
    if (found !== undefined)
      this.#remember({ ...found, status: ClaimStatus.VALIDATED, endEpoch: this.#epoch });
    else {
      const endEpoch = expiryEpoch(t, rules);
      const status = effectiveStatus(ClaimStatus.PENDING, endEpoch, this.#epoch);
      this.#remember({ player, timestampMs: t, status, endEpoch });
    }
  }

  #remember(life: Life): void {
    this.#life = life;
    this.#history.push(life);
  }

  #present(epoch: number): Life | undefined {
    const life = this.#life;
    return life === undefined || isPastRetention(life.endEpoch, epoch, this.#world.rules) ? undefined : life;
  }

  #decide(call: ClaimOperation, player: Player, expiresAtEpoch: number, epoch: number): Decision {
    const life = this.#present(epoch);
    if (life === undefined) return decideAbsent(call, expiresAtEpoch, epoch);
    return decidePresent(call, life.player === player, effectiveStatus(life.status, life.endEpoch, epoch));
  }

  #check(): void {
    for (const fact of this.#history) {
      for (const replicaEpoch of this.#replicas) {
        for (const call of CALLS)
          for (const player of PLAYERS) this.#checkFact(fact, replicaEpoch, call, player);
      }
    }
  }

  #checkFact(fact: Life, replicaEpoch: number, call: ClaimOperation, player: Player): void {
    const fromFacts = this.#settle(fact, replicaEpoch, call, player);
    if (fromFacts === ASK_STORE) return;
    this.settled += 1;
    for (let epoch = this.#epoch; epoch <= replicaEpoch + this.#aheadEpochs; epoch += 1) {
      const fromRegistry = this.#decide(call, player, epoch + 1, epoch);
      assert.equal(
        fromFacts,
        fromRegistry,
        JSON.stringify({ fact, replicaEpoch, epoch, call, player, now: this.#life }),
      );
    }
  }

  /** As a segment asks it (segment/segment-server). */
  #settle(fact: Life, replicaEpoch: number, call: ClaimOperation, player: Player): Decision {
    const { rules } = this.#world;
    const endsNotBefore =
      fact.status === ClaimStatus.PENDING
        ? epochOf(timestampMs(fact.timestampMs, rules), rules) - this.#aheadEpochs
        : fact.endEpoch;
    const same = fact.player === player;
    return decideFromFacts(call, same, fact.status, endsNotBefore, replicaEpoch, this.#aheadEpochs, rules);
  }
}

const replica = fc.constantFrom<0 | 1>(0, 1);
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constant('advance' as const),
    replica,
    by: fc.integer({ min: 0, max: 4 }),
    shown: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('ask' as const),
    replica,
    call: fc.constantFrom(
      ClaimOperation.SUBMIT,
      ClaimOperation.SUBMIT,
      ClaimOperation.VALIDATE,
      ClaimOperation.EXPIRE,
    ),
    player: fc.constantFrom(...PLAYERS),
    offset: fc.double({ min: -1, max: 1, noNaN: true }),
  }),
);
const world: fc.Arbitrary<World> = fc.record({
  rules: fc.record({
    epochLengthMs: fc.constant(LENGTH_MS),
    validationWindowMs: fc.constantFrom(1, 10, 35, 200),
    retentionEpochs: fc.integer({ min: 0, max: 12 }),
  }),
  maxClockSkewMs: fc.constantFrom(0, 5, 10, 25),
});

test('what facts settle is what the registry says, whichever replica is ahead, and after every reuse', () => {
  let settled = 0;
  fc.assert(
    fc.property(world, fc.array(action, { minLength: 10, maxLength: 60, size: 'max' }), (w, actions) => {
      const model = new Model(w);
      for (const next of actions) model.run(next);
      settled += model.settled;
    }),
    { numRuns: 1_500 },
  );
  assert.ok(settled > 10_000, `facts settled only ${settled} questions, so this showed little`);
});
