import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  bool,
  httpEndpointOrOff,
  integer,
  keyPrefix,
  listenAddress,
  listenAddressOrOff,
  oneOf,
  optionalPath,
  powerOfTwo,
  userName,
  withoutUserInfo,
} from '../src/config-values.ts';

/** Text near to numbers: digits mixed with what other notations would add. */
const numberLike = fc
  .array(fc.constantFrom(...'0123456789+-_.,eExXnob \t\n٣'), { maxLength: 18 })
  .map((chars) => chars.join(''));

test('an integer is taken from its own decimal digits and from no other text', () => {
  const kind = integer(0, Number.MAX_SAFE_INTEGER);
  fc.assert(fc.property(fc.maxSafeNat(), (n) => assert.equal(kind.parse(String(n)), n)));
  fc.assert(
    fc.property(fc.oneof(numberLike, fc.string()), (text) => {
      const value = kind.parse(text);
      if (value !== undefined) assert.equal(String(value), text);
    }),
    { numRuns: 2_000 },
  );
});

test('other notations of a number are refused', () => {
  const notations = [
    '',
    ' 1',
    '1 ',
    '1\n',
    '+1',
    '-1',
    '1.0',
    '1e3',
    '0x10',
    '007',
    '1_000',
    '1,000',
    '٣',
    'NaN',
  ];
  for (const text of [...notations, 'Infinity', '9007199254740992', '99999999999999999999', '1n']) {
    assert.equal(integer(0, Number.MAX_SAFE_INTEGER).parse(text), undefined, JSON.stringify(text));
  }
});

test('an integer lies within its bounds, both included', () => {
  const kind = integer(100, 86_400_000);
  for (const n of [100, 101, 86_400_000]) assert.equal(kind.parse(String(n)), n);
  for (const n of [0, 99, 86_400_001]) assert.equal(kind.parse(String(n)), undefined);
  assert.equal(kind.allowed, 'an integer from 100 to 86400000');
  assert.equal(integer(1, 1).allowed, '1');
});

test('a power of two is one of the doublings from 1 to the largest', () => {
  const kind = powerOfTwo(1_024);
  const taken = Array.from({ length: 3_000 }, (_, n) => n).filter((n) => kind.parse(String(n)) === n);
  assert.deepEqual(taken, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024]);
  assert.equal(kind.parse('0x10'), undefined);
});

test('a word is taken exactly as listed', () => {
  const kind = oneOf(['claim', 'player']);
  assert.equal(kind.parse('player'), 'player');
  for (const text of ['', 'Claim', 'claim ', 'claims', 'toString']) assert.equal(kind.parse(text), undefined);
  assert.equal(bool.parse('true'), true);
  assert.equal(bool.parse('false'), false);
  for (const text of ['', '1', '0', 'yes', 'TRUE', 'off']) assert.equal(bool.parse(text), undefined);
});

test('an address keeps its host, port and text', () => {
  const port = fc.nat({ max: 65_535 });
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.domain()), port, (host, n) => {
      const text = `${host}:${n}`;
      assert.deepEqual(listenAddress.parse(text), { host, port: n, text });
    }),
  );
  fc.assert(
    fc.property(fc.ipV6(), port, (host, n) => {
      const text = `[${host}]:${n}`;
      assert.deepEqual(listenAddress.parse(text), { host, port: n, text });
    }),
  );
  for (const host of ['localhost', 'a', 'claims-0.claims', 'x1.example']) {
    assert.equal(listenAddress.parse(`${host}:1`)?.host, host);
  }
});

test('whatever text is taken as an address is its host and port again', () => {
  const near = fc
    .array(fc.constantFrom(...'[]:.-019afz %/@'), { maxLength: 14 })
    .map((chars) => chars.join(''));
  fc.assert(
    fc.property(fc.oneof(near, fc.string()), (text) => {
      const value = listenAddress.parse(text);
      if (value === undefined) return;
      const host = value.host.includes(':') ? `[${value.host}]` : value.host;
      assert.equal(`${host}:${value.port}`, text);
    }),
    { numRuns: 5_000 },
  );
});

