/** Resident memory by part, from the kernel's list of mappings. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryOf, parseSmaps, readMemory } from '../../loadtest/measure/smaps.ts';

const KB = 1_024;

function mapping(header: string, sizeKb: number, rssKb: number, anonymousKb: number): string {
  return `${header}\nSize: ${sizeKb} kB\nKernelPageSize: 4 kB\nRss: ${rssKb} kB\nPss: 1 kB\nAnonymous: ${anonymousKb} kB\nVmFlags: rd ex mr\n`;
}

const TEXT = [
  mapping('00400000-0082e000 r-xp 00000000 fe:01 1234    /opt/node bin/node', 4_280, 4_000, 0),
  mapping('0a400000-0a482e00 rw-p 00000000 00:00 0    [heap]', 600, 500, 500),
  mapping('7f4520010000-7f4520333000 rw-p 00000000 00:00 0 ', 30_000, 20_000, 20_000),
  mapping('7f4528010000-7f4528333000 rw-p 00000000 00:00 0 ', 64_000, 5_000, 5_000),
  mapping('7f4530000000-7f4530333000 rw-p 00000000 00:00 0 ', 3_000, 2_000, 2_000),
  mapping('7f4540000000-7f4540333000 ---p 00000000 00:00 0 ', 60_000, 0, 0),
  mapping('7f4550000000-7f4550333000 rw-p 02c00000 fe:01 1234 /opt/node bin/node', 100, 90, 24),
].join('');

test('a mapping is its name, its permissions and its pages', () => {
  const mappings = parseSmaps(TEXT);
  assert.equal(mappings.length, 7);
  assert.deepEqual(mappings[0], {
    address: 0x400000,
    name: '/opt/node bin/node',
    permissions: 'r-xp',
    sizeBytes: 4_280 * KB,
    rssBytes: 4_000 * KB,
    anonymousBytes: 0,
  });
  assert.deepEqual([mappings[1].name, mappings[2].name], ['[heap]', '']);
});

test('arenas of malloc lie at multiples of 64 MB; pages of files are those that no process has of its own; the table lies in the smallest mapping that is large enough', () => {
  assert.deepEqual(memoryOf(parseSmaps(TEXT), 25_000 * KB), {
    rssBytes: 31_590 * KB,
    fileBytes: 4_066 * KB,
    anonymousBytes: 27_524 * KB,
    tableBytes: 20_000 * KB,
    mallocBytes: 2_500 * KB,
  });
  assert.equal(memoryOf(parseSmaps(TEXT), 0).tableBytes, 0);
});

test('what is no list of mappings is refused', () => {
  assert.throws(() => parseSmaps('Rss: 12 kB\n'), /not a mapping of smaps/);
  assert.throws(() => parseSmaps('1000-2000 rw-p 00000000 00:00 0 \nSize: 4 kB\n'), /without Rss/);
});

test('memory that is touched is counted', async () => {
  const bytes = 64 << 20;
  const before = await readMemory(process.pid, bytes);
  const table = new Uint8Array(new SharedArrayBuffer(bytes));
  table.fill(1, 0, bytes / 2);
  const after = await readMemory(process.pid, bytes);
  const grown = after.tableBytes - before.tableBytes;
  assert.ok(grown > bytes * 0.45 && grown < bytes * 0.6, `${grown} bytes`);
});
