/** Each table of metrics tells what its source counted, and nothing that its labels do not foresee. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimOperation, Outcome } from '../../src/domain/claim.ts';
import { StoreUnavailable } from '../../src/domain/errors.ts';
import { EntryStep } from '../../src/entries/entry-table.ts';
import { WorkerCounter } from '../../src/segment/engine-memory.ts';
import { GRPC_STATUSES } from '../../src/telemetry/call-stats.ts';
import { TIMED_METHODS } from '../../src/telemetry/call-trace.ts';
import { isDeclared } from '../support/metrics-page.ts';
import { MetricsUnderTest } from './metrics-under-test.ts';

const SUBMIT = TIMED_METHODS.indexOf('SubmitClaim');
const UNAVAILABLE = GRPC_STATUSES.indexOf('UNAVAILABLE');
const SUBMIT_NAME = 'claims.v1.ClaimService/SubmitClaim';

test('calls: summed over threads, by method and status; a pair that did not occur has no series', () => {
  const metered = new MetricsUnderTest({ ingressThreads: 2 });
  const [first, second] = metered.engine.memory.callStats;
  first.duration(SUBMIT, 0).record(0.5);
  second.duration(SUBMIT, 0).record(0.25);
  second.duration(SUBMIT, UNAVAILABLE).record(2);
  const ok = { 'rpc.method': SUBMIT_NAME, 'rpc.status_code': 'OK', 'rpc.system.name': 'grpc' };
  assert.deepEqual(metered.find('rpc.server.call.duration', ok), { labels: ok, value: 2, sum: 0.75 });
  assert.equal(metered.value('rpc.server.call.duration', { ...ok, 'rpc.status_code': 'UNAVAILABLE' }), 1);
  const statuses = new Set(
    metered.series('rpc.server.call.duration').map(({ labels }) => labels['rpc.status_code']),
  );
  assert.deepEqual(statuses, new Set(['OK', 'UNAVAILABLE']));
});

test('calls: items by operation and outcome, frames, phases, sheds', () => {
  const metered = new MetricsUnderTest({ ingressThreads: 2 });
  const [first, second] = metered.engine.memory.callStats;
  for (const stats of [first, second, second]) stats.countItem(ClaimOperation.VALIDATE, Outcome.NOT_FOUND);
  assert.equal(metered.value('claims.items', { operation: 'validate', outcome: 'NOT_FOUND' }), 3);
  assert.equal(
    metered.series('claims.items').reduce((sum, { value }) => sum + value, 0),
    3,
  );
  first.frames.record(1);
  second.frames.record(2);
  assert.deepEqual(metered.find('claims.frame.duration', {}), { labels: {}, value: 2, sum: 3 });
  second.phases[4].record(7);
  assert.deepEqual(metered.find('claims.call.phase.duration', { phase: 'store' })?.sum, 7);
  assert.equal(metered.value('claims.call.phase.duration', { phase: 'decode' }), 0);
  first.countShed('table');
  second.countShed('table');
  assert.equal(metered.value('claims.calls.shed', { reason: 'table' }), 2);
  assert.equal(metered.value('claims.calls.shed', { reason: 'in_flight' }), 0);
});

test('calls: the P99 is that of the slowest thread that knows one', () => {
  const metered = new MetricsUnderTest({ ingressThreads: 2 });
  const [first, second] = metered.engine.memory.callStats;
  assert.deepEqual(metered.series('claims.call.p99'), []);
  first.setP99S(SUBMIT, 0.02);
  assert.equal(metered.value('claims.call.p99', { 'rpc.method': SUBMIT_NAME }), 0.02);
  second.setP99S(SUBMIT, 0.03);
  assert.deepEqual(metered.series('claims.call.p99'), [
    { labels: { 'rpc.method': SUBMIT_NAME }, value: 0.03 },
  ]);
});

test('segments: claims by status, and how full the table and its fullest segment are', async () => {
  const metered = new MetricsUnderTest({ tableCapacity: 64, segments: 4 });
  const engine = await metered.engine.start();
  for (const id of ['a', 'b', 'c', 'd']) await engine.ask(ClaimOperation.SUBMIT, id, 'p');
  await engine.ask(ClaimOperation.VALIDATE, 'a', 'p');
  await engine.settle();
  const byStatus = () =>
    ['pending', 'validated', 'expired'].map((status) => metered.value('claims.claims', { status }));
  assert.deepEqual(byStatus(), [3, 1, 0]);
  assert.equal(metered.value('claims.table.claims'), 4);
  assert.equal(metered.value('claims.table.pending'), 3);
  assert.equal(metered.value('claims.table.capacity'), 64);
  const most = Math.max(...engine.memory.tables.map((table) => table.pendingCount));
  assert.equal(metered.value('claims.table.fullest_segment'), most / 16);
  await engine.step(4_000);
  assert.deepEqual(byStatus(), [0, 1, 3]);
  assert.equal(metered.value('claims.table.fullest_segment'), 0);
  await engine.engine.stop();
});

test('segments: what is put on queues is counted until it is taken', async () => {
  const metered = new MetricsUnderTest();
  const { engine, ingress, memory } = await metered.engine.start();
  const depth = (queue: string) => metered.value('claims.queue.depth', { queue });
  assert.deepEqual(['segments', 'commit', 'home'].map(depth), [0, 0, 0]);
  const asked = ['a', 'b', 'c'].map((id) => metered.engine.ask(ClaimOperation.SUBMIT, id, 'p'));
  assert.equal(depth('segments'), 3);
  assert.equal(metered.value('claims.calls.waiting'), 3);
  await Promise.all(asked);
  await metered.engine.settle();
  assert.deepEqual(['segments', 'commit', 'home'].map(depth), [0, 0, 0]);
  memory.count(0, WorkerCounter.SENT_HOME, 2);
  assert.equal(depth('home'), 2);
  memory.queues.push(memory.ingressQueue(0), returned(memory.entries, ingress.allocate()));
  ingress.drain();
  assert.equal(depth('home'), 1);
  Atomics.store(memory.commitWaiting, 0, 4);
  assert.equal(depth('commit'), 4);
  await engine.stop();
});

function returned(entries: MetricsUnderTest['engine']['memory']['entries'], entry: number): number {
  entries.step[entry] = EntryStep.RETURNED;
  return entry;
}

test('segments: who served is told by name, event loops too', () => {
  const metered = new MetricsUnderTest({ ingressThreads: 2, workers: 2 });
  const { memory } = metered.engine;
  for (let server = 0; server < 5; server += 1) memory.count(server, WorkerCounter.RUNS, server + 1);
  assert.deepEqual(
    metered.series('claims.worker.runs').map(({ labels, value }) => [labels['worker'], value]),
    [
      ['0', 1],
      ['1', 2],
      ['main', 3],
      ['ingress-0', 4],
      ['ingress-1', 5],
    ],
  );
});

test('commits and store: sizes, what is in flight, durations and errors', () => {
  const metered = new MetricsUnderTest();
  const { meter } = metered;
  meter.commitBegun(7);
  assert.equal(metered.value('claims.commit.in_flight'), 1);
  meter.commitEnded();
  assert.equal(metered.value('claims.commit.in_flight'), 0);
  assert.deepEqual(metered.find('claims.commit.size', {}), { labels: {}, value: 1, sum: 7 });
  meter.ended('scan', 2_000_000);
  assert.equal(metered.find('claims.store.duration', { operation: 'scan' })?.sum, 2);
  meter.failed('advance_epoch', new StoreUnavailable('away'));
  const failed = { operation: 'advance_epoch', code: 'STORE_UNAVAILABLE' };
  assert.equal(metered.value('claims.store.errors', failed), 1);
  assert.equal(
    metered.series('claims.store.errors').reduce((sum, { value }) => sum + value, 0),
    1,
  );
  assert.equal(metered.value('claims.epoch.store_failures'), 1);
  assert.equal(metered.value('claims.store.corrupt_fields'), 3);
});

test('epochs: the one in force, how long boundaries took and how late they were', async () => {
  const metered = new MetricsUnderTest();
  assert.equal(metered.value('claims.ready'), 0);
  const engine = await metered.engine.start();
  assert.equal(metered.value('claims.ready'), 1);
  const first = metered.value('claims.epoch');
  assert.equal(metered.value('claims.epoch.duration'), 1);
  assert.equal(metered.value('claims.epoch.lateness'), 0, 'the first was under way');
  const release = engine.store.hold();
  await engine.step(1_250);
  release();
  await engine.settle();
  assert.equal(metered.value('claims.epoch'), first + 1);
  assert.equal(metered.value('claims.epoch.last_complete'), first);
  assert.equal(metered.find('claims.epoch.lateness', {})?.sum, 0.25, 'the store held it up');
  engine.clock.setWall(engine.clock.nowMs() - 5_000);
  await engine.step(1_000);
  assert.equal(metered.value('claims.clock.behind'), 1);
  await engine.engine.stop();
});

test('epochs: a boundary that was slept over is late by all the time since', async () => {
  const metered = new MetricsUnderTest();
  const engine = await metered.engine.start();
  engine.clock.setWall(engine.clock.nowMs() + 3_500);
  engine.clock.step(1_000);
  await engine.settle();
  assert.deepEqual(metered.find('claims.epoch.lateness', {}), { labels: {}, value: 1, sum: 3.5 });
  await engine.engine.stop();
});

test('runtime: threads that have told something, by name', () => {
  const metered = new MetricsUnderTest({ ingressThreads: 2, workers: 1 });
  const { memory } = metered.engine;
  assert.deepEqual(metered.series('claims.heap.used'), []);
  memory.runtimeOfLoop(2).recordHeap(1_000, 70);
  memory.runtimeOfWorker(0).recordHeap(2_000, 80);
  memory.runtimeOfWorker(0).recordPause('major', 30);
  memory.runtimeOfLoop(2).recordLoopDelay(4);
  const used = metered.series('claims.heap.used').map(({ labels, value }) => [labels['thread'], value]);
  assert.deepEqual(used, [
    ['ingress-1', 1_000],
    ['worker-0', 2_000],
  ]);
  assert.equal(metered.value('claims.heap.allocated', { thread: 'worker-0' }), 80);
  assert.equal(metered.find('claims.gc.duration', { thread: 'worker-0', gc: 'major' })?.sum, 0.03);
  assert.equal(metered.value('claims.gc.duration', { thread: 'worker-0', gc: 'minor' }), 0);
  assert.equal(metered.find('claims.event_loop.delay', { thread: 'ingress-1' })?.sum, 0.004);
  assert.equal(metered.find('claims.event_loop.delay', { thread: 'worker-0' }), undefined);
  memory.runtimeOfLoop(2).recordHeapAfter('major', 500);
  assert.equal(metered.value('claims.heap.after_gc', { thread: 'ingress-1' }), 500);
  assert.equal(metered.value('claims.heap.after_gc', { thread: 'worker-0' }), 2_000);
  assert.ok(metered.value('claims.rss') > 1_000_000);
  assert.ok(metered.value('claims.process.cpu.time', { mode: 'user' }) > 0);
});

test('heap monitor: growth, whether it is sure, correlation with epochs, alarms', () => {
  const metered = new MetricsUnderTest();
  const { engine, heapMonitor } = metered;
  const [main] = engine.memory.runtime;
  const names = ['claims.heap.growth', 'claims.rss.growth', 'claims.heap.growth_confident'];
  assert.deepEqual(
    names.map((name) => metered.value(name)),
    [0, 0, 0],
  );
  heapMonitor.start();
  for (let second = 1; second <= 25; second += 1) {
    // 20 kB a second of heap, and 2 MB allocated; the longer a boundary, the more.
    main.recordHeapAfter('major', 5_000_000 + 20_000 * second);
    main.recordHeap(6_000_000, 2_000_000 * second + 1_000 * second * second);
    metered.rss = 80_000_000 - 10_000 * second;
    heapMonitor.epochAdvanced(1_000 + second);
    engine.clock.step(1_000);
  }
  const near = (name: string, wanted: number) => {
    const value = metered.value(name);
    assert.ok(Math.abs(value - wanted) <= Math.abs(wanted) / 100, `${name} is ${value}`);
  };
  near('claims.heap.growth', 72_000_000);
  near('claims.rss.growth', -36_000_000);
  assert.equal(metered.value('claims.heap.growth_confident'), 1);
  near('claims.heap.epoch_correlation', 1);
  assert.ok(metered.value('claims.heap.allocation_rate') > 2_000_000);
  assert.equal(metered.value('claims.heap.alarm', { reason: 'growth' }), 1);
  assert.equal(metered.value('claims.heap.alarm', { reason: 'pause' }), 0);
  main.recordPause('major', 150);
  engine.clock.step(1_000);
  assert.equal(metered.value('claims.heap.alarm', { reason: 'pause' }), 1);
  heapMonitor.stop();
});

test('telemetry: traces told and kept back by reason, traceparents that are none, failed exports', () => {
  const metered = new MetricsUnderTest({ ingressThreads: 2 });
  const [first, second] = metered.engine.memory.callStats;
  first.countTrace(0, true);
  second.countTrace(0, true);
  second.countTrace(1, false);
  second.countMalformedTraceParent();
  assert.equal(metered.value('claims.traces.told', { reason: 'slow' }), 2);
  assert.equal(metered.value('claims.traces.kept_back', { reason: 'failed' }), 1);
  assert.equal(metered.value('claims.traces.malformed_parents'), 1);
  assert.equal(metered.value('claims.traces.exported'), 70);
  assert.equal(metered.value('claims.traces.dropped', { reason: 'queue_full' }), 7);
  assert.equal(metered.value('claims.metrics.export_failures'), 2);
  for (const runtime of metered.engine.memory.runtime) runtime.recordLogLineLeftOut();
  assert.equal(metered.value('claims.log.suppressed'), metered.engine.memory.runtime.length);
});

test('every series has the labels that its metric declares, with values that it declares', () => {
  const metered = new MetricsUnderTest({ ingressThreads: 2, workers: 2 });
  const { memory } = metered.engine;
  for (const runtime of memory.runtime) runtime.recordHeap(1, 1);
  for (const stats of memory.callStats) {
    for (const method of TIMED_METHODS.keys()) {
      stats.setP99S(method, 1);
      for (const status of GRPC_STATUSES.keys()) stats.duration(method, status).record(1);
    }
  }
  for (const { name, labels: declared } of metered.metrics) {
    for (const { labels } of metered.series(name)) {
      assert.deepEqual(Object.keys(labels), Object.keys(declared), name);
      for (const [label, value] of Object.entries(labels)) {
        assert.ok(isDeclared(value, declared[label]), `${name} ${label}=${value}`);
      }
    }
  }
});
