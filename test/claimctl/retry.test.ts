import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metadata } from '@grpc/grpc-js';
import fc from 'fast-check';
import { retryDelayMs, retryInfoMs } from '../../src/claimctl/retry.ts';

/** google.rpc.Status with one detail, from the bytes of its parts: all below 128 long. */
function statusDetails(typeUrl: string, value: readonly number[]): Buffer {
  const url = [...Buffer.from(typeUrl)];
  const any = [0x0a, url.length, ...url, 0x12, value.length, ...value];
  return Buffer.from([0x08, 8, 0x12, 2, 0x6e, 0x6f, 0x1a, any.length, ...any]);
}

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

function metadataOf(...details: Buffer[]): Metadata {
  const metadata = new Metadata();
  for (const bytes of details) metadata.add('grpc-status-details-bin', bytes);
  return metadata;
}

test('the delay that a server asks for is read from RetryInfo', () => {
  // Duration {seconds: 2, nanos: 500,000,000} = 08 02 10 80 ca b5 ee 01
  const duration = [0x08, 2, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01];
  assert.equal(
    retryInfoMs(metadataOf(statusDetails(RETRY_INFO, [0x0a, duration.length, ...duration]))),
    2_500,
  );
  assert.equal(retryInfoMs(metadataOf(statusDetails(RETRY_INFO, [0x0a, 2, 0x10, 1]))), 1);
  assert.equal(retryInfoMs(metadataOf(statusDetails(RETRY_INFO, [0x0a, 0]))), 0);
});

test('details without a delay are none', () => {
  assert.equal(retryInfoMs(new Metadata()), null);
  assert.equal(retryInfoMs(metadataOf(statusDetails(RETRY_INFO, []))), null);
  assert.equal(
    retryInfoMs(metadataOf(statusDetails('type.googleapis.com/google.rpc.Help', [0x0a, 0]))),
    null,
  );
});

test('no bytes whatever in the details throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const value = retryInfoMs(metadataOf(statusDetails(RETRY_INFO, [...bytes]), Buffer.from(bytes)));
      assert.ok(value === null || value >= 0);
    }),
    { numRuns: 2_000 },
  );
});

test('delays double from 100 ms to 5 s, less up to half by chance', () => {
  const least = [0, 1, 2, 3, 4, 5, 6, 7, 99].map((attempt) => retryDelayMs(attempt, null, () => 0));
  assert.deepEqual(least, [50, 100, 200, 400, 800, 1_600, 2_500, 2_500, 2_500]);
  assert.equal(
    retryDelayMs(0, null, () => 0.999_999),
    100,
  );
  assert.equal(
    retryDelayMs(2_000, null, () => 0.999_999),
    5_000,
  );
});

test('a delay is never shorter than the server asks, up to a minute', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 50 }),
      fc.nat({ max: 60_000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (attempt, hint, r) => {
        assert.ok(retryDelayMs(attempt, hint, () => r) >= hint);
      },
    ),
  );
  assert.equal(
    retryDelayMs(0, 3_600_000, () => 0),
    60_000,
  );
});
