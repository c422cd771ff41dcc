/** The parts of the memory benchmark that are quick: what tables take, what libraries add. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { libraryTable, measureRuntime } from '../../../loadtest/bench/memory-parts.ts';
import { tableMemory, UNDER_LOAD } from '../../../loadtest/bench/memory-settings.ts';
import { startMemory } from '../../../loadtest/bench/memory-states.ts';
import { echoServer } from '../../../loadtest/measure/servers.ts';
import { EntryTable } from '../../../src/entries/entry-table.ts';
import { INGRESS_ENTRIES } from '../../../src/limits.ts';

test('tables are a record for each claim of the capacity, and the entries', () => {
  const { allBytes, claimTableBytes } = tableMemory(UNDER_LOAD);
  // 167 bytes a record and a little for each segment (registry/table-layout).
  assert.ok(claimTableBytes >= 2 ** 17 * 167 && claimTableBytes < 2 ** 17 * 169, String(claimTableBytes));
  const entriesBytes = EntryTable.byteLength(INGRESS_ENTRIES);
  assert.ok(allBytes > claimTableBytes + entriesBytes && allBytes < claimTableBytes + 1.2 * entriesBytes);
});

test('Node alone, and each library on top', async () => {
  const runtime = await measureRuntime();
  assert.ok(runtime.value > 30 && runtime.value < 80, `${runtime.value} MB`);
  const { rows } = await libraryTable();
  assert.deepEqual(rows[0][0], '@grpc/grpc-js');
  assert.ok(Number(rows[0][1]) > 5, `grpc-js takes ${rows[0][1]} MB`);
  assert.equal(rows.at(-1)?.[0], 'OpenTelemetry');
});

test("a server's memory is had with its main thread's heap", async () => {
  const memory = await startMemory((execArgv, env) => echoServer('echo', { execArgv, env }).start());
  assert.ok(memory.heapBytes > memory.youngBytes && memory.youngBytes > 0);
  assert.ok(memory.anonymousBytes > memory.heapBytes && memory.rssBytes > memory.anonymousBytes);
});
