/** The predecessor's way with Redis: a script call for each claim, one for the whole registry at each epoch. */
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import type { ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import type { ClaimFact, EpochCounts } from './interpreter.ts';

const REGISTRY = 'claim_registry';
const VALUE = /^([PVE])\|(\d+)\|(\d+)\|(.*)$/;

export interface ClaimQuestion {
  readonly operation: 'submit' | 'validate' | 'get';
  readonly claimId: string;
  /** '' in a get. */
  readonly playerId: string;
  readonly epoch: number;
}

/** Of a submit. */
export interface ClaimTimes {
  readonly timestampMs: number;
  readonly expiryEpoch: number;
}

export interface ClaimDecision {
  readonly outcome: Outcome;
  readonly status: ClaimStatus;
  /** Absent where the claim is not told. */
  readonly claim: { readonly timestampMs: number; readonly playerId: string } | undefined;
}

type DecisionReply = [outcome: Outcome, status: ClaimStatus, timestampMs: string, playerId: string];

/** ioredis makes a method of each script, which sends EVALSHA, and EVAL where the server knows it not. */
interface Scripted {
  decideClaim(key: string, ...args: (string | number)[]): Promise<DecisionReply>;
  passEpoch(key: string, ...args: number[]): Promise<[number, number, number]>;
}

export class ClaimStore {
  readonly #redis: Redis & Scripted;
  readonly #retentionEpochs: number;

  constructor(url: string, retentionEpochs: number) {
    const scripts = {
      decideClaim: { lua: script('claim.lua'), numberOfKeys: 1 },
      passEpoch: { lua: script('epoch.lua'), numberOfKeys: 1 },
    };
    this.#redis = new Redis(url, { scripts }) as Redis & Scripted;
    this.#retentionEpochs = retentionEpochs;
  }

  /** @param times of a submit. @throws Error where Redis did not answer. */
  async decide(question: ClaimQuestion, times?: ClaimTimes): Promise<ClaimDecision> {
    const { operation, claimId, playerId, epoch } = question;
    const own = times === undefined ? [] : [times.timestampMs, times.expiryEpoch];
    const args = [operation, claimId, playerId, epoch, this.#retentionEpochs, ...own];
    const [outcome, status, timestampMs, owner] = await this.#redis.decideClaim(REGISTRY, ...args);
    const claim = owner === '' ? undefined : { timestampMs: Number(timestampMs), playerId: owner };
    return { outcome, status, claim };
  }

  /** One call that walks the whole registry. */
  async passEpoch(epoch: number): Promise<EpochCounts> {
    const reply = await this.#redis.passEpoch(REGISTRY, epoch, this.#retentionEpochs);
    const [pending, expired, removed] = reply;
    return { pending, expired, removed };
  }

  /** The whole registry in one call. @throws Error naming a field that can't be read. */
  async readAll(): Promise<ClaimFact[]> {
    const fields = await this.#redis.hgetall(REGISTRY);
    return Object.entries(fields).map(([claimId, value]) => factOf(claimId, value));
  }

  close(): void {
    this.#redis.disconnect();
  }
}

function script(file: string): string {
  return readFileSync(new URL(`scripts/${file}`, import.meta.url), 'utf8');
}

function factOf(claimId: string, value: string): ClaimFact {
  const parts = VALUE.exec(value);
  if (parts === null) throw new Error(`${REGISTRY}: ${claimId} holds ${value}, which is no claim`);
  const [, letter, timestampMs, endEpoch, playerId] = parts;
  return {
    letter: letter as ClaimFact['letter'],
    claimId,
    playerId,
    timestampMs: Number(timestampMs),
    endEpoch: Number(endEpoch),
  };
}
