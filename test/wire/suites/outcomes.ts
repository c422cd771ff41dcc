/** Every row of the contract's table of outcomes, by unary call, batch and stream alike. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { systemClock } from '../../../src/clock/clock.ts';
import type { ClaimClient, Item, Result } from '../../support/client.ts';
import { until, untilEpoch } from '../../support/waiting.ts';
import { WAYS, type Way } from '../../support/ways.ts';
import type { SharingSuite } from './suite.ts';

const LENGTH_MS = 500;
/** Long beside the few calls that a test makes of a pending claim. */
const WINDOW_MS = 3_500;
/** Longer than the window, so that a claim validated at once outlives its expiry epoch. */
const RETENTION_EPOCHS = 10;
/** So long after a time that is overdue already, calls may still name it. */
const SKEW_MS = 8_000;

export const outcomes: SharingSuite = {
  name: 'outcomes',
  isWaiting: true,
  env: {
    CLAIMS_EPOCH_LENGTH_MS: `${LENGTH_MS}`,
    CLAIMS_VALIDATION_WINDOW_MS: `${WINDOW_MS}`,
    CLAIMS_RETENTION_EPOCHS: `${RETENTION_EPOCHS}`,
    CLAIMS_MAX_CLOCK_SKEW_MS: `${SKEW_MS}`,
  },
  declare: (service) => {
    let client: ClaimClient;
    before(() => {
      client = service().client();
    });

    // At the same time: most of their time they wait for epochs.
    describe('every row', { concurrency: true }, () => {
      for (const way of WAYS) {
        describe(`by ${way.name}`, { concurrency: true }, () => {
          const submit = (item: Item): Promise<Result> => only(way.submit(client, [item]));
          const validate = (item: Item): Promise<Result> => only(way.validate(client, [item]));
          const named = (name: string): Item => ({ claimId: `${name}-${way.name}`, playerId: 'owner' });

          test('submit of a new id: ACCEPTED, PENDING, the claim and its epochs', async () => {
            const item = named('new');
            const earliest = systemClock.nowMs();
            const result = await submit(item);
            const latest = systemClock.nowMs();
            assert.equal(result.outcome, 'ACCEPTED');
            assert.equal(result.status, 'PENDING');
            assert.equal(result.reason, '');
            const { timestampMs, ...claim } = claimOf(result);
            assert.deepEqual(claim, { claimId: item.claimId, playerId: 'owner', status: 'PENDING' });
            assert.ok(timestampMs >= earliest && timestampMs <= latest, 'server time where absent');
            assert.equal(result.expiresAtEpoch, expiry(timestampMs));
            assert.ok(Math.abs(result.epoch - Math.floor(earliest / LENGTH_MS)) <= 1);
          });

          test('expires_at_epoch is ceil((timestamp + window) / length), to the millisecond', async () => {
            const boundary = Math.floor(systemClock.nowMs() / LENGTH_MS) * LENGTH_MS;
            for (const timestampMs of [boundary - 1, boundary, boundary + 1, boundary + LENGTH_MS - 1]) {
              const result = await submit({ ...named(`at${timestampMs}`), timestampMs });
              assert.equal(claimOf(result).timestampMs, timestampMs);
              assert.equal(result.expiresAtEpoch, Math.ceil((timestampMs + WINDOW_MS) / LENGTH_MS));
            }
          });

          test('submit of a new id that is overdue already: ACCEPTED, EXPIRED, and so it stays', async () => {
            const timestampMs = systemClock.nowMs() - WINDOW_MS - 2 * LENGTH_MS - 1;
            const item = { ...named('overdue'), timestampMs };
            const result = await submit(item);
            assert.deepEqual([result.outcome, result.status], ['ACCEPTED', 'EXPIRED']);
            assert.equal(claimOf(result).status, 'EXPIRED');
            assert.ok(result.expiresAtEpoch <= result.epoch);
            assert.deepEqual(outcome(await validate(item)), ['EXPIRED', 'EXPIRED']);
            assert.deepEqual(outcome(await submit(item)), ['REPLAYED', 'EXPIRED']);
            assert.deepEqual(outcome(await submit({ ...item, playerId: 'thief' })), ['TAKEN', 'UNSPECIFIED']);
            assert.deepEqual(outcome(await client.get(item.claimId)), ['FOUND', 'EXPIRED']);
          });

          test('submit again by its player: REPLAYED with the first timestamp, whatever the second', async () => {
            const timestampMs = systemClock.nowMs() - 100;
            const item = { ...named('replay'), timestampMs };
            await submit(item);
            for (const second of [timestampMs, timestampMs - 1_000, timestampMs + 1_000, undefined]) {
              const again = second === undefined ? named('replay') : { ...item, timestampMs: second };
              const result = await submit(again);
              assert.deepEqual(outcome(result), ['REPLAYED', 'PENDING']);
              assert.equal(claimOf(result).timestampMs, timestampMs);
              assert.equal(result.expiresAtEpoch, expiry(timestampMs));
            }
            await validate(item);
            assert.deepEqual(outcome(await submit(item)), ['REPLAYED', 'VALIDATED']);
            assert.equal(claimOf(await client.get(item.claimId)).timestampMs, timestampMs);
          });

          test("another player's: TAKEN by submit and validate in every status, the owner never told", async () => {
            const item = named('taken');
            const thief = { ...item, playerId: 'thief' };
            await submit(item);
            const seen = [await submit(thief), await validate(thief)];
            await validate(item);
            seen.push(await submit(thief), await validate(thief));
            for (const result of seen) {
              assert.deepEqual(outcome(result), ['TAKEN', 'UNSPECIFIED']);
              assert.equal(result.claim, undefined);
              assert.equal(result.expiresAtEpoch, 0, "when another's claim ends is its owner's business");
              assert.doesNotMatch(JSON.stringify(result), /owner/);
            }
            assert.equal(claimOf(await client.get(item.claimId)).playerId, 'owner');
          });

          test('validate: ACCEPTED once, then REPLAYED, VALIDATED for good', async () => {
            const item = named('validate');
            const { timestampMs } = claimOf(await submit(item));
            const first = await validate(item);
            assert.deepEqual(outcome(first), ['ACCEPTED', 'VALIDATED']);
            assert.deepEqual(claimOf(first), { ...named('validate'), timestampMs, status: 'VALIDATED' });
            assert.ok(first.epoch < first.expiresAtEpoch);
            assert.deepEqual(outcome(await validate(item)), ['REPLAYED', 'VALIDATED']);
            const found = await client.get(item.claimId);
            assert.deepEqual(outcome(found), ['FOUND', 'VALIDATED']);
            assert.deepEqual(claimOf(found), claimOf(first));
            assert.equal(found.expiresAtEpoch, first.expiresAtEpoch);
          });

          test('validate of an expired claim: EXPIRED, for its player; validated ones do not expire', async () => {
            const [left, done] = [named('left'), named('done')];
            const { expiresAtEpoch } = await submit(left);
            const other = await submit(done);
            await validate(done);
            await untilEpoch(client, Math.max(expiresAtEpoch, other.expiresAtEpoch));
            const result = await validate(left);
            assert.deepEqual(outcome(result), ['EXPIRED', 'EXPIRED']);
            assert.equal(claimOf(result).playerId, 'owner');
            assert.deepEqual(outcome(await submit(left)), ['REPLAYED', 'EXPIRED']);
            assert.deepEqual(outcome(await validate({ ...left, playerId: 'thief' })), [
              'TAKEN',
              'UNSPECIFIED',
            ]);
            assert.deepEqual(outcome(await client.get(left.claimId)), ['FOUND', 'EXPIRED']);
            assert.deepEqual(outcome(await validate(done)), ['REPLAYED', 'VALIDATED']);
          });

          test('unknown: NOT_FOUND, without a claim', async () => {
            for (const result of [await validate(named('unknown')), await client.get('unknown')]) {
              assert.deepEqual(outcome(result), ['NOT_FOUND', 'UNSPECIFIED']);
              assert.equal(result.claim, undefined);
            }
          });

          test('malformed: INVALID with the field and why, no claim made', async () => {
            for (const [item, field] of [
              [{ claimId: '', playerId: 'p' }, /claim_id/],
              [{ claimId: `${way.name}\n`, playerId: 'p' }, /claim_id/],
              [{ claimId: `malformed-${way.name}`, playerId: 'p'.repeat(65) }, /player_id/],
              [{ ...named('malformed'), timestampMs: -1 }, /timestamp_ms/],
            ] as const) {
              const result = await submit(item);
              assert.deepEqual(outcome(result), ['INVALID', 'UNSPECIFIED']);
              assert.match(result.reason, field);
              assert.equal(result.claim, undefined);
            }
            assert.match((await validate({ claimId: '', playerId: 'p' })).reason, /claim_id/);
            assert.match((await client.get('')).reason, /claim_id/);
            assert.equal((await client.get(`malformed-${way.name}`)).outcome, 'NOT_FOUND');
          });

          test('every answer agrees with its epoch: expiry, and the end of retention', async () => {
            const [validated, expired] = [named('kept-validated'), named('kept-expired')];
            const { expiresAtEpoch } = await submit(expired);
            await submit(validated);
            const { epoch: endEpoch } = await validate(validated);
            await Promise.all([
              followUntilForgotten(client, way, validated, endEpoch + RETENTION_EPOCHS, () => 'VALIDATED'),
              followUntilForgotten(client, way, expired, expiresAtEpoch + RETENTION_EPOCHS, (epoch) =>
                epoch < expiresAtEpoch ? 'PENDING' : 'EXPIRED',
              ),
            ]);
            for (const item of [validated, expired]) {
              assert.equal((await validate(item)).outcome, 'NOT_FOUND');
              const anew = await submit({ ...item, playerId: 'heir' });
              assert.deepEqual(outcome(anew), ['ACCEPTED', 'PENDING'], 'past retention an id is new');
              assert.equal(claimOf(await client.get(item.claimId)).playerId, 'heir');
            }
          });
        });
      }
    });

    test('one claim, one story: what unary decides batch and stream know', async () => {
      const items = Array.from(
        { length: 30 },
        (_, n): Item => ({ claimId: `mixed-${n}`, playerId: `p${n}` }),
      );
      for (const [n, first] of WAYS.entries()) {
        const mine = items.filter((_, index) => index % WAYS.length === n);
        assert.ok((await first.submit(client, mine)).every(({ outcome }) => outcome === 'ACCEPTED'));
        for (const other of WAYS) {
          assert.ok((await other.submit(client, mine)).every(({ outcome }) => outcome === 'REPLAYED'));
        }
        const [second] = WAYS.slice((n + 1) % WAYS.length);
        assert.ok((await second.validate(client, mine)).every(({ outcome }) => outcome === 'ACCEPTED'));
        assert.ok((await first.validate(client, mine)).every(({ outcome }) => outcome === 'REPLAYED'));
      }
    });
  },
};

