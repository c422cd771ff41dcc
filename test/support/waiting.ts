/** Waits for conditions instead of sleeping; each wait has a bound that only guards against a hang. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceError, status } from '@grpc/grpc-js';
import { systemClock } from '../../src/clock/clock.ts';
import type { ClaimClient } from './client.ts';

const GUARD_MS = 20_000;
const POLL_MS = 10;

/** Waits until `holds` gives something other than false or undefined, and gives that. @throws Error after guardMs */
export async function until<T>(
  what: string,
  holds: () => T | false | undefined | Promise<T | false | undefined>,
  guardMs = GUARD_MS,
): Promise<T> {
  const end = systemClock.nowMs() + guardMs;
  for (;;) {
    const found = await holds();
    if (found !== false && found !== undefined) return found;
    if (systemClock.nowMs() > end) throw new Error(`waited ${guardMs} ms for ${what}`);
    await delay(POLL_MS);
  }
}

/** Waits until every replica is in an epoch (the one before it is complete). */
export async function untilEpoch(client: ClaimClient, epoch: number): Promise<void> {
  await until(`epoch ${epoch}`, async () => (await client.lastEpochs()).every((last) => last + 1 >= epoch));
}

/** The gRPC error of a call that must fail with a code. */
export async function failsWith(call: Promise<unknown>, code: status): Promise<ServiceError> {
  const error = await call.then(
    (reply) => assert.fail(`expected status ${code}, got a reply: ${JSON.stringify(reply)?.slice(0, 200)}`),
    (thrown: ServiceError) => thrown,
  );
  assert.equal(error.code, code, `${error.code}: ${error.details ?? error.message}`);
  return error;
}
