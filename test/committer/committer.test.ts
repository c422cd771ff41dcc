/** Group commit: what is gathered, when it is given to the store, and what becomes of it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClaimOperation, ClaimStatus, Outcome, UnavailableReason } from '../../src/domain/claim.ts';
import { ClockAhead, StoreUnavailable } from '../../src/domain/errors.ts';
import { EntryStep } from '../../src/entries/entry-table.ts';
import { EXPIRIES_BESIDE_CALLS } from '../../src/limits.ts';
import { CommitterBench as Bench, EPOCH, range } from './committer-bench.ts';

test('nothing to commit asks nothing', async () => {
  const bench = new Bench(10);
  bench.committer.pump();
  await bench.committer.settled();
  assert.deepEqual([bench.asked.length, bench.committer.waitingCount], [0, 0]);
});

test('while one commit is in flight the next batch gathers, in order of arrival', async () => {
  const bench = new Bench(10);
  bench.queue(ClaimOperation.SUBMIT, 7);
  bench.committer.pump();
  assert.deepEqual(bench.asked[0].entries, [7], 'a lone claim does not wait for others');
  assert.equal(bench.asked[0].epoch, EPOCH);
  bench.queue(ClaimOperation.SUBMIT, 5, 3);
  bench.committer.pump();
  bench.queue(ClaimOperation.VALIDATE, 4);
  bench.committer.pump();
  assert.equal(bench.asked.length, 1, 'one at a time');
  assert.equal(bench.committer.waitingCount, 3);

  await bench.asked[0].confirm();
  bench.committer.pump();
  assert.deepEqual(bench.asked[1].entries, [5, 3, 4]);
  assert.equal(bench.committer.waitingCount, 0);
});

for (const confirmed of [true, false]) {
  test(`segments need not wake it while a commit is in flight, which is ${confirmed ? '' : 'not '}confirmed`, async () => {
    const bench = new Bench(10);
    const { commitWaiting, wakeCommitterAt } = bench.memory;
    assert.equal(wakeCommitterAt[0], 1);
    bench.queue(ClaimOperation.SUBMIT, 7);
    bench.committer.pump();
    assert.ok(wakeCommitterAt[0] > bench.memory.entries.capacity);
    assert.equal(commitWaiting[0], 0);
    if (confirmed) await bench.asked[0].confirm();
    else await bench.asked[0].refuse(new StoreUnavailable('away'));
    assert.deepEqual(
      [wakeCommitterAt[0], bench.events.length],
      [1, 1],
      'before its events, which look again',
    );
  });
}

describe('a store that takes two commits at once', () => {
  const two = () => new Bench(10, 0, 2);

  test('is given a second where it is full, and no third', async () => {
    const bench = two();
    bench.queue(ClaimOperation.SUBMIT, ...range(0, 9));
    bench.committer.pump();
    bench.queue(ClaimOperation.SUBMIT, ...range(9, 9));
    bench.committer.pump();
    assert.equal(bench.asked.length, 1, 'nine are not full');
    bench.queue(ClaimOperation.SUBMIT, ...range(18, 12));
    bench.committer.pump();
    assert.deepEqual(bench.asked[1].entries, range(9, 10));
    assert.equal(bench.asked.length, 2);
    await bench.asked[1].confirm();
    bench.committer.pump();
    assert.deepEqual(bench.asked[2].entries, range(19, 10), 'whichever place comes free');
    await bench.asked[0].confirm();
    bench.committer.pump();
    assert.equal(bench.asked.length, 3, 'one that is left waits beside another');
    await bench.asked[2].confirm();
    bench.committer.pump();
    assert.deepEqual(bench.asked[3].entries, [29]);
    assert.equal(bench.memory.commitWaiting[0], 0);
  });

  test('answers each commit by itself: what fails of one is no matter of the other', async () => {
    const bench = two();
    bench.queue(ClaimOperation.SUBMIT, ...range(0, 20));
    bench.committer.pump();
    await bench.asked[1].confirm();
    assert.deepEqual(bench.home().sort(), range(10, 10).sort());
    await bench.asked[0].refuse(new StoreUnavailable('away'));
    assert.deepEqual(bench.home().sort(), range(0, 10).sort());
    const { outcome } = bench.memory.entries;
    assert.ok(range(0, 10).every((entry) => outcome[entry] === Outcome.UNAVAILABLE));
    assert.ok(range(10, 10).every((entry) => outcome[entry] !== Outcome.UNAVAILABLE));
    assert.deepEqual(bench.events, [`committed in ${EPOCH}`, 'failed: away']);
  });

  test('where both fail after long, only calls that had come before they were begun fail with them', async () => {
    const bench = two();
    bench.queue(ClaimOperation.SUBMIT, ...range(0, 25));
    bench.committer.pump();
    bench.queue(ClaimOperation.SUBMIT, ...range(30, 9));
    bench.committer.pump();
    bench.clock.step(500);
    await bench.asked[0].refuse(new StoreUnavailable('no answer'));
    assert.deepEqual(bench.home().sort(), [...range(0, 10), ...range(20, 5)].sort());
    await bench.asked[1].refuse(new StoreUnavailable('no answer'));
    assert.deepEqual(bench.home().sort(), range(10, 10).sort());
    bench.committer.pump();
    assert.deepEqual(bench.asked[2].entries, range(30, 9), 'what came later has its turn');
    assert.equal(bench.memory.commitWaiting[0], 0);
  });

  test('overdue claims fill no second one', () => {
    const bench = two();
    bench.queue(ClaimOperation.SUBMIT, 0);
    bench.committer.pump();
    bench.queue(ClaimOperation.EXPIRE, ...range(0, 20).map((n) => bench.expiryEntry(n)));
    bench.committer.pump();
    assert.equal(bench.asked.length, 1);
  });

  test('segments wake the committer for a full batch only, and not at all for a third', async () => {
    const bench = two();
    const { wakeCommitterAt } = bench.memory;
    const wakes = [wakeCommitterAt[0]];
    for (const entries of [[0], range(1, 10)]) {
      bench.queue(ClaimOperation.SUBMIT, ...entries);
      bench.committer.pump();
      wakes.push(wakeCommitterAt[0]);
    }
    await bench.asked[0].confirm();
    wakes.push(wakeCommitterAt[0]);
    await bench.asked[1].confirm();
    wakes.push(wakeCommitterAt[0]);
    assert.deepEqual(wakes, [1, 10, 0x7fff_ffff, 10, 1]);
  });

  test('stops only when both are settled and nothing waits', async () => {
    const bench = two();
    bench.queue(ClaimOperation.SUBMIT, ...range(0, 21));
    bench.committer.pump();
    let settled = false;
    const stopping = bench.committer.settled().then(() => {
      settled = true;
    });
    await bench.asked[0].confirm();
    await bench.asked[1].confirm();
    assert.deepEqual([settled, bench.asked.length], [false, 3]);
    await bench.asked[2].confirm();
    await stopping;
  });
});

test('a batch is bounded, and the rest comes next', async () => {
  const bench = new Bench(10);
  bench.queue(ClaimOperation.SUBMIT, ...range(0, 25));
  bench.committer.pump();
  for (const from of [0, 10, 20]) {
    const last = bench.asked[bench.asked.length - 1];
    assert.deepEqual(last.entries, range(from, Math.min(10, 25 - from)));
    await last.confirm();
    bench.committer.pump();
  }
  assert.equal(bench.asked.length, 3);
});

test('calls go home to be answered, once, and the registry’s epoch is told after that', async () => {
  const bench = new Bench(10);
  bench.queue(ClaimOperation.SUBMIT, 2, 1);
  bench.committer.pump();
  assert.deepEqual(bench.home(), [], 'not before the store has confirmed');
  assert.equal(bench.memory.entries.holder[2], 0, 'no worker has it in hand any more');
  await bench.asked[0].confirm(EPOCH + 3);
  assert.deepEqual(bench.events, [`committed in ${EPOCH + 3}`]);
  assert.deepEqual(bench.home(), [2, 1]);
  assert.deepEqual(bench.fed, []);
});

test('expiries go straight back to their segment to be learned', async () => {
  const bench = new Bench(10);
  const expiry = bench.expiryEntry(0);
  bench.queue(ClaimOperation.EXPIRE, expiry);
  bench.committer.pump();
  const { flushes } = bench;
  await bench.asked[0].confirm();
  assert.deepEqual(bench.fed, [expiry]);
  assert.equal(bench.memory.entries.step[expiry], EntryStep.LEARN);
  assert.ok(bench.flushes > flushes);
  assert.deepEqual(bench.home(), []);
});

test('calls go first; of expiries so many go with them that they hold up no call', async () => {
  const bench = new Bench(200);
  const expiries = range(bench.expiryEntry(0), 2 * EXPIRIES_BESIDE_CALLS + 20);
  bench.queue(ClaimOperation.EXPIRE, ...expiries);
  bench.queue(ClaimOperation.SUBMIT, 0, 1, 2);
  bench.committer.pump();
  assert.deepEqual(bench.asked[0].entries, [0, 1, 2, ...expiries.slice(0, EXPIRIES_BESIDE_CALLS)]);
  await bench.asked[0].confirm();
  bench.committer.pump();
  assert.deepEqual(bench.asked[1].entries, expiries.slice(EXPIRIES_BESIDE_CALLS));
});

test('a load that fills every batch leaves some places to expiries', async () => {
  const bench = new Bench(16);
  bench.queue(ClaimOperation.EXPIRE, ...range(bench.expiryEntry(0), 20));
  bench.queue(ClaimOperation.GET, ...range(0, 100));
  bench.committer.pump();
  assert.deepEqual(bench.asked[0].entries, [...range(0, 14), ...range(bench.expiryEntry(0), 2)]);
});

test('expiries fill what calls leave of a small batch, and a whole one where there are no calls', async () => {
  const bench = new Bench(10);
  const expiries = range(bench.expiryEntry(0), 20);
  bench.queue(ClaimOperation.EXPIRE, ...expiries);
  bench.queue(ClaimOperation.GET, ...range(0, 8));
  bench.committer.pump();
  assert.deepEqual(bench.asked[0].entries, [...range(0, 8), ...expiries.slice(0, 2)]);
  await bench.asked[0].confirm();
  bench.committer.pump();
  assert.deepEqual(bench.asked[1].entries, expiries.slice(2, 12));
});

const REFUSALS = [
  { error: new StoreUnavailable('disk full'), reason: UnavailableReason.STORE_FAILED },
  { error: new ClockAhead('too early'), reason: UnavailableReason.CLOCK_AHEAD },
  { error: new Error('a fault of the store'), reason: UnavailableReason.STORE_FAILED },
];
for (const { error, reason } of REFUSALS) {
  test(`a batch that rejects with ${error.constructor.name} is UNAVAILABLE for each, and only for it`, async () => {
    const bench = new Bench(3);
    const expiry = bench.expiryEntry(0);
    const { entries } = bench.memory;
    entries.status.fill(ClaimStatus.VALIDATED);
    bench.queue(ClaimOperation.SUBMIT, 0, 1);
    bench.queue(ClaimOperation.EXPIRE, expiry);
    bench.committer.pump();
    bench.queue(ClaimOperation.SUBMIT, 2);
    await bench.asked[0].refuse(error);
    for (const entry of [0, 1, expiry]) {
      assert.deepEqual(
        [entries.outcome[entry], entries.status[entry], entries.reason[entry], entries.fromStore[entry]],
        [Outcome.UNAVAILABLE, ClaimStatus.UNSPECIFIED, reason, 1],
      );
    }
    assert.deepEqual(bench.home(), [0, 1], 'each is answered');
    assert.deepEqual(bench.fed, [expiry], 'the segment hears of it');
    assert.deepEqual(bench.events, [`failed: ${error.message}`]);

    bench.committer.pump();
    assert.deepEqual(bench.asked[1].entries, [2], 'the next batch goes to the store as before');
    await bench.asked[1].confirm();
    assert.deepEqual(bench.events[1], `committed in ${EPOCH}`);
  });
}

test('a commit that fails after long takes with it the calls that waited behind it', async () => {
  const bench = new Bench(3);
  const { entries } = bench.memory;
  bench.queue(ClaimOperation.SUBMIT, ...range(0, 10));
  bench.committer.pump();
  bench.queue(ClaimOperation.SUBMIT, 20);
  bench.committer.pump();
  bench.clock.step(500);
  await bench.asked[0].refuse(new StoreUnavailable('no answer'));
  assert.deepEqual(bench.home(), range(0, 10), 'each is answered');
  for (const entry of range(0, 10)) assert.equal(entries.outcome[entry], Outcome.UNAVAILABLE);
  bench.committer.pump();
  assert.deepEqual(bench.asked[1].entries, [20], 'what came later has its turn');
});

test('a commit that fails at once takes nobody with it', async () => {
  const bench = new Bench(3);
  bench.queue(ClaimOperation.SUBMIT, ...range(0, 5));
  bench.committer.pump();
  bench.clock.step(499);
  await bench.asked[0].refuse(new StoreUnavailable('disk full'));
  assert.deepEqual(bench.home(), [0, 1, 2]);
  bench.committer.pump();
  assert.deepEqual(bench.asked[1].entries, [3, 4]);
});

test('settled waits for what is in flight', async () => {
  const bench = new Bench(10);
  bench.queue(ClaimOperation.SUBMIT, 0);
  bench.committer.pump();
  let settled = false;
  const waiting = bench.committer.settled().then(() => {
    settled = true;
  });
  await new Promise((next) => {
    setImmediate(next);
  });
  assert.equal(settled, false);
  await bench.asked[0].confirm();
  await waiting;
  assert.equal(settled, true);
});

const INTERVAL_MS = 2;

/** A bench whose last commit, of `count` claims, was begun just now and is confirmed. */
async function justCommitted(count: number): Promise<Bench> {
  const bench = new Bench(100, INTERVAL_MS);
  bench.queue(ClaimOperation.SUBMIT, ...range(0, count));
  bench.committer.pump();
  await bench.asked[0].confirm();
  return bench;
}

