/** The measuring harness against the echo server: what it counts, never how fast it is. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type LoadSpec, measure, requireOutcomes } from '../../loadtest/measure/measure.ts';
import { echoServer, type MeasuredServer } from '../../loadtest/measure/servers.ts';
import type { LatencyPeriod } from '../../loadtest/measure/timeline.ts';

const ITEMS = 20;
let server: MeasuredServer;

before(async () => {
  server = await echoServer('echo', { batchItems: ITEMS }).start();
});
after(() => server.stop());

async function countedCalls(load: LoadSpec): Promise<void> {
  const { load: result, cpuUsPerCall, rssMb } = await measure(server, { seconds: 20, calls: 300, ...load });
  const claims = load.items === undefined ? 300 : 300 * load.items;
  assert.deepEqual(result.statuses, { OK: 300 });
  assert.deepEqual(result.outcomes, { ACCEPTED: claims });
  assert.equal(result.callsMeasured, 300);
  assert.equal(result.latency.count, 300);
  assert.ok(result.seconds < 20, 'it waited although every call had ended');
  assert.ok(cpuUsPerCall >= 0 && rssMb > 10);
  requireOutcomes(result, ['ACCEPTED']);
}

test('a closed loop makes exactly the calls it is asked for, over several connections', async () => {
  await countedCalls({ workload: 'submit', outstanding: 10, connections: 3 });
});

test('so does an open loop', async () => {
  await countedCalls({ workload: 'mixed', rate: 1000, outstanding: 300, connections: 2, lag: 10 });
});

test('the results of a batch are all counted', async () => {
  await countedCalls({ workload: 'batch-submit', items: ITEMS, outstanding: 4, connections: 2 });
});

test('frames of a stream are answered each by its id, and the streams end', async () => {
  const { load } = await measure(server, {
    stream: true,
    items: ITEMS,
    outstanding: 6,
    connections: 2,
    seconds: 0.2,
  });
  assert.ok(load.callsMeasured > 6);
  assert.deepEqual(load.statuses, { OK: load.calls });
  assert.deepEqual(load.outcomes, { ACCEPTED: load.calls * ITEMS });
  assert.equal(load.unanswered, 0);
});

test('frames by a schedule: as many as were due, and those without a place are counted', async () => {
  const stream = { stream: true, items: ITEMS, connections: 2, seconds: 0.4 };
  const { load } = await measure(server, { ...stream, rate: 100, outstanding: 20 });
  // A closed loop would have made thousands.
  assert.ok(load.callsMeasured > 10 && load.calls <= 50, `${load.calls} frames`);
  assert.deepEqual([load.statuses, load.skipped], [{ OK: load.calls }, 0]);
  const { load: crowded } = await measure(server, { ...stream, rate: 100_000, outstanding: 2 });
  assert.ok(crowded.skipped > 0);
});

test('a load that is not answered well is refused with what came of it', async () => {
  const { load } = await measure(server, { calls: 5, seconds: 5 });
  assert.throws(() => requireOutcomes(load, ['REPLAYED']), /not every call was answered well.*ACCEPTED/);
  assert.throws(
    () => requireOutcomes({ ...load, statuses: { OK: 4, UNAVAILABLE: 1 } }, ['ACCEPTED']),
    /UNAVAIL/,
  );
  assert.throws(() => requireOutcomes({ ...load, unanswered: 1 }, ['ACCEPTED']), /not every call/);
});

test('a load generator that fails tells why', async () => {
  const gone = { ...server, address: '127.0.0.1:1' };
  await assert.rejects(measure(gone, { calls: 1 }), /load generator ended with code 1:.*ECONNREFUSED/s);
});

test('a load that is told to end early gives what it measured, its periods while it went on', async () => {
  const told = new AbortController();
  const periods: LatencyPeriod[] = [];
  const onPeriod = (period: LatencyPeriod): void => {
    periods.push(period);
    if (periods.length === 20) told.abort();
  };
  const load: LoadSpec = { rate: 1000, outstanding: 500, seconds: 60, periodMs: 20 };
  const { load: result } = await measure(server, load, { onPeriod, signal: told.signal });
  assert.ok(periods.length >= 20 && periods.every(({ count }) => count > 0));
  assert.deepEqual(periods, result.periods.slice(0, periods.length));
  assert.ok(result.seconds < 30, `${result.seconds} s`);
  requireOutcomes(result, ['ACCEPTED']);
});
