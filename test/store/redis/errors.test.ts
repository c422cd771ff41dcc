import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failureKind, wordsOf } from '../../../src/store/redis/errors.ts';

/** As ioredis has them. */
function reply(message: string): Error {
  const error = new Error(message);
  error.name = 'ReplyError';
  return error;
}

describe('what a failure of Redis means', () => {
  const again = [
    'LOADING Redis is loading the dataset in memory',
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'CLUSTERDOWN The cluster is down',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    'BUSY Redis is busy running a script.',
    'ASK 3999 127.0.0.1:6381',
  ];
  const reconnect = [
    "READONLY You can't write against a read only replica. script: 5f, on @user_script:3.",
    'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)',
    'MOVED 3999 127.0.0.1:6381',
  ];
  const refused = [
    'NOAUTH Authentication required.',
    'WRONGPASS invalid username-password pair or user is disabled.',
    "NOPERM this user has no permissions to run the 'evalsha' command",
    "OOM command not allowed when used memory > 'maxmemory'. script: 5f, on @user_script:3.",
    'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.',
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    'ERR max number of clients reached',
  ];
  for (const message of again)
    test(`again: ${message}`, () => assert.equal(failureKind(reply(message)), 'again'));
  for (const message of reconnect) {
    test(`over a new connection: ${message}`, () => assert.equal(failureKind(reply(message)), 'reconnect'));
  }
  for (const message of refused) {
    test(`not again: ${message}`, () => assert.equal(failureKind(reply(message)), 'refused'));
  }

  test('what is no answer of Redis’s is the connection’s', () => {
    assert.equal(failureKind(new Error('Connection is closed.')), 'reconnect');
    assert.equal(failureKind(new Error('LOADING')), 'reconnect');
    assert.equal(failureKind('gone'), 'reconnect');
  });
});

test('an error without words is told by its name', () => {
  assert.equal(wordsOf(new RangeError('')), 'RangeError');
  assert.equal(wordsOf(new Error('words')), 'words');
  assert.equal(wordsOf('text'), 'text');
});
