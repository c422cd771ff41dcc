/**
 * "Interpreter Defaults" decides as the contract says, by the calls that it has: what is compared
 * with it has to be as right. Started as a program, on a real Redis, asked by a real client.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { EpochReport } from '../../../loadtest/baseline/epoch-loop.ts';
import type { InterpreterUsage } from '../../../loadtest/baseline/interpreter.ts';
import { systemClock } from '../../../src/clock/clock.ts';
import { ClaimClient, type Item, type Result } from '../../support/client.ts';
import { type RunningProgram, startProgram } from '../../support/program.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/waiting.ts';

const LENGTH_MS = 500;
const WINDOW_MS = 2_000;
const RETENTION_EPOCHS = 4;

let redis: RedisServer;

/** @param database of the Redis: the registry. */
async function startBaseline(database: number): Promise<{ program: RunningProgram; client: ClaimClient }> {
  const times = {
    'epoch-length-ms': LENGTH_MS,
    'validation-window-ms': WINDOW_MS,
    'retention-epochs': RETENTION_EPOCHS,
  };
  const args = Object.entries(times).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const file = 'loadtest/baseline/server.ts';
  const { program, serving } = await startProgram({
    file,
    args: ['--redis', `${redis.url}/${database}`, ...args],
  });
  return { program, client: new ClaimClient(serving.address) };
}

/** What it has logged so far under a name. */
function told<T>(program: RunningProgram, name: string): T[] {
  const lines = program.log().split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === name);
}

function reports(program: RunningProgram): EpochReport[] {
  return told(program, 'epoch');
}

function outcome({ outcome, status, claim }: Result): [string, string, string | undefined] {
  return [outcome, status, claim?.playerId];
}

before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

