/** An engine on the inline pool, a stepped clock and a store in memory: no threads, no waiting. */
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import type { ClaimOperation } from '../../src/domain/claim.ts';
import { Engine, type EngineSettings, engineShape } from '../../src/engine.ts';
import { Ingress } from '../../src/ingress/ingress.ts';
import { InlinePool } from '../../src/pool/inline-pool.ts';
import { EngineMemory } from '../../src/segment/engine-memory.ts';
import type { Activities } from '../../src/telemetry/activities.ts';
import type { Logger } from '../../src/telemetry/log.ts';
import { MemoryStore, type MemoryStoreOptions } from './memory-store.ts';

export const START_MS = 1_700_000_000_000;

/** Time passes in steps so small that the program keeps up with it. */
const STEP_MS = 250;

export const TEST_RULES = { epochLengthMs: 1_000, validationWindowMs: 2_000, retentionEpochs: 5 };

export const TEST_SETTINGS: EngineSettings = {
  rules: TEST_RULES,
  partition: 'claim',
  segments: 4,
  tableCapacity: 1_024,
  workers: 1,
  ingressThreads: 1,
  maxClockSkewMs: 1_000,
  stealing: true,
  ingressEntries: 4_096,
};

/** What an item came to. */
export interface Answer {
  readonly outcome: number;
  readonly status: number;
  readonly epoch: number;
  readonly timestampMs: number;
  readonly playerId: string;
  readonly reason: number;
  readonly fromStore: boolean;
}

/** How a test's engine differs from others beside its settings. */
export interface TestEngineOptions extends Omit<MemoryStoreOptions, 'maxClockSkewMs'> {
  /** Default: 0, the registry is not read again. */
  readonly reconcileClaimsPerS?: number;
  /** Default: one of its own. */
  readonly clock?: SteppedClock;
  /** Told of epochs, hydration and reconciliation. */
  readonly activities?: Activities;
}

export interface LogLine {
  readonly level: string;
  readonly text: string;
}

export class TestEngine {
  readonly clock: SteppedClock;
  readonly memory: EngineMemory;
  readonly store: MemoryStore;
  readonly ingress: Ingress;
  readonly engine: Engine;
  readonly log: LogLine[] = [];

  constructor(settings: Partial<EngineSettings> = {}, options: TestEngineOptions = {}) {
    const all = { ...TEST_SETTINGS, ...settings };
    this.clock = options.clock ?? new SteppedClock(START_MS);
    this.memory = EngineMemory.allocate(engineShape(all));
    this.store = new MemoryStore(
      this.memory.entries,
      { ...all.rules, partition: all.partition },
      this.clock,
      { ...options, maxClockSkewMs: all.maxClockSkewMs },
    );
    const pool = new InlinePool(this.memory, this.clock);
    this.ingress = new Ingress(this.memory, 0, pool, queueMicrotask);
    this.engine = new Engine({
      memory: this.memory,
      pool,
      ingress: this.ingress,
      store: this.store,
      clock: this.clock,
      log: this.#logger(),
      commitIntervalMs: 0,
      reconcileClaimsPerS: options.reconcileClaimsPerS ?? 0,
      ...(options.activities !== undefined && { activities: options.activities }),
    });
  }

  async start(): Promise<this> {
    await this.engine.start();
    return this;
  }

  /** Sends one item on its way; resolves to what became of it. */
  ask(operation: ClaimOperation, claimId: string, playerId: string, timestampMs?: number): Promise<Answer> {
    const { ingress } = this;
    const { entries } = ingress;
    if (!ingress.hasRoom(1)) throw new Error('no room');
    const entry = ingress.allocate();
    entries.setClaimId(entry, claimId);
    entries.setPlayerId(entry, playerId);
    entries.timestampMs[entry] = timestampMs ?? this.clock.nowMs();
    return new Promise((resolve) => {
      ingress.dispatch(entry, operation, {
        answered: () => {
          resolve({
            outcome: entries.outcome[entry],
            status: entries.status[entry],
            epoch: entries.epoch[entry],
            timestampMs: entries.timestampMs[entry],
            playerId: entries.playerId(entry),
            reason: entries.reason[entry],
            fromStore: entries.fromStore[entry] === 1,
          });
          ingress.finish(entry);
        },
      });
    });
  }

  /** Lets time pass and everything settle that it set off. */
  async step(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.clock.step(Math.min(left, STEP_MS));
      await this.settle();
    }
  }

  /** Lets every promise run that can. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  #logger(): Logger {
    const at = (level: string) => (fields: unknown, text?: string) => {
      this.log.push({ level, text: text ?? String(fields) });
    };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      fatal: at('fatal'),
    } as unknown as Logger;
  }
}
