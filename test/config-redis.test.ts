/** Settings of Redis: files that are read at start, and what can only be given together. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { publicConfig } from '../src/config.ts';
import { SETTINGS } from '../src/settings.ts';
import {
  contentOf,
  FILE_PATH,
  load,
  makeNamedFiles,
  PASSWORD,
  refusal,
  removeNamedFiles,
} from './support/load-config.ts';

before(makeNamedFiles);
after(removeNamedFiles);

test('files that settings name are read at the start, and what they hold is never shown', () => {
  const argv = ['--store=rediss://h', '--redis-username', 'claims', '--redis-password-file', 'password'];
  const file = { redisCaFile: 'ca.pem', redisCertFile: 'cert.pem', redisKeyFile: 'key.pem' };
  const config = load({ argv, env: { CLAIMS_CONFIG: FILE_PATH }, file });
  assert.deepEqual(config.files, {
    redisPasswordFile: PASSWORD,
    redisCaFile: contentOf('ca.pem'),
    redisCertFile: contentOf('cert.pem'),
    redisKeyFile: contentOf('key.pem'),
  });
  const shown = publicConfig(config);
  assert.equal(shown['redisPasswordFile'], 'password');
  assert.doesNotMatch(JSON.stringify(shown), /hunter2|BEGIN/);
  assert.deepEqual(load({}).files, {});
});

test('a file that can not be used is named with the flag or variable that named it', () => {
  const names = ['redisPasswordFile', 'redisCaFile', 'redisCertFile', 'redisKeyFile'] as const;
  for (const name of names) {
    const { env, content } = SETTINGS[name];
    assert.equal(
      refusal({ env: { [env]: 'none' } }),
      `${env}: "none" is not allowed; allowed: a file that can be read (ENOENT)`,
    );
    assert.equal(
      refusal({ env: { [env]: 'empty' } }),
      `${env}: "empty" is not allowed; allowed: ${content.allowed}`,
    );
  }
  const line = refusal({ argv: ['--redis-ca-file', 'password'] });
  assert.equal(line, '--redis-ca-file: "password" is not allowed; allowed: a file of certificates in PEM');
});

test('settings of Redis that only make sense together', () => {
  assert.equal(
    refusal({ argv: ['--redis-username', 'claims'] }),
    '--redis-username: "claims" is not allowed; allowed: a user whose password is in redisPasswordFile',
  );
  const both = 'allowed: redisCertFile and redisKeyFile, both or neither';
  assert.equal(
    refusal({ argv: ['--redis-cert-file', 'cert.pem'] }),
    `--redis-cert-file: "cert.pem" is not allowed; ${both}`,
  );
  assert.equal(
    refusal({ env: { CLAIMS_REDIS_KEY_FILE: 'key.pem' } }),
    `CLAIMS_REDIS_KEY_FILE: "key.pem" is not allowed; ${both}`,
  );
  assert.equal(
    refusal({ argv: ['--redis-cert-file', 'ca.pem', '--redis-key-file', 'key.pem'] }),
    '--redis-cert-file: "ca.pem" is not allowed; allowed: the certificate of the key in redisKeyFile',
  );
});

test('certificates are refused where nothing would be sent over TLS', () => {
  const pair = ['--redis-cert-file', 'cert.pem', '--redis-key-file', 'key.pem'];
  for (const location of ['redis://h', 'redis+sentinel://h/m', 'redis+cluster://h']) {
    const store = `--store=${location}`;
    assert.match(
      refusal({ argv: [store, '--redis-ca-file', 'ca.pem'] }),
      /^--redis-ca-file: "ca\.pem" is not allowed; allowed: a store over TLS/,
    );
    assert.match(refusal({ argv: [store, ...pair] }), /^--redis-cert-file: "cert\.pem" .*rediss:/);
    const secure = store.replace('redis', 'rediss');
    assert.equal(load({ argv: [secure, ...pair] }).files.redisCertFile, contentOf('cert.pem'));
  }
});
