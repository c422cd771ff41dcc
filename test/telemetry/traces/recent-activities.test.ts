import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentActivities, type RecentActivity } from '../../../src/telemetry/traces/recent-activities.ts';

function activity(name: string, beganUs: number, endedUs = Number.POSITIVE_INFINITY): RecentActivity {
  return { kind: 'epoch', context: { traceId: name, spanId: name, traceFlags: 1 }, beganUs, endedUs };
}

function names(activities: readonly RecentActivity[]): string[] {
  return activities.map(({ context }) => context.spanId);
}

test('what was under way at any time between is found', () => {
  const recent = new RecentActivities(8);
  recent.add(activity('before', 0, 10));
  recent.add(activity('into', 5, 15));
  recent.add(activity('within', 12, 13));
  recent.add(activity('around', 1, 99));
  recent.add(activity('out of', 18, 25));
  recent.add(activity('after', 20, 30));
  recent.add(activity('lasting', 19));
  recent.add(activity('later', 21));
  assert.deepEqual(names(recent.overlapping(10, 20)), ['into', 'within', 'around', 'out of', 'lasting']);
});

test('it keeps so many, and forgets those first that ended', () => {
  const recent = new RecentActivities(3);
  recent.add(activity('lasting', 0));
  for (const beganUs of [1, 2, 3, 4]) recent.add(activity(`${beganUs}`, beganUs, beganUs + 1));
  assert.deepEqual(names(recent.overlapping(0, 99)), ['lasting', '3', '4']);
  const lasting = new RecentActivities(2);
  for (const beganUs of [1, 2, 3]) lasting.add(activity(`${beganUs}`, beganUs));
  assert.deepEqual(names(lasting.overlapping(0, 99)), ['2', '3']);
});
