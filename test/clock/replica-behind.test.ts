/**
 * A replica whose clock has fallen behind the others' by more than the skew, and which answers
 * from its table alone: what it says must still be what the registry says (DESIGN § 2: decisions
 * use the later of its own epoch and the store's).
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import { ClaimOperation, Outcome } from '../../src/domain/claim.ts';
import { Engine, engineShape } from '../../src/engine.ts';
import { Ingress } from '../../src/ingress/ingress.ts';
import { InlinePool } from '../../src/pool/inline-pool.ts';
import { EngineMemory } from '../../src/segment/engine-memory.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { START_MS, TEST_RULES, TEST_SETTINGS } from '../support/engine.ts';

const LENGTH_MS = TEST_RULES.epochLengthMs;

class Replica {
  readonly clock = new SteppedClock(START_MS);
  readonly ingress: Ingress;
  readonly engine: Engine;

  constructor(path: string) {
    const memory = EngineMemory.allocate(engineShape(TEST_SETTINGS));
    const store = new SqliteStore({
      path,
      settings: { ...TEST_RULES, partition: 'claim' },
      maxClockSkewMs: TEST_SETTINGS.maxClockSkewMs,
      maxBytes: 0,
      clock: this.clock,
      entries: memory.entries,
    });
    const note = () => undefined;
    const log = { debug: note, info: note, warn: note, error: note, fatal: note };
    const pool = new InlinePool(memory, this.clock);
    this.ingress = new Ingress(memory, 0, pool, queueMicrotask);
    this.engine = new Engine({
      memory,
      pool,
      ingress: this.ingress,
      store,
      clock: this.clock,
      log,
      commitIntervalMs: 0,
      reconcileClaimsPerS: 0,
    });
  }

  ask(
    operation: ClaimOperation,
    claimId: string,
    playerId: string,
    timestampMs = this.clock.nowMs(),
  ): Promise<Outcome> {
    const { ingress } = this;
    const { entries } = ingress;
    const entry = ingress.allocate();
    entries.setClaimId(entry, claimId);
    entries.setPlayerId(entry, playerId);
    entries.timestampMs[entry] = timestampMs;
    return new Promise((resolve) => {
      ingress.dispatch(entry, operation, {
        answered: () => {
          resolve(entries.outcome[entry] as Outcome);
          ingress.finish(entry);
        },
      });
    });
  }

  /** Lets epochs pass on this replica's clock, one after the other. */
  async pass(epochs: number): Promise<void> {
    for (let i = 0; i < epochs; i += 1) {
      const next = this.engine.epoch + 1;
      this.clock.step(LENGTH_MS);
      while (this.engine.epochs.lastComplete < next - 1) await delay(1);
    }
  }
}

async function replicas(t: TestContext): Promise<[Replica, Replica]> {
  const folder = mkdtempSync(join(tmpdir(), 'claims-'));
  const both: [Replica, Replica] = [
    new Replica(join(folder, 'claims.db')),
    new Replica(join(folder, 'claims.db')),
  ];
  for (const { engine } of both) await engine.start();
  t.after(async () => {
    for (const { engine } of both) await engine.stop();
    rmSync(folder, { recursive: true });
  });
  return both;
}

/** Ann's claim is validated at `slow`; past its retention ben submits the same id elsewhere. */
async function reuse(claimId: string, slow: Replica, right: Replica): Promise<void> {
  const nowMs = right.clock.nowMs();
  assert.equal(await slow.ask(ClaimOperation.SUBMIT, claimId, 'ann', nowMs), Outcome.ACCEPTED);
  assert.equal(await slow.ask(ClaimOperation.VALIDATE, claimId, 'ann'), Outcome.ACCEPTED);
  await right.pass(TEST_RULES.retentionEpochs + 3);
  assert.equal(await right.ask(ClaimOperation.SUBMIT, claimId, 'ben'), Outcome.ACCEPTED);
  // One epoch on the slow replica's clock, in which it hears nothing but what it asks for.
  slow.clock.step(LENGTH_MS);
  await delay(50);
}

test('the epoch that the store answers a boundary with is the segments’ as well', async (t) => {
  const [slow, right] = await replicas(t);
  await reuse('chest', slow, right);
  assert.equal(await right.ask(ClaimOperation.VALIDATE, 'chest', 'ann'), Outcome.TAKEN, 'the truth');
  assert.equal(await slow.ask(ClaimOperation.VALIDATE, 'chest', 'ann'), Outcome.TAKEN);
});

test('while it holds an epoch that its clock has not reached, it hears of later ones', async (t) => {
  const [slow, right] = await replicas(t);
  await right.pass(20);
  // A commit tells it the registry's epoch, which its clock won't reach for a long time.
  assert.equal(await slow.ask(ClaimOperation.GET, 'none', 'ann'), Outcome.NOT_FOUND);
  await delay(50);
  assert.equal(slow.engine.epoch, right.engine.epoch);
  await reuse('chest', slow, right);
  assert.equal(await slow.ask(ClaimOperation.VALIDATE, 'chest', 'ann'), Outcome.TAKEN);
});