describe('Interpreter Defaults', { concurrency: true }, () => {
  let program: RunningProgram;
  let client: ClaimClient;
  before(async () => {
    ({ program, client } = await startBaseline(0));
  });
  after(async () => {
    client.close();
    assert.equal(await program.stop(), 0);
  });

  const owned = (claimId: string): Item => ({ claimId, playerId: 'owner' });
  const untilEpoch = (epoch: number): Promise<unknown> =>
    until(`epoch ${epoch} to be passed`, () => reports(program).some((report) => report.epoch >= epoch));

  test('a new id is accepted, its retry replayed with the first timestamp, another player told TAKEN', async () => {
    const item = { ...owned('submit'), timestampMs: systemClock.nowMs() - 100 };
    const first = await client.submit(item);
    assert.deepEqual(outcome(first), ['ACCEPTED', 'PENDING', 'owner']);
    assert.equal(first.expiresAtEpoch, Math.ceil((item.timestampMs + WINDOW_MS) / LENGTH_MS));
    const retry = await client.submit({ ...item, timestampMs: item.timestampMs + 50 });
    assert.deepEqual(outcome(retry), ['REPLAYED', 'PENDING', 'owner']);
    assert.equal(retry.claim?.timestampMs, item.timestampMs);
    const thief = { ...item, playerId: 'thief' };
    assert.deepEqual(outcome(await client.submit(thief)), ['TAKEN', 'UNSPECIFIED', undefined]);
    assert.deepEqual(outcome(await client.validate(thief)), ['TAKEN', 'UNSPECIFIED', undefined]);
  });

  test('a pending claim is validated once, by its player', async () => {
    const item = owned('validate');
    assert.deepEqual(outcome(await client.validate(item)), ['NOT_FOUND', 'UNSPECIFIED', undefined]);
    await client.submit(item);
    assert.deepEqual(outcome(await client.validate(item)), ['ACCEPTED', 'VALIDATED', 'owner']);
    assert.deepEqual(outcome(await client.validate(item)), ['REPLAYED', 'VALIDATED', 'owner']);
    assert.deepEqual(outcome(await client.submit(item)), ['REPLAYED', 'VALIDATED', 'owner']);
    assert.deepEqual(outcome(await client.get('validate')), ['FOUND', 'VALIDATED', 'owner']);
  });

  test('a claim that is overdue already is accepted and expired, whether or not an epoch has passed since', async () => {
    const item = { ...owned('overdue'), timestampMs: systemClock.nowMs() - WINDOW_MS - 2 * LENGTH_MS };
    assert.deepEqual(outcome(await client.submit(item)), ['ACCEPTED', 'EXPIRED', 'owner']);
    assert.deepEqual(outcome(await client.validate(item)), ['EXPIRED', 'EXPIRED', 'owner']);
    assert.deepEqual(outcome(await client.get('overdue')), ['FOUND', 'EXPIRED', 'owner']);
  });

  test('of many players at once one wins', async () => {
    const players = Array.from({ length: 20 }, (_, i) => `player-${i}`);
    const results = await Promise.all(
      players.map((playerId) => client.submit({ claimId: 'race', playerId })),
    );
    const outcomes = results.map((result) => result.outcome).sort();
    assert.deepEqual(outcomes, ['ACCEPTED', ...Array(19).fill('TAKEN')]);
  });

  test('an id or time that is not allowed is INVALID, with its field', async () => {
    const long = await client.submit({ claimId: 'x'.repeat(65), playerId: 'owner' });
    assert.equal(long.outcome, 'INVALID');
    assert.match(long.reason, /^claim_id: /);
    assert.match((await client.validate({ claimId: 'a\tb', playerId: 'owner' })).reason, /^claim_id: /);
    assert.match((await client.submit({ claimId: 'a', playerId: '' })).reason, /^player_id: /);
    const timestampMs = systemClock.nowMs() - 60_000;
    assert.match((await client.submit({ ...owned('early'), timestampMs })).reason, /^timestamp_ms: /);
  });

  test('a claim expires at its epoch, in Redis and in the interpreter, and is forgotten past retention', async () => {
    const { expiresAtEpoch } = await client.submit(owned('expires'));
    await untilEpoch(expiresAtEpoch - 1);
    await untilEpoch(expiresAtEpoch);
    assert.deepEqual(outcome(await client.validate(owned('expires'))), ['EXPIRED', 'EXPIRED', 'owner']);
    assert.match((await redis.client().hget('claim_registry', 'expires')) ?? '', /^E\|\d+\|\d+\|owner$/);
    await untilEpoch(expiresAtEpoch + RETENTION_EPOCHS + 1);
    assert.equal(await redis.client().hget('claim_registry', 'expires'), null);
    assert.deepEqual(outcome(await client.get('expires')), ['NOT_FOUND', 'UNSPECIFIED', undefined]);
    const [own, stored] = (['own', 'stored'] as const).map((where) => totals(reports(program), where));
    assert.deepEqual(own, stored);
    assert.ok(own.expired >= 1 && own.removed >= 1, JSON.stringify(own));
  });
});

test('Interpreter Defaults started later has the claims of the registry', async () => {
  const [claimId, playerId] = ['before', 'owner'];
  const first = await startBaseline(1);
  await first.client.submit({ claimId, playerId });
  first.client.close();
  assert.equal(await first.program.stop(), 0);
  const { program, client } = await startBaseline(1);
  try {
    await until('an epoch', () => reports(program).length > 0);
    const [{ tables, heapBytes }] = reports(program);
    assert.equal(tables, 1);
    program.kill('SIGUSR2');
    await until('the heap to be told', () => told(program, 'heap').length > 0);
    const [collected] = told<InterpreterUsage>(program, 'heap');
    assert.equal(collected.tables, 1);
    assert.ok(collected.heapBytes > 10_000 && collected.heapBytes < heapBytes, `${collected.heapBytes}`);
    assert.equal((await client.submit({ claimId, playerId })).outcome, 'REPLAYED');
  } finally {
    client.close();
    assert.equal(await program.stop(), 0);
  }
});

/** What expired and was removed in all epochs. */
function totals(
  epochs: readonly EpochReport[],
  where: 'own' | 'stored',
): { expired: number; removed: number } {
  const sum = (what: 'expired' | 'removed') => epochs.reduce((total, epoch) => total + epoch[where][what], 0);
  return { expired: sum('expired'), removed: sum('removed') };
}