/**
 * Reads a claim again and again, by GetClaim and by a replayed submit, until it is past retention;
 * each answer must be the one that its own epoch demands.
 */
async function followUntilForgotten(
  client: ClaimClient,
  way: Way,
  item: Item,
  lastEpoch: number,
  statusIn: (epoch: number) => string,
): Promise<void> {
  const check = (result: Result): boolean => {
    if (result.outcome === 'NOT_FOUND') {
      assert.ok(result.epoch > lastEpoch, `forgotten in ${result.epoch}, to be kept through ${lastEpoch}`);
      return true;
    }
    assert.ok(result.epoch <= lastEpoch, `${result.outcome} in ${result.epoch}, past ${lastEpoch}`);
    assert.equal(result.status, statusIn(result.epoch), `in epoch ${result.epoch}`);
    return false;
  };
  await until('the end of retention', async () => {
    const found = await client.get(item.claimId);
    // A submit past retention would make a new claim, so replays stop an epoch before.
    if (found.epoch < lastEpoch - 1) check(await only(way.submit(client, [item])));
    return check(found);
  });
}

async function only(results: Promise<readonly Result[]>): Promise<Result> {
  const all = await results;
  assert.equal(all.length, 1);
  return all[0];
}

function outcome(result: Result): [string, string] {
  return [result.outcome, result.status];
}

function claimOf(result: Result): NonNullable<Result['claim']> {
  assert.ok(result.claim !== undefined, `${result.outcome} without a claim`);
  return result.claim;
}

function expiry(timestampMs: number): number {
  return Math.ceil((timestampMs + WINDOW_MS) / LENGTH_MS);
}
