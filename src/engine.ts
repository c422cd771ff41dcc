/**
 * The engine put together: segments and their pool, committer, coordinator and one ingress, over
 * a store. main.ts runs it on threads, tests and simulation inline with a stepped clock.
 */
import type { Clock } from './clock/clock.ts';
import { Committer } from './committer/committer.ts';
import { EpochCoordinator } from './coordinator/epoch-coordinator.ts';
import { EpochFeed } from './coordinator/epoch-feed.ts';
import { hydrate } from './coordinator/hydrator.ts';
import { SegmentControl } from './coordinator/segment-control.ts';
import { AssertionFailure } from './domain/assert.ts';
import type { PartitionMode } from './domain/claim.ts';
import type { EpochRules } from './domain/epochs.ts';
import { ClaimsError } from './domain/errors.ts';
import { Ingress } from './ingress/ingress.ts';
import { coordinatorEntries, INGRESS_ENTRIES } from './limits.ts';
import { StatePartitioner } from './partitioner/partitioner.ts';
import type { SegmentPool, WorkerLoss } from './pool/segment-pool.ts';
import { tableShape } from './registry/table-layout.ts';
import type { EngineMemory, EngineShape } from './segment/engine-memory.ts';
import type { ClaimStore } from './store/store.ts';
import type { Logger } from './telemetry/log.ts';

/** After a failure the store is asked for lost segments' claims again so much later. */
const REHYDRATE_RETRY_MS = 1_000;

export interface EngineSettings {
  readonly rules: EpochRules;
  readonly partition: PartitionMode;
  readonly segments: number;
  readonly tableCapacity: number;
  readonly workers: number;
  readonly maxClockSkewMs: number;
  readonly stealing: boolean;
  /** Entries of the ingress; other than INGRESS_ENTRIES only to see it full in a test. */
  readonly ingressEntries?: number;
}

/** Replicas' clocks may differ by the skew, and a boundary may lie between two looks at them. */
function aheadEpochs(rules: EpochRules, maxClockSkewMs: number): number {
  return 1 + Math.ceil(maxClockSkewMs / rules.epochLengthMs);
}

export function engineShape(settings: EngineSettings): EngineShape {
  const { rules, maxClockSkewMs } = settings;
  const windowEpochs = 1 + Math.ceil((rules.validationWindowMs + maxClockSkewMs) / rules.epochLengthMs);
  return {
    table: tableShape(settings.tableCapacity, settings.segments, windowEpochs),
    rules,
    partition: settings.partition,
    workers: settings.workers,
    ingressThreads: 1,
    ingressEntries: settings.ingressEntries ?? INGRESS_ENTRIES,
    coordinatorEntries: coordinatorEntries(settings.segments),
    aheadEpochs: aheadEpochs(rules, maxClockSkewMs),
    stealing: settings.stealing,
  };
}

export interface EngineParts {
  readonly memory: EngineMemory;
  readonly pool: SegmentPool;
  readonly store: ClaimStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Calls back at the end of this turn of the event loop. */
  readonly defer: (call: () => void) => void;
  /** From the begin of one small commit to that of the next, milliseconds; 0: none (committer). */
  readonly commitIntervalMs: number;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not, or what is done. */
  readonly reason: string;
}

export class Engine {
  readonly memory: EngineMemory;
  readonly ingress: Ingress;
  readonly epochs: EpochFeed;
  readonly #pool: SegmentPool;
  readonly #store: ClaimStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #committer: Committer;
  readonly #control: SegmentControl;
  readonly #coordinator: EpochCoordinator;
  readonly #emptied = new Set<number>();
  #phase = 'starting';
  #storeFailing = false;
  #refilling: Promise<void> | undefined;

