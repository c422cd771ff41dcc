import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  belongTogether,
  certificateFile,
  headersFile,
  parseHeaders,
  passwordFile,
  privateKeyFile,
} from '../src/config-files.ts';
import { makeRedisTls, type RedisTls } from './support/redis-tls.ts';

let tls: RedisTls;

before(async () => {
  tls = await makeRedisTls();
});

after(() => tls.remove());

test('the path of a file may be left out', () => {
  for (const kind of [passwordFile, certificateFile, privateKeyFile, headersFile]) {
    assert.equal(kind.parse(''), null);
    assert.equal(kind.parse('/run/secrets/a b'), '/run/secrets/a b');
    assert.equal(kind.parse('a\0b'), undefined);
  }
});

test('a password is the one line of its file', () => {
  const { parse } = passwordFile.content;
  for (const password of ['hunter2', ' blanks count ', 'ü{}:@/?#', 'x'.repeat(4_096)]) {
    for (const end of ['', '\n', '\r\n']) assert.equal(parse(`${password}${end}`), password);
  }
  for (const content of ['', '\n', '\r\n', 'a\nb', 'a\n\n', '\na', 'a\0b']) {
    assert.equal(parse(content), undefined, JSON.stringify(content));
  }
});

test('headers are those of HTTP, one a line', () => {
  const content = 'authorization: Bearer a:b=\r\nX-Team:games\n\n';
  assert.equal(headersFile.content.parse(content), content);
  assert.deepEqual(parseHeaders(content), { authorization: 'Bearer a:b=', 'X-Team': 'games' });
  for (const wrong of ['', '\n', 'Bearer x', 'a b: c', ': c', 'a:', 'a: \0', 'a: b\nc', 'a: ü']) {
    assert.equal(headersFile.content.parse(wrong), undefined, JSON.stringify(wrong));
  }
});

test('certificates and keys are what OpenSSL can read as such', () => {
  const { ca, cert, key } = tls.client;
  for (const content of [ca, cert, `${cert}${ca}`]) {
    assert.equal(certificateFile.content.parse(content), content);
  }
  assert.equal(privateKeyFile.content.parse(key), key);
  for (const content of ['', 'hunter2', key, cert.slice(0, 200)]) {
    assert.equal(certificateFile.content.parse(content), undefined);
  }
  for (const content of ['', 'hunter2', cert, key.slice(0, 60)]) {
    assert.equal(privateKeyFile.content.parse(content), undefined);
  }
});

test('a key that needs a passphrase is refused', () => {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
  });
  assert.equal(privateKeyFile.content.parse(privateKey), undefined);
});

test('a certificate belongs to the key that it was issued for', () => {
  const { ca, cert, key } = tls.client;
  assert.equal(belongTogether(cert, key), true);
  assert.equal(belongTogether(ca, key), false);
});
