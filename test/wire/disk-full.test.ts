/**
 * A full disk, and a database at its limit: UNAVAILABLE, nothing acknowledged that is not kept,
 * claims go on to be read, and room is enough to go on without a restart.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/clock/clock.ts';
import { ClaimClient, type Item } from '../support/client.ts';
import { claimdFor, clientFor, temporaryFolder } from '../support/for-test.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { until, untilEpoch } from '../support/waiting.ts';

const MEBIBYTE = 1 << 20;
const LENGTH_MS = 500;
const ENV = {
  CLAIMS_EPOCH_LENGTH_MS: `${LENGTH_MS}`,
  CLAIMS_VALIDATION_WINDOW_MS: '600000',
  CLAIMS_RETENTION_EPOCHS: '1000',
};
/** Claims of one round: submitted, then half of them validated. */
const ROUND = 200;
/** More claims than any of the disks below has room for. */
const ROUNDS_MAX = 400;

/** What was acknowledged, and what was refused. */
interface Facts {
  readonly submitted: Item[];
  readonly validated: Item[];
  readonly refused: Item[];
}

test('a full disk', async (t) => {
  const disk = await SmallDisk.mount(t, 8 * MEBIBYTE);
  const { program, address } = await disk.startClaimd(t, ENV);
  const client = new ClaimClient(address);
  t.after(() => client.close());
  const from = (await client.getEpoch()).epoch;
  await loadRound(client, 'before', newFacts());
  await disk.fillAllBut(MEBIBYTE);

  const facts = newFacts();
  await loadUntilRefused(client, facts);
  assert.ok(facts.submitted.length > 0, 'there was room for some');
  assert.equal((await client.get(facts.submitted[0].claimId)).outcome, 'FOUND');
  // It stays full, and stays up, while epochs pass.
  const untilMs = systemClock.nowMs() + 4 * LENGTH_MS;
  for (let round = 0; systemClock.nowMs() < untilMs; round++) await loadRound(client, `full${round}`, facts);

  await disk.makeRoom();
  await until('recovery', async () => {
    const [{ outcome }] = await client.batchSubmit([facts.refused[0]]);
    assert.match(outcome, /^(ACCEPTED|UNAVAILABLE)$/);
    return outcome === 'ACCEPTED';
  });
  const { submitted } = await loadRound(client, 'after', newFacts());
  assert.equal(submitted.length, ROUND);
  const epoch = Math.floor(systemClock.nowMs() / LENGTH_MS);
  await untilEpoch(client, epoch + 1);
  await checkCounts(client, from, epoch);

  program.kill('SIGKILL');
  await program.wait();
  const again = new ClaimClient((await disk.startClaimd(t, ENV)).address);
  t.after(() => again.close());
  await checkKept(again, facts);
  await checkCounts(again, from, epoch);
});

test('a database at CLAIMS_SQLITE_MAX_BYTES', async (t) => {
  const dataFolder = await temporaryFolder(t);
  const claimd = await claimdFor(t, {
    dataFolder,
    env: { ...ENV, CLAIMS_SQLITE_MAX_BYTES: `${MEBIBYTE}` },
  });
  const client = clientFor(t, claimd);
  const facts = newFacts();
  await loadUntilRefused(client, facts);
  assert.ok(facts.submitted.length > 1_000, `only ${facts.submitted.length} claims in 1 MiB`);
  assert.equal((await client.get(facts.submitted[0].claimId)).outcome, 'FOUND');
  assert.equal(await claimd.stop(), 0);

  const again = clientFor(t, await claimdFor(t, { dataFolder, env: ENV }));
  await checkKept(again, facts);
  const { submitted } = await loadRound(again, 'more', newFacts());
  assert.equal(submitted.length, ROUND);
});

test('a database at its limit goes on when retention has made room', async (t) => {
  const env = {
    ...ENV,
    CLAIMS_SQLITE_MAX_BYTES: `${MEBIBYTE}`,
    CLAIMS_VALIDATION_WINDOW_MS: '500',
    CLAIMS_RETENTION_EPOCHS: '1',
  };
  const client = clientFor(t, await claimdFor(t, { env }));
  await loadUntilRefused(client, newFacts());
  let round = 0;
  await until('room', async () => {
    const { submitted } = await loadRound(client, `room${round++}`, newFacts());
    return submitted.length === ROUND;
  });
});

function newFacts(): Facts {
  return { submitted: [], validated: [], refused: [] };
}

async function loadUntilRefused(client: ClaimClient, facts: Facts): Promise<void> {
  for (let round = 0; facts.refused.length === 0; round++) {
    assert.ok(round < ROUNDS_MAX, `${facts.submitted.length} claims fitted; the limit is not kept`);
    await loadRound(client, `load${round}`, facts);
  }
}

/** Submits and validates once, and notes what was said. */
async function loadRound(client: ClaimClient, name: string, facts: Facts): Promise<Facts> {
  const items = Array.from({ length: ROUND }, (_, n): Item => {
    return { claimId: `${name}-${n}`.padEnd(40, '.'), playerId: 'player'.padEnd(40, '.') };
  });
  const submitted = items.filter(await accepted(client.batchSubmit(items)));
  facts.submitted.push(...submitted);
  facts.refused.push(...items.filter((item) => !submitted.includes(item)));
  const half = submitted.slice(0, submitted.length / 2);
  facts.validated.push(...half.filter(await accepted(client.batchValidate(half))));
  return facts;
}

/** Tells by its place whether an item was ACCEPTED; it must have been UNAVAILABLE, with a reason, if not. */
async function accepted(results: ReturnType<ClaimClient['batchSubmit']>) {
  const outcomes = (await results).map(({ outcome, reason }) => {
    if (outcome !== 'ACCEPTED') assert.equal(outcome, 'UNAVAILABLE');
    assert.equal(reason === '', outcome === 'ACCEPTED');
    return outcome === 'ACCEPTED';
  });
  return (_item: Item, place: number): boolean => outcomes[place];
}

async function checkKept(client: ClaimClient, { submitted, validated }: Facts): Promise<void> {
  const isValidated = new Set(validated.map(({ claimId }) => claimId));
  for (let start = 0; start < submitted.length; start += 4_000) {
    const items = submitted.slice(start, start + 4_000);
    for (const [n, { outcome, status }] of (await client.batchSubmit(items)).entries()) {
      assert.equal(outcome, 'REPLAYED', items[n].claimId);
      if (isValidated.has(items[n].claimId)) assert.equal(status, 'VALIDATED', items[n].claimId);
    }
  }
}

/** Every epoch is told once, and what is pending is what was submitted and has not ended. */
async function checkCounts(client: ClaimClient, from: number, to: number): Promise<void> {
  let next = from;
  let pending = 0;
  for await (const summary of client.watch(from)) {
    assert.equal(summary.epoch, next++);
    pending += summary.submitted - summary.validated - summary.expired;
    assert.equal(summary.pending, pending, `pending in ${summary.epoch}`);
    if (summary.epoch >= to) break;
  }
}
