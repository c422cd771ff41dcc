#!/usr/bin/env node
/** claimctl: joins the program to the process it runs in. */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock/clock.ts';
import { ExitCode } from './exit-codes.ts';
import type { Io } from './io.ts';
import { isBrokenPipe } from './output.ts';
import { runClaimctl } from './program.ts';

const RANDOM_RANGE = 2 ** 32;

const interruption = new AbortController();
// Once: a second SIGINT ends the process at once, by the signal's own rule.
process.once('SIGINT', () => interruption.abort());

// A reader that has gone (| head) is no failure; who writes learns of it from the write.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: Error) => {
    if (!isBrokenPipe(error)) throw error;
  });
}

const io: Io = {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
  random: () => randomInt(RANDOM_RANGE) / RANDOM_RANGE,
  interrupted: interruption.signal,
};

try {
  process.exitCode = await runClaimctl(process.argv.slice(2), io);
} catch (error) {
  console.error(error);
  process.exitCode = ExitCode.FAULT;
}
