/** GetEpoch and WatchEpochs: which epochs are told, in what order, and what is refused. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { systemClock } from '../../../src/clock/clock.ts';
import { CONNECTION_MAX_STREAMS, SUMMARY_HISTORY_EPOCHS, WATCHERS_MAX } from '../../../src/limits.ts';
import type { ClaimClient, EpochSummary } from '../../support/client.ts';
import { failsWith, until, untilEpoch } from '../../support/waiting.ts';
import { COUNTED, LENGTH_MS, type SharingSuite } from './suite.ts';

/** The last that ends at or before 2^53 − 1. */
const LAST_EPOCH = Math.floor(Number.MAX_SAFE_INTEGER / LENGTH_MS) - 1;
/** Six histories unread would be 18 MB and their objects; this leaves room for garbage. */
const GROWTH_MAX_BYTES = 64 << 20;
const MAX_INT64 = 2n ** 63n - 1n;

export const epochs: SharingSuite = {
  name: 'epochs',
  isWaiting: true,
  env: COUNTED,
  declare: (service) => {
    let client: ClaimClient;
    /** Of one replica, whose durations and bounds are its own. */
    let one: ClaimClient;
    before(() => {
      client = service().client();
      one = service().clientOf(0);
    });

    describe('GetEpoch', () => {
      test('gives the last complete epoch by default', async () => {
        const earliest = epochNow();
        const summary = await client.getEpoch();
        assert.ok(
          summary.epoch >= earliest - 2 && summary.epoch < epochNow(),
          `${summary.epoch} in ${earliest}`,
        );
        assert.equal(summary.startMs, summary.epoch * LENGTH_MS);
        assert.ok(summary.durationUs >= 0);
      });

      test('gives one that was asked for, the same each time', async () => {
        const last = await one.getEpoch();
        await untilEpoch(client, last.epoch + 3);
        assert.deepEqual(await one.getEpoch(last.epoch), last);
        assert.equal((await client.getEpoch(last.epoch + 1)).epoch, last.epoch + 1);
      });

      test('gives the claims of the epoch in which they were decided', async () => {
        const items = Array.from({ length: 40 }, (_, n) => ({ claimId: `counted-${n}`, playerId: 'p' }));
        const submitted = await client.batchSubmit(items);
        const validated = await client.batchValidate(items.slice(0, 10));
        const lastExpiry = Math.max(...submitted.map(({ expiresAtEpoch }) => expiresAtEpoch));
        await untilEpoch(client, lastExpiry + 1);
        for (let epoch = submitted[0].epoch; epoch <= lastExpiry; epoch++) {
          const summary = await client.getEpoch(epoch);
          assert.equal(summary.submitted, submitted.filter((result) => result.epoch === epoch).length);
          assert.equal(summary.validated, validated.filter((result) => result.epoch === epoch).length);
          const expired = submitted.slice(10).filter(({ expiresAtEpoch }) => expiresAtEpoch === epoch).length;
          assert.equal(summary.expired, expired, `expired in ${epoch}`);
        }
        assert.equal((await client.getEpoch(lastExpiry)).pending, 0);
      });

      test('gives nothing but zeros for epochs before the registry', async () => {
        const epoch = (await client.getEpoch()).epoch - 1_000;
        const { durationUs, ...summary } = await client.getEpoch(epoch);
        assert.equal(durationUs, 0, 'this replica did not live through it');
        const zeros = { submitted: 0, validated: 0, expired: 0, pending: 0 };
        assert.deepEqual(summary, { epoch, startMs: epoch * LENGTH_MS, ...zeros });
      });

      test('refuses those that are not complete: OUT_OF_RANGE', async () => {
        for (const epoch of [epochNow() + 2, epochNow() + 1_000_000, LAST_EPOCH]) {
          await failsWith(client.getEpoch(epoch), status.OUT_OF_RANGE);
        }
      });

      test('refuses those that no time has: INVALID_ARGUMENT', async () => {
        for (const epoch of [LAST_EPOCH + 1, Number.MAX_SAFE_INTEGER, 2n ** 53n, MAX_INT64]) {
          const { details } = await failsWith(client.getEpoch(epoch), status.INVALID_ARGUMENT);
          assert.match(details, /epoch/);
        }
      });

      test('refuses those no longer kept: OUT_OF_RANGE, with the oldest that is', async () => {
        for (const epoch of [0, 1, epochNow() - SUMMARY_HISTORY_EPOCHS - 10]) {
          const { details } = await failsWith(client.getEpoch(epoch), status.OUT_OF_RANGE);
          const oldest = Number(/\d{6,}/.exec(details.replace(String(epoch), ''))?.[0]);
          assert.ok(Math.abs(epochNow() - SUMMARY_HISTORY_EPOCHS - oldest) < 20, details);
        }
      });

      test('refuses negative ones: INVALID_ARGUMENT', async () => {
        for (const epoch of [-1, -1_000_000, -MAX_INT64 - 1n]) {
          const { details } = await failsWith(client.getEpoch(epoch), status.INVALID_ARGUMENT);
          assert.match(details, /epoch/);
        }
      });
    });

    describe('WatchEpochs', () => {
      test('runs from the past through the live ones, without gap or double', async () => {
        const from = (await client.getEpoch()).epoch - 600;
        const seen = await take(client.watch(from), 600 + 6);
        checkConsecutive(seen, from);
        const live = seen.slice(-6);
        await untilEpoch(client, live[5].epoch + 1);
        for (const summary of live) {
          assert.deepEqual(shared(await client.getEpoch(summary.epoch)), shared(summary));
        }
      });

      test('begins with the next to complete by default', async () => {
        const { epoch } = await client.getEpoch();
        await untilEpoch(client, epoch + 1);
        const seen = await take(client.watch(), 3);
        checkConsecutive(seen, seen[0].epoch);
        assert.ok(seen[0].epoch > epoch && seen[0].epoch <= epoch + 3, `${seen[0].epoch} after ${epoch}`);
      });

      test('waits for an epoch to come', async () => {
        const { epoch } = await client.getEpoch();
        checkConsecutive(await take(client.watch(epoch + 4), 2), epoch + 4);
      });

      test('tells several watchers the same, whenever they joined', async () => {
        const { epoch } = await client.getEpoch();
        const until = epoch + 5;
        const watchers = [epoch - 20, epoch - 3, epoch, epoch + 1].map(async (from) => {
          const seen = await take(client.watch(from), until - from);
          checkConsecutive(seen, from);
          return seen.filter((summary) => summary.epoch > epoch).map(shared);
        });
        const [first, ...others] = await Promise.all(watchers);
        for (const other of others) assert.deepEqual(other, first);
      });

      test('waits for a reader that stalls over the whole history, and leaves nothing out', async () => {
        const { epoch: last } = await client.getEpoch();
        const from = last - SUMMARY_HISTORY_EPOCHS + 200;
        const before = await service().residentBytes();
        const watches = Array.from({ length: 6 }, () => client.watch(from));
        // grpc-js reads without bound until the first message has been asked for.
        for (const watch of watches) await watch.next();
        await untilEpoch(client, last + 4);
        const growth = (await service().residentBytes()) - before;
        assert.ok(growth < GROWTH_MAX_BYTES, `RSS grew by ${growth} bytes for watchers that do not read`);
        const [slow, ...rest] = watches;
        for (const watch of rest) await watch.return(undefined);
        let next = from + 1;
        for await (const { epoch } of slow) {
          assert.equal(epoch, next++);
          if (next > last + 6) break;
        }
        assert.equal(next, last + 7);
      });

      test('refuses what GetEpoch refuses', async () => {
        await failsWith(take(client.watch(-1), 1), status.INVALID_ARGUMENT);
        await failsWith(take(client.watch(-MAX_INT64), 1), status.INVALID_ARGUMENT);
        await failsWith(take(client.watch(0), 1), status.OUT_OF_RANGE);
      });

      test('refuses more watchers than it can have, and takes one again when another has left', async (t) => {
        // As many connections as so many streams need.
        const crowd = Array.from({ length: WATCHERS_MAX / CONNECTION_MAX_STREAMS }, () =>
          service().clientOf(0),
        );
        t.after(() => {
          for (const client of crowd) client.close();
        });
        const { epoch } = await one.getEpoch();
        const watches = Array.from({ length: WATCHERS_MAX }, (_, n) => crowd[n % crowd.length].watch(epoch));
        for (const { value } of await Promise.all(watches.map((watch) => watch.next()))) {
          assert.equal(value?.epoch, epoch);
        }
        await failsWith(take(one.watch(epoch), 1), status.RESOURCE_EXHAUSTED);
        await watches[0].return(undefined);
        await until('room for one', () => take(one.watch(epoch), 1).then(() => true, isFull));
      });
    });
  },
};

async function take(summaries: AsyncIterable<EpochSummary>, count: number): Promise<EpochSummary[]> {
  const taken: EpochSummary[] = [];
  for await (const summary of summaries) {
    taken.push(summary);
    if (taken.length === count) break;
  }
  return taken;
}

/** What every replica says of an epoch: all but how long it took there. */
function shared({ durationUs: _own, ...summary }: EpochSummary): Omit<EpochSummary, 'durationUs'> {
  return summary;
}

function isFull(error: { code?: unknown }): false {
  if (error.code !== status.RESOURCE_EXHAUSTED) throw error;
  return false;
}

function checkConsecutive(seen: readonly EpochSummary[], from: number): void {
  assert.deepEqual(
    seen.map(({ epoch }) => epoch),
    seen.map((_, n) => from + n),
  );
  for (const { epoch, startMs } of seen) assert.equal(startMs, epoch * LENGTH_MS);
}

function epochNow(): number {
  return Math.floor(systemClock.nowMs() / LENGTH_MS);
}
