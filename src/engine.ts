/**
 * The engine put together: segments and their pool, committer and coordinator, over a store and
 * behind the threads that serve calls. main.ts runs it on threads, tests and simulation inline with a stepped clock.
 */
import type { Clock } from './clock/clock.ts';
import { Committer } from './committer/committer.ts';
import { EpochCoordinator } from './coordinator/epoch-coordinator.ts';
import { EpochFeed } from './coordinator/epoch-feed.ts';
import { EpochMeter } from './coordinator/epoch-meter.ts';
import { Hydrator } from './coordinator/hydrator.ts';
import { Reconciler } from './coordinator/reconciler.ts';
import { SegmentControl } from './coordinator/segment-control.ts';
import { askOnce, StoreWait } from './coordinator/store-wait.ts';
import { AssertionFailure } from './domain/assert.ts';
import type { PartitionMode } from './domain/claim.ts';
import type { EpochRules } from './domain/epochs.ts';
import { ClaimsError, ClockAhead, StoreUnavailable } from './domain/errors.ts';
import type { IngressThreads } from './ingress/ingress-threads.ts';
import { coordinatorEntries, INGRESS_ENTRIES } from './limits.ts';
import { StatePartitioner } from './partitioner/partitioner.ts';
import type { SegmentPool, WorkerLoss } from './pool/segment-pool.ts';
import { tableShape } from './registry/table-layout.ts';
import type { EngineMemory, EngineShape } from './segment/engine-memory.ts';
import type { ClaimStore } from './store/store.ts';
import { type Activities, NO_ACTIVITIES } from './telemetry/activities.ts';
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
  readonly ingressThreads: number;
  /** Entries of each ingress thread; other than INGRESS_ENTRIES only to see it full in a test. */
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
    ingressThreads: settings.ingressThreads,
    ingressEntries: settings.ingressEntries ?? INGRESS_ENTRIES,
    coordinatorEntries: coordinatorEntries(settings.segments),
    aheadEpochs: aheadEpochs(rules, maxClockSkewMs),
    stealing: settings.stealing,
  };
}

export interface EngineParts {
  readonly memory: EngineMemory;
  readonly pool: SegmentPool;
  readonly ingress: IngressThreads;
  readonly store: ClaimStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** From the begin of one small commit to that of the next, milliseconds; 0: none (committer). */
  readonly commitIntervalMs: number;
  /** How many claims of a shared registry are read in a second once it is ready; 0: none (reconciler). */
  readonly reconcileClaimsPerS: number;
  /** Told of epochs, hydration and reconciliation; absent: nobody is. */
  readonly activities?: Activities;
  /** Told how long the segments took to enter an epoch; absent: nobody is. */
  readonly epochAdvanced?: (durationUs: number) => void;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not, or what is done. */
  readonly reason: string;
}

export class Engine {
  readonly memory: EngineMemory;
  readonly epochs: EpochFeed;
  readonly epochMeter = new EpochMeter();
  readonly #pool: SegmentPool;
  readonly #ingress: IngressThreads;
  readonly #store: ClaimStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #committer: Committer;
  readonly #control: SegmentControl;
  readonly #coordinator: EpochCoordinator;
  readonly #hydrator: Hydrator;
  readonly #reconciler: Reconciler;
  /** Of the start: a shared store may be away, and other replicas serve meanwhile. */
  readonly #wait: StoreWait;
  readonly #emptied = new Set<number>();
  #phase: 'starting' | 'hydrating' | 'ready' | 'stopping' | 'stopped' = 'starting';
  #starting: Promise<void> = Promise.resolve();
  #storeFailing = false;
  #refilling: Promise<void> | undefined;

