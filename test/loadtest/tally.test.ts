import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { bytesField, sampleResult } from '../../loadtest/measure/messages.ts';
import { crossesBoundary, Tally } from '../../loadtest/measure/tally.ts';

const RULE = { epochMs: 10_000, spanMs: 100 };

test('a call crosses a boundary where it is under way in the span after it', () => {
  const cases: [start: number, end: number, crosses: boolean][] = [
    [9_000, 9_999, false],
    [9_990, 10_000, true],
    [10_000, 10_010, true],
    [10_099, 10_200, true],
    [10_100, 10_200, false],
    [19_000, 31_000, true],
  ];
  for (const [start, end, crosses] of cases) {
    assert.equal(crossesBoundary(RULE, start, end), crosses, `${start} to ${end}`);
  }
});

test('calls are counted by status, claims by outcome, latencies of calls that ended OK', () => {
  const tally = new Tally(undefined, 0);
  const reply = bytesField(1, sampleResult());
  tally.reply(1_000, reply, 0, reply.length, 1);
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
  assert.equal(result.crossing, undefined);
});

test('latencies across a boundary are told from the others by the wall clock', () => {
  const tally = new Tally(RULE, 19_990);
  tally.ended(0, 5_000, status.OK);
  tally.ended(0, 15_000, status.OK);
  tally.ended(200_000, 201_000, status.OK);
  const { crossing, notCrossing } = tally.result();
  assert.equal(crossing?.count, 1);
  assert.equal(notCrossing?.count, 2);
});

test('calls that began before the measured time count as ended in it, and for nothing else', () => {
  const tally = new Tally(RULE, 0);
  const reply = bytesField(1, sampleResult());
  tally.ended(0, 1, status.OK);
  tally.begin(5_000);
  assert.equal(tally.endedCalls, 0);
  tally.reply(4_999, reply, 0, reply.length, 1);
  tally.ended(4_999, 6_000, status.UNAVAILABLE);
  tally.reply(5_000, reply, 0, reply.length, 1);
  tally.ended(5_000, 6_000, status.OK);
  assert.deepEqual([tally.endedCalls, tally.answeredClaims], [2, 2]);
  const { calls, claims, statuses, outcomes, latency } = tally.result();
  assert.deepEqual([calls, claims, latency.count], [1, 1, 1]);
  assert.deepEqual([statuses, outcomes], [{ OK: 1 }, { ACCEPTED: 1 }]);
});
