import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type HeapSample, parseSamples } from '../../loadtest/measure/heap-sampler.ts';
import { until } from '../support/waiting.ts';

const SAMPLER = new URL('../../loadtest/measure/heap-sampler.ts', import.meta.url).href;

/**
 * Keeps 10 MB on the main thread; a worker makes 20 MB of garbage and then sleeps for good; another
 * makes garbage for as long as it lives, and holds its event loop up for 30 ms at a time; a third ends.
 */
const PROGRAM = `
  const { Worker } = require('node:worker_threads');
  globalThis.kept = Array.from({ length: 1e6 }, (_, i) => i + 0.5);
  const start = (text) => new Worker(text, { eval: true });
  start(\`
    (() => { const garbage = []; for (let i = 0; i < 5e5; i++) garbage.push({ i }); })();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  \`);
  start(\`
    const cell = new Int32Array(new SharedArrayBuffer(4));
    setInterval(() => {
      for (let i = 0; i < 1e5; i++) globalThis.last = { i, text: String(i) };
      Atomics.wait(cell, 0, 0, 30);
    }, 20);
  \`);
  start('setTimeout(() => undefined, 450)');`;
/** Samples that each thread but the third has to give. */
const ENOUGH = 6;

function environment(file: string): NodeJS.ProcessEnv {
  return { ...process.env, NODE_OPTIONS: `--import=${SAMPLER}`, HEAP_SAMPLE_FILE: file };
}

/** The samples of the program, once there are enough of them. */
async function sampled(folder: string): Promise<HeapSample[]> {
  const file = join(folder, 'heap.ndjson');
  const env = { ...environment(file), HEAP_SAMPLE_MS: '200', HEAP_SAMPLE_OFFSET_MS: '50' };
  const child = spawn(process.execPath, ['-e', PROGRAM], { env, stdio: 'inherit' });
  const ended = once(child, 'close');
  try {
    const samples = (): HeapSample[] => (existsSync(file) ? parseSamples(readFileSync(file, 'utf8')) : []);
    const given = (thread: number) => samples().filter(({ threadId }) => threadId === thread).length;
    await until('every thread to be sampled', () => [0, 1, 2].every((thread) => given(thread) >= ENOUGH));
    return samples();
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

test('every thread tells its heap after a collection, its own pauses, and how late its loop was', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'heap-sampler-'));
  try {
    const samples = await sampled(folder);
    const ofThread = (threadId: number) => samples.filter((sample) => sample.threadId === threadId);
    const last = (threadId: number) => ofThread(threadId).slice(-1)[0];
    const heapMb = (threadId: number) => last(threadId).heapUsedBytes / 1e6;
    assert.ok(heapMb(0) > 8 && heapMb(0) < 25, `main: ${heapMb(0)} MB`);
    assert.ok(heapMb(1) > 1 && heapMb(1) < 8, `sleeping worker: ${heapMb(1)} MB`);
    assert.deepEqual(last(1).pauses, {}, 'a forced collection was counted');
    assert.equal(last(1).loopDelay, undefined);
    const scavenges = ofThread(2).reduce((sum, { pauses }) => sum + (pauses['Scavenge']?.count ?? 0), 0);
    assert.ok(scavenges >= 3, `busy worker: ${scavenges} scavenges`);
    const longestMs = Math.max(...ofThread(2).map(({ loopDelay }) => loopDelay?.longestMs ?? 0));
    assert.ok(longestMs > 15, `busy worker: loop late by ${longestMs} ms`);
    assert.ok(ofThread(3).length < ofThread(0).length, 'a thread that ended was sampled still');
    assert.ok(samples.every(({ rssBytes }) => rssBytes > 3e7));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('samples are taken when the wall clock says so, in all threads for one time', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'heap-sampler-'));
  try {
    const samples = await sampled(folder);
    const times = [...new Set(samples.map(({ wallMs }) => wallMs))];
    const late = times.map((wallMs) => (wallMs - 50) % 200);
    // Timers may be late on a busy machine; the most of them are not.
    assert.ok(late.filter((ms) => ms < 60).length > times.length / 2, `${late}`);
    const threads = times.map((time) => samples.filter(({ wallMs }) => wallMs === time).length);
    assert.ok(Math.max(...threads) >= 3, `${threads}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a sample is taken when it is asked for', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'heap-sampler-'));
  const file = join(folder, 'heap.ndjson');
  const env = { ...environment(file), HEAP_SAMPLE_MS: '0' };
  const forever = `setInterval(() => undefined, 1000); console.log('ready')`;
  const child = spawn(process.execPath, ['-e', forever], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  try {
    await once(child.stdout, 'data');
    assert.equal(existsSync(file), false);
    child.kill('SIGUSR2');
    await until('a sample', () => existsSync(file) && parseSamples(readFileSync(file, 'utf8')).length === 1);
  } finally {
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  }
});

test('a line that is being written is left for the next time', () => {
  const thread = { threadId: 0, threadName: '' };
  const sample: HeapSample = { ...thread, wallMs: 1, rssBytes: 2, heapUsedBytes: 3, pauses: {} };
  const line = `${JSON.stringify(sample)}\n`;
  assert.deepEqual(parseSamples(line + line + line.slice(0, 20)), [sample, sample]);
  assert.deepEqual(parseSamples(''), []);
});
