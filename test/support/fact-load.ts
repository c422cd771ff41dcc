/**
 * A load on replicas of one registry while something fails: all callers want the same claims, each
 * for a player of its own, and send again what was not confirmed. What a caller was told is a fact:
 * it is noted here, and held against what the registry says in the end.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/clock/clock.ts';
import { until } from './waiting.ts';

export interface LoadItem {
  readonly operation: 'SUBMIT' | 'VALIDATE';
  readonly claim: string;
  readonly player: string;
}

/** A claim as a caller is told of it. */
export interface Told {
  readonly outcome: string;
  readonly status: string;
  readonly player: string;
}

/** One way to the registry: a store, or a client of a server. */
export interface Caller {
  /** The outcomes, in order. @throws Refused where not every item was confirmed */
  commit(items: readonly LoadItem[]): Promise<string[]>;
  get(claims: readonly string[]): Promise<Told[]>;
}

/** Something was not confirmed; it may be sent again. */
export class Refused extends Error {}

/** Claims of one commit: half of them are validated in it. */
const CLAIMS = 20;
/** Claims asked for in one call when facts are checked. */
const CHECKED_CLAIMS = 400;

/** How soon callers must be served once their servers are there, milliseconds. */
export const RECOVERY_MAX_MS = 2_000;

/** Waits until every caller is served again, which has to be soon, and reports how long that took. */
export async function reportRecovery(t: TestContext, load: FactLoad): Promise<void> {
  const begunMs = systemClock.nowMs();
  await load.untilConfirmed();
  const recoveryMs = systemClock.nowMs() - begunMs;
  t.diagnostic(`served again within ${recoveryMs} ms`);
  assert.ok(recoveryMs <= RECOVERY_MAX_MS, `${recoveryMs} ms`);
}

/** Of a load that has ended: every commit was confirmed, and each claim accepted once. */
export function checkNothingRefused({ facts, refusals }: FactLoad): void {
  assert.deepEqual(refusals, []);
  assert.equal(facts.accepted, facts.claims);
}

export interface Refusal {
  /** Why, in the words of who refused. */
  readonly words: string;
  readonly tookMs: number;
}

export class Facts {
  /** Per claim, the players who were told that it is theirs. */
  readonly #owners = new Map<string, Set<string>>();
  readonly #validated = new Set<string>();
  #accepted = 0;

  get claims(): number {
    return this.#owners.size;
  }

  /** Submits that were told ACCEPTED: where nothing is refused, one for each claim. */
  get accepted(): number {
    return this.#accepted;
  }

  note({ operation, claim, player }: LoadItem, outcome: string): void {
    if (outcome !== 'ACCEPTED' && outcome !== 'REPLAYED') return;
    if (operation === 'SUBMIT' && outcome === 'ACCEPTED') this.#accepted += 1;
    const owners = this.#owners.get(claim) ?? new Set();
    this.#owners.set(claim, owners.add(player));
    if (operation === 'VALIDATE') this.#validated.add(claim);
  }

  /** Every claim has one winner, and is what callers were told, as this caller is told. */
  async check(caller: Caller): Promise<void> {
    const claims = [...this.#owners.keys()];
    for (let start = 0; start < claims.length; start += CHECKED_CLAIMS) {
      const asked = claims.slice(start, start + CHECKED_CLAIMS);
      for (const [n, told] of (await caller.get(asked)).entries()) this.#checkOne(asked[n], told);
    }
  }

  #checkOne(claim: string, { outcome, player, status }: Told): void {
    assert.equal(outcome, 'FOUND', `${claim} was acknowledged`);
    assert.deepEqual([...(this.#owners.get(claim) ?? [])], [player], `${claim} has one winner`);
    if (this.#validated.has(claim)) assert.equal(status, 'VALIDATED', claim);
  }
}

export interface FactLoadOptions {
  /** Begins the claims' names, so that they are others than those of an earlier load; '' by default. */
  readonly prefix?: string;
  /** Between a caller's commits, so that there is no more to check than is worth it; none by default. */
  readonly pauseMs?: number;
}

export class FactLoad {
  readonly facts = new Facts();
  readonly refusals: Refusal[] = [];
  readonly #callers: readonly Caller[];
  readonly #prefix: string;
  readonly #pauseMs: number;
  readonly #running: Promise<unknown>;
  /** Per caller, commits confirmed. */
  readonly #confirmed: number[];
  #stopped = false;
  #over = false;
  #abandoned = false;

  constructor(callers: readonly Caller[], options: FactLoadOptions = {}) {
    this.#callers = callers;
    this.#prefix = options.prefix ?? '';
    this.#pauseMs = options.pauseMs ?? 0;
    this.#confirmed = callers.map(() => 0);
    this.#running = Promise.all(callers.map((caller, n) => this.#run(caller, n))).finally(() => {
      this.#over = true;
    });
    // An error that ends it is told to who waits for it next.
    this.#running.catch(() => undefined);
  }

  /** Waits until every caller has had a commit confirmed from now on. */
  async untilConfirmed(): Promise<void> {
    const before = [...this.#confirmed];
    await this.#until('a confirmed commit of every caller', () =>
      this.#confirmed.every((confirmed, n) => confirmed > before[n]),
    );
  }

  /** Waits until there are as many more refusals as callers. */
  async untilRefused(): Promise<void> {
    const before = this.refusals.length;
    await this.#until('refused commits', () => this.refusals.length >= before + this.#callers.length);
  }

  /** Ends it once what it sent last is confirmed, and checks every fact with every caller. */
  async end(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    assert.ok(this.facts.claims > 0, 'the load did something');
    for (const caller of this.#callers) await this.facts.check(caller);
  }

  /** Ends it at once, and looks at nothing: for registries that have lost facts. */
  async abandon(): Promise<void> {
    this.#stopped = true;
    this.#abandoned = true;
    await this.#running;
  }

  /** @throws the error that ended the load before the condition held, if one did */
  async #until(what: string, holds: () => boolean): Promise<void> {
    await until(what, () => holds() || this.#over);
    if (!this.#over) return;
    await this.#running;
    assert.fail('the load is over');
  }

  async #run(caller: Caller, n: number): Promise<void> {
    for (let round = 0; !this.#stopped; round += 1) {
      const items = itemsOf(`${this.#prefix}c${round}`, `player-${n}`);
      const outcomes = await this.#commit(caller, items);
      for (const [i, outcome] of outcomes.entries()) this.facts.note(items[i], outcome);
      this.#confirmed[n] += 1;
      if (this.#pauseMs > 0) await delay(this.#pauseMs);
    }
  }

  /** Sends a batch until it is confirmed; gives no outcomes where the load was abandoned. */
  async #commit(caller: Caller, items: readonly LoadItem[]): Promise<string[]> {
    for (;;) {
      const begunMs = systemClock.nowMs();
      try {
        return await caller.commit(items);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (this.#abandoned) return [];
        this.refusals.push({ words: error.message, tookMs: systemClock.nowMs() - begunMs });
        // A refusal at once (OOM, NOPERM) must leave the test its turn.
        await delay(1);
      }
    }
  }
}

/** The same claims for every player: submits, then validations of the first half. */
function itemsOf(name: string, player: string): LoadItem[] {
  const claims = Array.from({ length: CLAIMS }, (_, n) => `${name}-${n}`);
  const items = claims.map((claim): LoadItem => ({ operation: 'SUBMIT', claim, player }));
  const validated = items.slice(0, CLAIMS / 2);
  return [...items, ...validated.map((item): LoadItem => ({ ...item, operation: 'VALIDATE' }))];
}
