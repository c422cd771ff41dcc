/**
 * kill -9 under load, again and again on one folder: whatever was acknowledged is still so, no
 * claim has two winners. CRASH_ROUNDS sets the number of rounds, 20 by default.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import type { ClaimClient, Exchange, Item, Result } from '../support/client.ts';
import { claimdFor, clientFor, temporaryFolder } from '../support/for-test.ts';
import { until } from '../support/waiting.ts';
import { WAYS, type Way } from '../support/ways.ts';

const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? 20);
/** When the kill comes; another seed is another series. */
const SEED = 1_883;
/** Players that contend for the same claims, each by a way of its own. */
const PLAYERS = 4;
/** Claims of one step: small, so that many commits are under way when the kill comes. */
const STEP = 25;
const ENV = { CLAIMS_VALIDATION_WINDOW_MS: '600000', CLAIMS_TABLE_CAPACITY: '1048576' };
const DISCONNECTED = 14;

/** What one claim's players were told; each list is of players. */
interface Told {
  readonly accepted: Set<number>;
  readonly validated: Set<number>;
  readonly taken: Set<number>;
}
type Facts = Map<string, Told>;

test(`${ROUNDS} rounds of kill -9 and restart`, async (t) => {
  const dataFolder = await temporaryFolder(t);
  const delays = fc.sample(fc.integer({ min: 0, max: 450 }), { seed: SEED, numRuns: ROUNDS });
  const facts: Facts = new Map();
  for (const [round, killAfterMs] of delays.entries()) {
    await crash(t, dataFolder, round, killAfterMs, facts);
  }
  const claimd = await claimdFor(t, { dataFolder, env: ENV });
  await checkFacts(clientFor(t, claimd), [...facts]);
  assert.equal(await claimd.stop(), 0);
});

/** One round: checks what the last one was told, loads, kills. Clients see the kill as UNAVAILABLE. */
async function crash(
  t: TestContext,
  dataFolder: string,
  round: number,
  killAfterMs: number,
  facts: Facts,
): Promise<void> {
  const claimd = await claimdFor(t, { dataFolder, env: ENV });
  const checker = clientFor(t, claimd);
  await checkFacts(checker, [...facts].slice(-2_000));
  const before = facts.size;
  const loads = Array.from({ length: PLAYERS }, (_, player) => {
    const client = clientFor(t, claimd);
    const load = player === PLAYERS - 1 ? streamLoad(client.exchange(), round, player, facts) : undefined;
    return (load ?? wayLoad(client, WAYS[player % WAYS.length], round, player, facts)).catch(
      checkDisconnected,
    );
  });
  await until('the first answers', () => facts.size > before);
  await delay(killAfterMs);
  claimd.kill('SIGKILL');
  await claimd.wait();
  await Promise.all(loads);
  checker.close();
}

/** Steps of submit and validate, one after the other, for as long as the server lives. */
async function wayLoad(
  client: ClaimClient,
  way: Way,
  round: number,
  player: number,
  facts: Facts,
): Promise<never> {
  for (let step = 0; ; step++) {
    const items = stepItems(round, step, player);
    note(facts, items, player, await way.submit(client, items), 'accepted');
    note(facts, items, player, await way.validate(client, items.slice(0, STEP / 2)), 'validated');
  }
}

/** Frames of submits and of validates of the step before, several under way. */
async function streamLoad(exchange: Exchange, round: number, player: number, facts: Facts): Promise<never> {
  const lane = async (first: number): Promise<never> => {
    for (let step = first; ; step += 3) {
      const submits = stepItems(round, step, player);
      const validates = submits.slice(0, STEP / 2);
      const reply = await exchange.ask({ frameId: BigInt(step), submits, validates });
      note(facts, submits, player, reply.submits, 'accepted');
      note(facts, validates, player, reply.validates, 'validated');
    }
  };
  return Promise.race([lane(0), lane(1), lane(2)]);
}

/** The claims of a step are the same for every player, in an order of its own. */
function stepItems(round: number, step: number, player: number): Item[] {
  return Array.from({ length: STEP }, (_, n): Item => {
    return { claimId: `${round}-${step}-${(n + player * 7) % STEP}`, playerId: `${player}` };
  });
}

function note(
  facts: Facts,
  items: readonly Item[],
  player: number,
  results: readonly Result[],
  what: 'accepted' | 'validated',
): void {
  for (const [n, { outcome }] of results.entries()) {
    const { claimId } = items[n];
    const told = facts.get(claimId) ?? { accepted: new Set(), validated: new Set(), taken: new Set() };
    facts.set(claimId, told);
    if (outcome === 'ACCEPTED') told[what].add(player);
    else if (outcome === 'TAKEN') told.taken.add(player);
    else assert.equal(outcome, 'UNAVAILABLE', `${what} of ${claimId} by ${player}`);
  }
}

/** Asks the restarted server for every claim, as it is and for each player. */
async function checkFacts(client: ClaimClient, facts: readonly (readonly [string, Told])[]): Promise<void> {
  for (let start = 0; start < facts.length; start += 2_000) {
    const part = facts.slice(start, start + 2_000);
    const answers = await Promise.all(
      Array.from({ length: PLAYERS }, (_, player) =>
        client.batchSubmit(part.map(([claimId]) => ({ claimId, playerId: `${player}` }))),
      ),
    );
    for (const [n, [claimId, told]] of part.entries())
      checkFact(
        claimId,
        told,
        answers.map((all) => all[n]),
      );
  }
}

/** `answers` are those to a submit by each player. */
function checkFact(claimId: string, { accepted, validated, taken }: Told, answers: readonly Result[]): void {
  assert.ok(accepted.size <= 1, `${claimId} was won by ${[...accepted]}`);
  const owners = answers.flatMap(({ outcome }, player) => (outcome === 'TAKEN' ? [] : [player]));
  assert.equal(owners.length, 1, `${claimId} belongs to ${owners}`);
  const [owner] = owners;
  const { outcome, status } = answers[owner];
  for (const player of accepted) assert.equal(player, owner, `${claimId} was ${player}'s, now ${owner}'s`);
  assert.ok(!taken.has(owner), `${claimId} was not ${owner}'s, and is now`);
  // Nobody was told of it where the kill came first; then this submit may have made it.
  if (accepted.size + taken.size > 0) assert.equal(outcome, 'REPLAYED', `${claimId} was lost`);
  for (const player of validated) assert.equal(player, owner, `${claimId} was validated by ${player}`);
  if (validated.size > 0) assert.equal(status, 'VALIDATED', `the validation of ${claimId} was lost`);
}

function checkDisconnected(error: { code?: unknown }): void {
  if (error.code !== DISCONNECTED) throw error;
}
