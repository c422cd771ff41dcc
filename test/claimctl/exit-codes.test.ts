import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import {
  CallFailed,
  EXIT_CODE_MEANINGS,
  ExitCode,
  exitCodeOfOutcome,
  exitCodeOfStatus,
} from '../../src/claimctl/exit-codes.ts';
import { Outcome } from '../../src/domain/claim.ts';
import { docsPage } from '../support/page.ts';

test('every outcome has its exit code', () => {
  const codes = Object.entries(Outcome).map(([name, outcome]) => [name, exitCodeOfOutcome(outcome)]);
  assert.deepEqual(Object.fromEntries(codes), {
    UNSPECIFIED: 3,
    ACCEPTED: 0,
    REPLAYED: 0,
    TAKEN: 1,
    EXPIRED: 1,
    NOT_FOUND: 1,
    INVALID: 1,
    UNAVAILABLE: 3,
    FOUND: 0,
  });
  assert.equal(exitCodeOfOutcome(99), ExitCode.UNCONFIRMED);
});

test('a status that speaks of the request is a refusal, any other unconfirmed', () => {
  const refusals = ['INVALID_ARGUMENT', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED'];
  const more = ['FAILED_PRECONDITION', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'UNAUTHENTICATED'];
  const expected = new Set([...refusals, ...more]);
  for (const [name, code] of Object.entries(status)) {
    if (typeof code !== 'number') continue;
    assert.equal(exitCodeOfStatus(code), expected.has(name) ? ExitCode.REFUSED : ExitCode.UNCONFIRMED, name);
  }
});

test('only a server that is away or full is tried again', () => {
  const retriable = Object.values(status).filter(
    (code) => typeof code === 'number' && new CallFailed('a', code, '').retriable,
  );
  assert.deepEqual(retriable, [status.RESOURCE_EXHAUSTED, status.UNAVAILABLE]);
});

test('docs/claimctl.md lists the exit codes as --help does', () => {
  const page = docsPage('claimctl.md');
  const rows = page.split('\n').filter((line) => /^\| \d+ \|/.test(line));
  assert.deepEqual(
    rows,
    Object.entries(EXIT_CODE_MEANINGS).map(([code, meaning]) => `| ${code} | ${meaning} |`),
  );
});