  constructor(parts: EngineParts) {
    const { memory, pool, store, clock, log } = parts;
    const { rules, partition } = memory.shape;
    const partitioner = new StatePartitioner(memory.segments, partition);
    this.memory = memory;
    this.#pool = pool;
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.ingress = new Ingress(memory, 0, partitioner, pool, parts.defer);
    this.epochs = new EpochFeed(store, rules);
    this.#control = new SegmentControl(memory, pool, partitioner, clock);
    this.#coordinator = new EpochCoordinator(
      clock,
      rules,
      store,
      this.#control,
      this.epochs,
      memory.shape.aheadEpochs,
      {
        clockBehind: (clockEpoch, heldEpoch) =>
          log.warn({ clockEpoch, heldEpoch }, 'the clock is behind: the epoch is held until it catches up'),
        storeFailed: (error) =>
          log.error({ code: error.code, error: error.message }, 'the store does not take the epoch'),
        storeRecovered: () => log.info('the store takes the epoch again'),
      },
    );
    const events = {
      committed: (epoch: number) => this.#committed(epoch),
      failed: (error: unknown) => this.#commitFailed(error),
    };
    const pace = { clock, intervalMs: parts.commitIntervalMs };
    this.#committer = new Committer(memory, store, pool, () => this.#coordinator.epoch, events, pace);
  }

  /** The epoch in force on this replica. */
  get epoch(): number {
    return this.#coordinator.epoch;
  }
  get clockBehind(): boolean {
    return this.#coordinator.clockBehind;
  }
  /** Claims that wait for the next commit. */
  get commitBacklog(): number {
    return this.#committer.waitingCount;
  }

  /**
   * Opens the store, enters the epoch and fills the table.
   * @throws RegistryMismatch, StoreNotUsable, StoreUnavailable, ClockAhead
   */
  async start(): Promise<void> {
    await this.#pool.start({ drain: () => this.#drain(), workerLost: (loss) => this.#workerLost(loss) });
    const storeEpoch = await this.#store.open();
    await this.#coordinator.start(storeEpoch);
    const claims = await hydrate(
      this.#store,
      this.#control,
      () => true,
      (read) => {
        this.#phase = `hydrating: ${read} claims read`;
      },
    );
    this.#control.expireOverdue();
    this.#phase = 'ready';
    if (this.#emptied.size > 0) this.#refilling = this.#refill();
    this.#log.info({ claims, epoch: this.epoch }, 'hydrated');
  }

  readiness(): Readiness {
    if (this.#phase !== 'ready') return { ready: false, reason: this.#phase };
    const failure = this.#coordinator.failure;
    if (failure !== undefined) return { ready: false, reason: `${failure.code}: ${failure.message}` };
    return { ready: true, reason: 'ready' };
  }

  /** Lets callers that wait be answered, then ends threads and store. */
  async stop(): Promise<void> {
    this.#phase = 'stopping';
    await this.ingress.idle();
    await this.#coordinator.stop();
    await this.#committer.settled();
    await this.#pool.stop();
    await this.#store.close();
    this.#phase = 'stopped';
  }

  /** Takes everything that the segments have put in this thread's queues. */
  #drain(): void {
    this.#committer.pump();
    this.#control.drain();
    this.ingress.drain();
  }

  #committed(epoch: number): void {
    if (this.#storeFailing) this.#log.info('the store confirms again');
    this.#storeFailing = false;
    this.#coordinator.observe(epoch);
    this.#drain();
  }

  #commitFailed(error: unknown): void {
    if (!this.#storeFailing) this.#log.error(errorFields(error), 'the store did not confirm a commit');
    this.#storeFailing = true;
    this.#drain();
  }

  #workerLost(loss: WorkerLoss): void {
    const { worker, reason, segments } = loss;
    this.#log.error({ worker, reason, segments, entries: loss.entries.length }, 'a segment worker died');
    this.ingress.lost(loss.entries);
    this.#control.lost(loss.entries);
    for (const segment of segments) this.#emptied.add(segment);
    if (this.#phase === 'ready') this.#refilling ??= this.#refill();
  }

  /** Fills segments that lost their table. They serve meanwhile: the store knows what they don't. */
  async #refill(): Promise<void> {
    while (this.#emptied.size > 0 && this.#phase === 'ready') {
      const segments = new Set(this.#emptied);
      this.#emptied.clear();
      try {
        await hydrate(
          this.#store,
          this.#control,
          (segment) => segments.has(segment),
          () => undefined,
        );
        this.#log.info({ segments: [...segments] }, 'segments filled again');
      } catch (error) {
        if (!(error instanceof ClaimsError)) throw error;
        for (const segment of segments) this.#emptied.add(segment);
        await new Promise<void>((resolve) => {
          this.#clock.after(REHYDRATE_RETRY_MS, resolve);
        });
      }
    }
    this.#refilling = undefined;
    this.#control.expireOverdue();
  }
}

function errorFields(error: unknown): { code: string; error: string } {
  if (error instanceof AssertionFailure) throw error;
  if (error instanceof ClaimsError) return { code: error.code, error: error.message };
  return { code: 'UNEXPECTED', error: String(error) };
}