  constructor(parts: EngineParts) {
    const { memory, pool, ingress, store, clock, log, activities = NO_ACTIVITIES } = parts;
    const { rules, partition } = memory.shape;
    const partitioner = new StatePartitioner(memory.segments, partition);
    this.memory = memory;
    this.#pool = pool;
    this.#ingress = ingress;
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
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
        advanced: (durationUs, latenessMs) => {
          this.epochMeter.advanced(durationUs, latenessMs);
          parts.epochAdvanced?.(durationUs);
        },
      },
      activities,
    );
    const events = {
      committed: (epoch: number) => this.#committed(epoch),
      failed: (error: unknown) => this.#commitFailed(error),
    };
    const pace = { clock, intervalMs: parts.commitIntervalMs };
    const epoch = () => this.#coordinator.epoch;
    const epochAsked = () => this.#coordinator.epochAsked;
    this.#committer = new Committer(memory, store, pool, epochAsked, events, pace);
    this.#wait = new StoreWait(clock, (error) => store.isShared && mayPass(error), {
      waiting: (error) => log.warn(errorFields(error), 'the store does not answer: the start waits for it'),
      answered: () => log.info('the store answers: the start goes on'),
    });
    const progress = (claims: number) => log.info({ claims }, 'hydrating');
    this.#hydrator = new Hydrator(store, this.#control, clock, progress, activities);
    const reading = {
      waiting: (error: ClaimsError) =>
        log.warn(errorFields(error), 'the registry can not be read: reconciliation waits'),
      answered: () => log.info('the registry can be read: reconciliation goes on'),
    };
    const { reconcileClaimsPerS } = parts;
    this.#reconciler = new Reconciler(
      store,
      this.#control,
      clock,
      epoch,
      reconcileClaimsPerS,
      reading,
      activities,
    );
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

  /** Claims read at start, and for segments that lost theirs. */
  get claimsHydrated(): number {
    return this.#hydrator.claimsRead;
  }
  /** Claims read by reconciliation, each pass anew. */
  get claimsReconciled(): number {
    return this.#reconciler.claimsRead;
  }

  /**
   * Opens the store, enters the epoch and fills the table. Waits for a shared store that is away.
   * Resolves also where it was stopped before it was done.
   * @throws RegistryMismatch, StoreNotUsable; of a store that is not shared StoreUnavailable, ClockAhead
   */
  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  readiness(): Readiness {
    const ready = this.#phase === 'ready';
    const progress =
      this.#phase === 'hydrating' ? `hydrating: ${this.claimsHydrated} claims read` : this.#phase;
    const failure = ready ? this.#coordinator.failure : this.#wait.failure;
    if (failure === undefined) return { ready, reason: progress };
    const reason = `${failure.code}: ${failure.message}`;
    return { ready: false, reason: ready ? reason : `${progress}; ${reason}` };
  }

  /** Lets callers that wait be answered, then ends threads and store. */
  async stop(): Promise<void> {
    this.#phase = 'stopping';
    this.#wait.stop();
    await Promise.allSettled([this.#starting]);
    await this.#reconciler.stop();
    await this.#ingress.idle();
    await this.#coordinator.stop();
    await this.#committer.settled();
    await this.#pool.stop();
    await this.#store.close();
    this.#phase = 'stopped';
  }

  async #start(): Promise<void> {
    await this.#pool.start({
      drain: () => this.#drain(),
      drainAll: () => this.#drainAll(),
      workerLost: (loss) => this.#workerLost(loss),
    });
    try {
      await this.#fillFromStore();
    } catch (error) {
      if (this.#phase === 'stopping' && error instanceof StoreUnavailable) return;
      throw error;
    }
    if (this.#phase === 'stopping') return;
    this.#phase = 'ready';
    if (this.#emptied.size > 0) this.#refilling = this.#refill();
    if (this.#store.isShared) this.#reconciler.start();
    this.#log.info({ claims: this.claimsHydrated, epoch: this.epoch }, 'hydrated');
  }

  async #fillFromStore(): Promise<void> {
    const { ask } = this.#wait;
    const storeEpoch = await ask(() => this.#store.open());
    await ask(() => this.#coordinator.start(storeEpoch));
    if (this.#phase === 'starting') this.#phase = 'hydrating';
    await this.#hydrator.fill(ask, () => true);
    this.#control.expireOverdue();
  }

  /** Takes everything that the segments have put in this thread's queues. */
  #drain(): void {
    this.#committer.pump();
    this.#control.drain();
    this.#ingress.drain();
  }

  async #drainAll(): Promise<void> {
    await this.#ingress.drainAll();
    this.#drain();
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
    this.#ingress.lost(loss.entries);
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
        await this.#hydrator.fill(askOnce, (segment) => segments.has(segment));
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

/** What a store may be rid of by itself: it is away, or this machine's clock is ahead of it. */
function mayPass(error: ClaimsError): boolean {
  return error instanceof StoreUnavailable || error instanceof ClockAhead;
}

function errorFields(error: unknown): { code: string; error: string } {
  if (error instanceof AssertionFailure) throw error;
  if (error instanceof ClaimsError) return { code: error.code, error: error.message };
  return { code: 'UNEXPECTED', error: String(error) };
}