test('what is no address is refused', () => {
  const hosts = ['', '::1', '[::1', '::1]', '[]', '[127.0.0.1]', '[localhost]', '256.0.0.1', '1.2.3', '1'];
  const names = [
    '-a',
    'a-',
    'a..b',
    'a b',
    'a_b',
    'http://a',
    'u@a',
    'ä',
    `${'a'.repeat(64)}.b`,
    'a.'.repeat(127),
  ];
  for (const host of [...hosts, ...names]) assert.equal(listenAddress.parse(`${host}:1`), undefined, host);
  for (const port of ['', '-1', '65536', '1.5', '0x1', ' 1', '1 ', 'http', '01']) {
    assert.equal(listenAddress.parse(`localhost:${port}`), undefined, port);
  }
  for (const text of ['', ':', 'localhost', '[::1]', '50051'])
    assert.equal(listenAddress.parse(text), undefined);
  assert.equal(listenAddress.parse('off'), undefined);
});

test('a listener that may be off is off, or has an address', () => {
  assert.equal(listenAddressOrOff.parse('off'), 'off');
  assert.equal(listenAddressOrOff.parse('OFF'), undefined);
  assert.deepEqual(listenAddressOrOff.parse('[::1]:0'), { host: '::1', port: 0, text: '[::1]:0' });
});

test('an optional path may be empty', () => {
  assert.equal(optionalPath.parse(''), null);
  assert.equal(optionalPath.parse('./a b.json'), './a b.json');
  assert.equal(optionalPath.parse('a\0b'), undefined);
});

test('a user is one word, a prefix of keys has no braces and nothing that a pattern reads', () => {
  assert.equal(userName.parse(''), null);
  assert.equal(userName.parse('claims-service'), 'claims-service');
  for (const text of ['a b', 'a\n', 'ä', 'x'.repeat(129)])
    assert.equal(userName.parse(text), undefined, text);
  for (const text of ['', 'game:7:', 'a/b_c.d-', 'x'.repeat(64)]) assert.equal(keyPrefix.parse(text), text);
  for (const text of ['{a}', 'a}', 'a*', 'a?', '[a]', 'a b', 'a\n', 'ä', 'x'.repeat(65)]) {
    assert.equal(keyPrefix.parse(text), undefined, text);
  }
});

test('the user and password of a URL never stay', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (user, password) => {
      assert.equal(withoutUserInfo(`redis://${user}:${password}@host:6379/0`), 'redis://***@host:6379/0');
    }),
  );
  assert.equal(withoutUserInfo('sqlite:./data/claims.db'), 'sqlite:./data/claims.db');
  assert.equal(withoutUserInfo('redis://host:6379'), 'redis://host:6379');
  assert.equal(withoutUserInfo('redis://host/0?password=hunter2'), 'redis://host/0?***');
  assert.equal(withoutUserInfo('redis://host#hunter2'), 'redis://host#***');
  assert.equal(withoutUserInfo('what?is#this'), 'what?is#this');
});

test('an endpoint is an HTTP URL that says where and nothing else', () => {
  const { parse } = httpEndpointOrOff;
  assert.equal(parse('off'), 'off');
  const taken = {
    'http://localhost:4318': 'http://localhost:4318',
    'https://otlp.example/': 'https://otlp.example',
    'http://[::1]:1/a/b//': 'http://[::1]:1/a/b',
    'http://10.0.0.1': 'http://10.0.0.1',
  };
  for (const [text, url] of Object.entries(taken)) assert.deepEqual(parse(text), { url, text });
  const refused = [
    '',
    'http://',
    'http:host',
    'localhost:4318',
    'grpc://h:4317',
    'http://u:p@h',
    'http://@h',
  ];
  refused.push(
    'http://h?x',
    'http://h#x',
    'http://h h',
    'http://h:65536',
    'http://h\n',
    ' http://h',
    'http:///a',
  );
  for (const text of refused) assert.equal(parse(text), undefined, JSON.stringify(text));
});
