/**
 * Rounds of slices over all subjects, turn about. All run all the while, but one whose epochs stop the
 * machine for tenths of a second stands still (SIGSTOP) while the others are measured.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isInstalled } from '../../scripts/tools.ts';
import type { GhzResult } from '../ghz/ghz.ts';
import type { BenchContext } from './bench-module.ts';
import type { HeapReading } from './side-by-side-heap.ts';
import type { MeasuredSubject, Slice } from './side-by-side-slices.ts';

/** Of a round's time at a steady rate, so much is measured at saturation. */
const SATURATED_SHARE = 0.3;
/** ghz takes part in every third round, if it is there: it stands beside our own generator, no goal is about it. */
const GHZ_EVERY_ROUNDS = 3;
/** For a subject that stood still to pass the epochs that came meanwhile. */
const CATCH_UP_MS = 1_000;
/** The first slices of all, of which nothing is kept: code is compiled, heaps come to their sizes. */
const WARMUP_S = { saturated: 3, steady: 1.5 };

/** The heap after so much time under load. */
export interface HeapPoint extends HeapReading {
  readonly loadS: number;
}

/** What the slices of one subject gave, in the order of the rounds. */
export interface SubjectRounds {
  readonly saturated: Slice[];
  readonly steady: Slice[];
  readonly ghz: GhzResult[];
  readonly epochsMs: number[];
  /** The first before the rounds. */
  readonly heap: HeapPoint[];
}

/** @returns what each subject gave, in the order given. */
export async function measureRounds(
  subjects: readonly MeasuredSubject[],
  context: BenchContext,
): Promise<SubjectRounds[]> {
  const results = subjects.map((): SubjectRounds => {
    return { saturated: [], steady: [], ghz: [], epochsMs: [], heap: [] };
  });
  for (const measured of subjects) {
    context.say(`${measured.subject.name}: claims are filled in, code warms up`);
    await measured.saturated(WARMUP_S.saturated);
    await measured.steady(WARMUP_S.steady);
    stand(measured);
  }
  await eachInTurn(subjects, results, 0, async (measured, { heap }) => {
    heap.push(await heapPoint(measured));
  });
  for (let round = 0; round < context.rounds; round += 1) {
    await runRound(subjects, results, round, context);
  }
  return results;
}

async function runRound(
  subjects: readonly MeasuredSubject[],
  results: readonly SubjectRounds[],
  round: number,
  { seconds, say }: BenchContext,
): Promise<void> {
  await eachInTurn(subjects, results, round, async (measured, { saturated, heap }) => {
    const slice = await measured.saturated(seconds * SATURATED_SHARE);
    saturated.push(slice);
    heap.push(await heapPoint(measured));
    const { cpuUsPerCall, load } = slice;
    say(`${measured.subject.name}: ${cpuUsPerCall.toFixed(1)} µs/call, ${load.callsPerS.toFixed(0)} calls/s`);
  });
  await eachInTurn(subjects, results, round, async (measured, { steady, epochsMs, heap }) => {
    const slice = await measured.steady(seconds);
    steady.push(slice);
    const epochMs = await measured.subject.epochMs();
    if (epochMs !== undefined) epochsMs.push(epochMs);
    heap.push(await heapPoint(measured));
    const { p50Ms, p99Ms } = slice.load.latency;
    say(`${measured.subject.name}: p50 ${p50Ms} ms, p99 ${p99Ms} ms, epoch ${epochMs ?? '–'} ms`);
  });
  if (round % GHZ_EVERY_ROUNDS > 0 || !isInstalled('ghz')) return;
  await eachInTurn(subjects, results, round, async (measured, { ghz }) => {
    const result = await measured.steadyByGhz(seconds);
    ghz.push(result);
    say(`${measured.subject.name}: by ghz p50 ${result.p50Ms} ms, p99 ${result.p99Ms} ms`);
  });
}

/** Does something with each subject while it alone may disturb; each round begins with another. */
async function eachInTurn(
  subjects: readonly MeasuredSubject[],
  results: readonly SubjectRounds[],
  round: number,
  take: (measured: MeasuredSubject, result: SubjectRounds) => Promise<void>,
): Promise<void> {
  for (let i = 0; i < subjects.length; i += 1) {
    const turn = (i + round) % subjects.length;
    goOn(subjects[turn]);
    if (subjects[turn].subject.disturbs) await sleep(CATCH_UP_MS);
    await take(subjects[turn], results[turn]);
    stand(subjects[turn]);
  }
}

async function heapPoint(measured: MeasuredSubject): Promise<HeapPoint> {
  return { loadS: measured.loadS, ...(await measured.subject.heap.read()) };
}

function stand({ subject }: MeasuredSubject): void {
  signal(subject, 'SIGSTOP');
}

/** Also before its server is ended: one that stands still would not hear of it. */
export function goOn({ subject }: MeasuredSubject): void {
  signal(subject, 'SIGCONT');
}

function signal({ disturbs, server, redis }: MeasuredSubject['subject'], name: 'SIGSTOP' | 'SIGCONT'): void {
  if (!disturbs) return;
  process.kill(server.pid, name);
  if (redis !== undefined) process.kill(redis.pid, name);
}
