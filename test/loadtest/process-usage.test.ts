import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStat, parseStatus, readProcessUsage } from '../../loadtest/measure/process-usage.ts';

const STAT_TAIL =
  'S 1 77 77 0 -1 4194304 5000 0 3 0 1234 566 0 0 20 0 11 0 8888 1000000 12345 18446744073709551615 0 0 0';

test('user and system time are read from a stat line', () => {
  const { name, cpuUs } = parseStat(`77 (node-MainThread) ${STAT_TAIL}\n`);
  assert.equal(name, 'node-MainThread');
  assert.equal(cpuUs, (1234 + 566) * 10_000);
});

test('a name with spaces and brackets does not shift the fields', () => {
  const { name, cpuUs } = parseStat(`77 (a) b (c) ${STAT_TAIL}\n`);
  assert.equal(name, 'a) b (c');
  assert.equal(cpuUs, (1234 + 566) * 10_000);
});

test('what is not a stat line is refused', () => {
  for (const text of ['', 'node', '77 (node) S 1']) assert.throws(() => parseStat(text), /not a \/proc stat/);
});

test('RSS and its peak are read from a status', () => {
  const status = 'Name:\tnode\nVmPeak:\t  900 kB\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\nThreads:\t11\n';
  assert.deepEqual(parseStatus(status), { rssBytes: 1024 * 1024, peakRssBytes: 2048 * 1024 });
});

test('a status without memory, as of a process that has ended, is refused', () => {
  assert.throws(() => parseStatus('Name:\tnode\nState:\tZ (zombie)\n'), /no VmRSS/);
});

test('the usage of this process is like what Node says of it', async () => {
  const usage = await readProcessUsage(process.pid);
  const { user, system } = process.cpuUsage();
  assert.ok(Math.abs(usage.cpuUs - user - system) < 500_000, `${usage.cpuUs} against ${user + system}`);
  const threadsUs = [...usage.threadsUs.values()].reduce((sum, us) => sum + us, 0);
  assert.ok(threadsUs > 0 && threadsUs <= usage.cpuUs + 100_000);
  const rss = process.memoryUsage.rss();
  assert.ok(usage.rssBytes > rss / 2 && usage.rssBytes < rss * 2);
  assert.ok(usage.peakRssBytes >= usage.rssBytes);
});
