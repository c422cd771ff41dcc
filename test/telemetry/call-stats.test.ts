import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { ClaimOperation, Outcome } from '../../src/domain/claim.ts';
import { CallStats, GRPC_STATUSES, SHED_REASONS } from '../../src/telemetry/call-stats.ts';
import { CALL_PHASES, TIMED_METHODS, TRACE_REASONS } from '../../src/telemetry/call-trace.ts';

const THREADS = 3;
const OPERATIONS = Object.values(ClaimOperation);
const OUTCOMES = Object.values(Outcome);

/** Something to do in one place, and what that place tells. */
interface Place {
  readonly name: string;
  count(): void;
  read(): number;
}

/** Every place of one thread's. */
function placesOf(stats: CallStats): Place[] {
  const durations = TIMED_METHODS.flatMap((name, method) =>
    GRPC_STATUSES.map((end, code) => ({
      name: `${name} ${end}`,
      count: () => stats.duration(method, code).record(0.002),
      read: () => stats.calls(method, code),
    })),
  );
  const phases = CALL_PHASES.map((name, phase) => ({
    name,
    count: () => stats.phases[phase].record(0.001),
    read: () => stats.phases[phase].count,
  }));
  const items = OPERATIONS.flatMap((operation) =>
    OUTCOMES.map((outcome) => ({
      name: `${operation} → ${outcome}`,
      count: () => stats.countItem(operation, outcome),
      read: () => stats.items(operation, outcome),
    })),
  );
  const sheds = SHED_REASONS.map((reason) => ({
    name: reason,
    count: () => stats.countShed(reason),
    read: () => stats.sheds(reason),
  }));
  const traces = TRACE_REASONS.flatMap((name, reason) => [
    { name, count: () => stats.countTrace(reason, true), read: () => stats.tracesTold(reason) },
    { name, count: () => stats.countTrace(reason, false), read: () => stats.tracesDropped(reason) },
  ]);
  const frames = { name: 'frames', count: () => stats.frames.record(1), read: () => stats.frames.count };
  const malformed = {
    name: 'malformed',
    count: () => stats.countMalformedTraceParent(),
    read: () => stats.malformedTraceParents,
  };
  return [...durations, ...phases, ...items, ...sheds, ...traces, frames, malformed];
}

test('statuses have the codes of gRPC', () => {
  for (const [code, name] of GRPC_STATUSES.entries()) assert.equal(status[name], code, name);
  assert.equal(GRPC_STATUSES.length, Object.values(status).filter((code) => typeof code === 'number').length);
});

test('what is counted in one place, of one thread, is told there, through other memory views, and nowhere else', () => {
  const buffer = CallStats.allocate(THREADS);
  assert.equal(buffer.byteLength, THREADS * CallStats.byteLength);
  const view = () => Array.from({ length: THREADS }, (_, thread) => new CallStats(buffer, thread));
  const places = view().flatMap(placesOf);
  const seen = view().flatMap(placesOf);
  // A number of its own for each, so that two that share a cell can't both be right.
  places.forEach((place, i) => {
    for (let times = 0; times <= i % 37; times += 1) place.count();
  });
  seen.forEach((place, i) => {
    assert.equal(place.read(), 1 + (i % 37), place.name);
  });
  for (const stats of view()) {
    for (let method = 0; method < TIMED_METHODS.length; method += 1) {
      assert.ok(Number.isNaN(stats.p99S(method)), 'nothing was written where the P99 is');
    }
  }
});

test('a P99 is unknown until it is set, each method and thread by itself', () => {
  const buffer = CallStats.allocate(2);
  const first = new CallStats(buffer, 0);
  assert.ok(TIMED_METHODS.every((_, method) => Number.isNaN(first.p99S(method))));
  TIMED_METHODS.forEach((_, method) => {
    first.setP99S(method, method + 0.5);
  });
  const again = new CallStats(buffer, 0);
  assert.deepEqual(
    TIMED_METHODS.map((_, method) => again.p99S(method)),
    TIMED_METHODS.map((_, method) => method + 0.5),
  );
  assert.equal(again.frames.count, 0);
  assert.ok(Number.isNaN(new CallStats(buffer, 1).p99S(0)));
});

test('durations add up, by method and status', () => {
  const stats = new CallStats(CallStats.allocate(1), 0);
  stats.duration(1, 0).record(0.25);
  stats.duration(1, 0).record(0.5);
  stats.duration(1, 14).record(4);
  assert.equal(stats.duration(1, 0).sum, 0.75);
  assert.equal(stats.duration(1, 14).sum, 4);
  assert.equal(stats.duration(2, 0).sum, 0);
  assert.equal(stats.calls(1, 0), 2);
});
