import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { bytesField, countOutcomes, sampleResult } from '../../loadtest/measure/messages.ts';
import { fallsIntoWindow, Tally } from '../../loadtest/measure/tally.ts';

const RULE = { everyMs: 10_000, offsetMs: 0, spanMs: 100 };
const PLAIN = { wallOffsetMs: 0, periodMs: 1000 };

test('a call falls into a window where it is under way in the span after a boundary', () => {
  const cases: [start: number, end: number, crosses: boolean][] = [
    [9_000, 9_999, false],
    [9_990, 10_000, true],
    [10_000, 10_010, true],
    [10_099, 10_200, true],
    [10_100, 10_200, false],
    [19_000, 31_000, true],
  ];
  for (const [start, end, crosses] of cases) {
    assert.equal(fallsIntoWindow(RULE, start, end), crosses, `${start} to ${end}`);
    const later = { ...RULE, offsetMs: 2_500 };
    assert.equal(fallsIntoWindow(later, start + 2_500, end + 2_500), crosses, `${start} to ${end}, later`);
  }
});

test('calls are counted by status, claims by outcome, latencies of calls that ended OK', () => {
  const tally = new Tally(PLAIN);
  const reply = bytesField(1, sampleResult());
  countOutcomes(reply, 0, reply.length, 1, tally.countsOf(1_000));
  tally.ended(1_000, 6_000, status.OK);
  tally.ended(1_000, 900_000, status.RESOURCE_EXHAUSTED);
  tally.ended(1_000, 900_000, 77);
  const result = tally.result();
  assert.equal(result.calls, 3);
  assert.equal(result.claims, 1);
  assert.deepEqual(result.statuses, { OK: 1, RESOURCE_EXHAUSTED: 1, '77': 1 });
  assert.deepEqual(result.outcomes, { ACCEPTED: 1 });
  assert.equal(result.latency.count, 1);
  assert.ok(Math.abs(result.latency.maxMs - 5) < 0.05);
  assert.deepEqual(
    [result.crossing, result.crossingCurve, result.setAside],
    [undefined, undefined, undefined],
  );
});

test('latencies across a boundary are told from the others by the wall clock', () => {
  const tally = new Tally({ ...PLAIN, boundary: RULE, wallOffsetMs: 19_990 });
  tally.ended(0, 5_000, status.OK);
  tally.ended(0, 15_000, status.OK);
  tally.ended(200_000, 201_000, status.OK);
  const { crossing, notCrossing, crossingCurve } = tally.result();
  assert.equal(crossing?.count, 1);
  assert.equal(notCrossing?.count, 2);
  assert.deepEqual(
    crossingCurve?.map(([, ms]) => Math.round(ms)),
    [15],
  );
});

test('calls under way in a window set aside are in none of the other latencies', () => {
  const setAside = { everyMs: 60_000, offsetMs: 5_000, spanMs: 1_000 };
  const tally = new Tally({ ...PLAIN, boundary: RULE, setAside });
  tally.begin(0);
  const spans = [
    [1_000, 1_002],
    [4_990, 5_040],
    [5_999, 6_001],
    [7_000, 7_003],
  ];
  for (const [startMs, endMs] of spans) tally.ended(startMs * 1000, endMs * 1000, status.OK);
  const { beginMs, calls, latency, notCrossing, periods, ...rest } = tally.result();
  assert.equal(beginMs, 0);
  assert.deepEqual([calls, latency.count, notCrossing?.count, rest.setAside?.count], [4, 2, 2, 2]);
  assert.deepEqual(
    periods.map(({ startMs, count }) => [startMs, count]),
    [
      [1_000, 1],
      [7_000, 1],
    ],
  );
  assert.ok(latency.maxMs < 4 && (rest.setAside?.maxMs ?? 0) >= 49);
});

test('calls that began before the measured time count as ended in it, and for nothing else', () => {
  const tally = new Tally({ ...PLAIN, boundary: RULE });
  const reply = bytesField(1, sampleResult());
  tally.ended(0, 1, status.OK);
  tally.begin(5_000);
  assert.equal(tally.endedCalls, 0);
  countOutcomes(reply, 0, reply.length, 1, tally.countsOf(4_999));
  tally.ended(4_999, 6_000, status.UNAVAILABLE);
  countOutcomes(reply, 0, reply.length, 1, tally.countsOf(5_000));
  tally.ended(5_000, 6_000, status.OK);
  assert.deepEqual([tally.endedCalls, tally.answeredClaims], [2, 2]);
  const { calls, claims, statuses, outcomes, latency } = tally.result();
  assert.deepEqual([calls, claims, latency.count], [1, 1, 1]);
  assert.deepEqual([statuses, outcomes], [{ OK: 1 }, { ACCEPTED: 1 }]);
});
