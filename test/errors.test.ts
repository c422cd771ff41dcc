/** docs/errors.md and the program say the same: every code, its class and status, every reason. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Metadata, status } from '@grpc/grpc-js';
import * as config from '../src/config.ts';
import { AssertionFailure } from '../src/domain/assert.ts';
import { UnavailableReason } from '../src/domain/claim.ts';
import * as errors from '../src/domain/errors.ts';
import { RECEIVE_MAX_BYTES } from '../src/limits.ts';
import { UNAVAILABLE_REASONS } from '../src/wire/reasons.ts';
import { logUnexpected, toStatus } from '../src/wire/status.ts';
import { CapturedLog } from './support/captured-log.ts';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
const PAGE = readFileSync(join(REPOSITORY, 'docs', 'errors.md'), 'utf8');
const NO_STATUS = '–';

/** Every error takes a message, or what a message is made of. */
type ErrorClass = new (a: string, b: string, c: string) => errors.ClaimsError;

function isErrorClass(value: unknown): value is ErrorClass {
  return typeof value === 'function' && value.prototype instanceof errors.ClaimsError;
}

const EXPORTED: readonly unknown[] = [...Object.values(errors), ...Object.values(config)];
const CLASSES: readonly ErrorClass[] = EXPORTED.filter(isErrorClass);

/** The cells of each row of the table whose head begins with the given ones. */
function rowsOf(...head: readonly string[]): string[][] {
  const lines = PAGE.split('\n');
  const cellsOf = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const at = lines.findIndex((line) => head.every((name, i) => cellsOf(line)[i] === name));
  assert.ok(at >= 0, `a table of ${head.join(', ')}`);
  const rest = lines.slice(at + 2);
  return rest
    .slice(
      0,
      rest.findIndex((line) => !line.startsWith('|')),
    )
    .map(cellsOf);
}

const ROWS = rowsOf('code', 'error', 'gRPC status', 'meaning', 'what to do').map(
  ([code, error, grpc, meaning, remedy]) => ({
    code: unquoted(code),
    error: unquoted(error),
    grpc: unquoted(grpc),
    meaning,
    remedy,
  }),
);

function unquoted(cell: string): string {
  return cell.replaceAll('`', '');
}

/** The status of a call that ends with the error; none where such an error is of no call. */
function statusOf(error: errors.ClaimsError): string {
  const { code = status.OK } = toStatus(error, () => undefined);
  return code === status.INTERNAL ? NO_STATUS : status[code];
}

test('the page lists the codes of the program, no more and no fewer, with class and status', () => {
  const ofProgram = CLASSES.map((Class) => {
    const error = new Class('a', 'b', 'c');
    return { code: error.code, error: Class.name, grpc: statusOf(error) };
  });
  const ofPage = ROWS.map(({ code, error, grpc }) => ({ code, error, grpc }));
  const byCode = (a: { code: string }, b: { code: string }) => (a.code < b.code ? -1 : 1);
  assert.deepEqual(ofPage.sort(byCode), ofProgram.sort(byCode));
});

test('each has a meaning and says what to do', () => {
  for (const { code, meaning, remedy } of ROWS) {
    assert.ok(meaning.length > 20 && remedy.length > 10, code);
  }
});

test('codes and names are what the classes say, and no two are the same', () => {
  const made = CLASSES.map((Class) => new Class('a', 'b', 'c'));
  for (const error of made) {
    assert.match(error.code, /^[A-Z]+(?:_[A-Z]+)*$/);
    assert.equal(error.name, error.constructor.name, 'logs and stack traces say which it is');
    assert.ok(error.message.includes('a'));
  }
  assert.equal(new Set(made.map((error) => error.code)).size, made.length);
});

test('no class of errors is hidden in another module', () => {
  const known = new Set(CLASSES.map((Class) => Class.name));
  const files = readdirSync(join(REPOSITORY, 'src'), { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(join(REPOSITORY, 'src', file), 'utf8');
    for (const [, name, base] of text.matchAll(/class (\w+) extends (\w+)/g)) {
      if (base === 'ClaimsError' || known.has(base)) assert.ok(known.has(name), `${name} of src/${file}`);
    }
  }
});

test('an unexpected error is INTERNAL and tells a caller nothing; an assertion is not made a status', () => {
  const told: unknown[] = [];
  const note = (error: unknown) => told.push(error);
  const secret = new Error('secret');
  assert.deepEqual(toStatus(secret, note), { code: status.INTERNAL, details: 'internal error' });
  assert.deepEqual(told, [secret], 'it is logged');
  assert.throws(() => toStatus(new AssertionFailure('impossible'), note), AssertionFailure);
});

test('an unexpected error is logged with the trace that its caller told', () => {
  const log = new CapturedLog();
  const unexpected = logUnexpected(log.logger);
  const metadata = new Metadata();
  toStatus(new Error('without'), unexpected, { metadata });
  metadata.set('traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
  toStatus(new Error('with'), unexpected, { metadata });
  metadata.set('traceparent', 'malformed');
  toStatus(new Error('malformed'), unexpected, { metadata });
  toStatus(new Error('no call'), unexpected);
  assert.deepEqual(
    log.lines.map((line) => [line.level, line['trace_id'], line['span_id']]),
    [
      ['error', undefined, undefined],
      ['error', '4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'],
      ['error', undefined, undefined],
      ['error', undefined, undefined],
    ],
  );
  // What a table foresees reads nothing of the call.
  const unread = {
    get metadata(): Metadata {
      throw new AssertionFailure('metadata were read');
    },
  };
  assert.equal(
    toStatus(new errors.InvalidArgument('a', 'b', 'c'), unexpected, unread).code,
    status.INVALID_ARGUMENT,
  );
});

test('what the caller is told is the error’s own message', () => {
  for (const Class of CLASSES) {
    const error = new Class('a', 'b', 'c');
    if (statusOf(error) !== NO_STATUS) assert.equal(toStatus(error, () => undefined).details, error.message);
  }
});

test('the page lists the reasons of UNAVAILABLE items, word by word', () => {
  const ofPage = rowsOf('reason', 'name').map(([reason, name]) => [unquoted(name), reason]);
  const { NONE, ...reasons } = UnavailableReason;
  const ofProgram = Object.entries(reasons).map(([name, reason]) => [name, UNAVAILABLE_REASONS[reason]]);
  assert.equal(NONE, 0);
  assert.deepEqual(Object.fromEntries(ofPage), Object.fromEntries(ofProgram));
});

test('the statuses and the bound that the page names are there', () => {
  for (const [cell] of rowsOf('gRPC status', 'when')) {
    for (const name of cell.split(',').map((part) => unquoted(part.trim()))) assert.ok(name in status, name);
  }
  assert.ok(PAGE.includes(`${RECEIVE_MAX_BYTES.toLocaleString('en-GB')} bytes`));
});