test('small commits keep their interval, and what came meanwhile is one batch', async () => {
  const bench = await justCommitted(4);
  bench.queue(ClaimOperation.SUBMIT, 10);
  bench.committer.pump();
  bench.clock.step(1);
  bench.queue(ClaimOperation.SUBMIT, 11, 12);
  bench.committer.pump();
  assert.equal(bench.asked.length, 1, 'not yet');
  bench.clock.step(1);
  assert.deepEqual(bench.asked[1].entries, [10, 11, 12]);
  await bench.asked[1].confirm();
  bench.clock.step(10);
  assert.equal(bench.asked.length, 2, 'nothing waits, nothing is begun');
});

test('the interval is counted from the begin of the last commit', async () => {
  const bench = await justCommitted(4);
  bench.clock.step(INTERVAL_MS);
  bench.queue(ClaimOperation.SUBMIT, 10);
  bench.committer.pump();
  assert.deepEqual(bench.asked[1].entries, [10]);
});

test('few callers are not held up: they may all wait for their answers', async () => {
  const bench = await justCommitted(3);
  bench.queue(ClaimOperation.SUBMIT, 10);
  bench.committer.pump();
  assert.deepEqual(bench.asked[1].entries, [10]);
});

test('nor are claims enough for a commit of their own, and the timer then is for nothing', async () => {
  const bench = await justCommitted(4);
  bench.queue(ClaimOperation.SUBMIT, ...range(10, 31));
  bench.committer.pump();
  assert.equal(bench.asked.length, 1);
  bench.queue(ClaimOperation.SUBMIT, 41);
  bench.committer.pump();
  assert.deepEqual(bench.asked[1].entries, range(10, 32));
  await bench.asked[1].confirm();
  bench.clock.step(INTERVAL_MS);
  assert.equal(bench.asked.length, 2);
});

test('settling commits what waits without the interval', async () => {
  const bench = await justCommitted(4);
  bench.queue(ClaimOperation.SUBMIT, 10);
  bench.committer.pump();
  const settled = bench.committer.settled();
  assert.deepEqual(bench.asked[1].entries, [10]);
  await bench.asked[1].confirm();
  await settled;
  assert.equal(bench.committer.waitingCount, 0);
});
