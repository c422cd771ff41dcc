import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { storeLocation } from '../src/store-location.ts';

const port = fc.integer({ min: 1, max: 65_535 });
/** A host as a URL has it and as it is used. */
const host = fc.oneof(
  fc.constantFrom('localhost', 'redis-0.redis', 'h').map((name) => [name, name]),
  fc.ipV4().map((address) => [address, address]),
  fc.ipV6().map((address) => [`[${address}]`, address]),
);
const database = fc.nat({ max: 2 ** 31 - 1 });
const addresses = fc.array(fc.tuple(host, port), { minLength: 1, maxLength: 5 });

function authority(list: readonly (readonly [string[], number])[]): string {
  return list.map(([[written], number]) => `${written}:${number}`).join(',');
}

function used(list: readonly (readonly [string[], number])[]): { host: string; port: number }[] {
  return list.map(([[, name], number]) => ({ host: name, port: number }));
}

test('a file on disk', () => {
  for (const path of [
    './data/claims.db',
    '/var/lib/claims.db',
    'a',
    'C:\\claims.db',
    'with blank.db',
    'ü.db',
  ]) {
    assert.deepEqual(storeLocation.parse(`sqlite:${path}`), { kind: 'sqlite', path, text: `sqlite:${path}` });
  }
  const noFile = ['', ':memory:', 'file:a?mode=memory', 'FILE:a', '//a/b', '///a', 'a\0b', 'a\nb'];
  for (const path of noFile) assert.equal(storeLocation.parse(`sqlite:${path}`), undefined, path);
});

test('one server: its address, its database, and whether over TLS', () => {
  fc.assert(
    fc.property(host, port, database, fc.boolean(), ([written, name], number, db, tls) => {
      const text = `redis${tls ? 's' : ''}://${written}:${number}/${db}`;
      const expected = { kind: 'standalone', host: name, port: number, database: db, tls, text };
      assert.deepEqual(storeLocation.parse(text), expected);
    }),
  );
});

test('what is left out is what Redis takes for it', () => {
  const rest = { kind: 'standalone', host: 'h', port: 6_379, database: 0, tls: false };
  for (const text of ['redis://h', 'redis://h/', 'redis://h:6379', 'redis://h/0']) {
    assert.deepEqual(storeLocation.parse(text), { ...rest, text });
  }
  assert.deepEqual(storeLocation.parse('redis+sentinel://a,b:1/m'), {
    kind: 'sentinel',
    sentinels: [
      { host: 'a', port: 26_379 },
      { host: 'b', port: 1 },
    ],
    master: 'm',
    database: 0,
    tls: false,
    text: 'redis+sentinel://a,b:1/m',
  });
  assert.deepEqual(storeLocation.parse('rediss+cluster://a'), {
    kind: 'cluster',
    nodes: [{ host: 'a', port: 6_379 }],
    tls: true,
    text: 'rediss+cluster://a',
  });
});

test('sentinels and the nodes of a cluster, any number of them', () => {
  fc.assert(
    fc.property(addresses, database, fc.boolean(), (list, db, tls) => {
      const s = tls ? 's' : '';
      const sentinel = `redis${s}+sentinel://${authority(list)}/my.master_1-x/${db}`;
      const cluster = `redis${s}+cluster://${authority(list)}`;
      assert.deepEqual(storeLocation.parse(sentinel), {
        ...{ kind: 'sentinel', sentinels: used(list), master: 'my.master_1-x', database: db },
        ...{ tls, text: sentinel },
      });
      assert.deepEqual(storeLocation.parse(cluster), {
        kind: 'cluster',
        nodes: used(list),
        tls,
        text: cluster,
      });
    }),
  );
});

test('what is no location is refused', () => {
  const schemes = ['', 'sqlite', './a.db', 'SQLITE:a', 'REDIS://h', 'redis:h', 'valkey://h', 'redis+tls://h'];
  const hosts = [
    'redis://',
    'redis:///0',
    'redis://h:0',
    'redis://h:65536',
    'redis://h:',
    'redis://::1',
    'redis://[h]',
  ];
  const paths = ['redis://h/x', 'redis://h/-1', 'redis://h/01', 'redis://h/0/1', 'redis://h/2147483648'];
  const lists = ['redis://a,b', 'redis+cluster://a,', 'redis+cluster://,a', 'redis+cluster://a b'];
  const kinds = [
    'redis+sentinel://a',
    'redis+sentinel://a/',
    'redis+sentinel://a/m/x',
    'redis+sentinel://a/m m',
  ];
  const more = [
    'redis+cluster://a/0',
    'redis://h?db=1',
    'redis://h/0?x',
    'redis://h#x',
    'redis://h\n',
    ' redis://h',
  ];
  for (const text of [...schemes, ...hosts, ...paths, ...lists, ...kinds, ...more]) {
    assert.equal(storeLocation.parse(text), undefined, JSON.stringify(text));
  }
});

test('a user or a password in a URL is refused, wherever it stands', () => {
  for (const userInfo of ['u@', ':p@', 'u:p@', 'u:p@h@', '@']) {
    for (const rest of ['h', 'h:1', 'h:1/0', 'a,b/m']) {
      for (const kind of ['', '+sentinel', '+cluster']) {
        assert.equal(storeLocation.parse(`redis${kind}://${userInfo}${rest}`), undefined);
      }
    }
  }
  assert.equal(storeLocation.parse('redis+cluster://a,u:p@b'), undefined);
});

test('whatever text is taken is kept as it was written', () => {
  const near = fc.array(
    fc.constantFrom('redis', 's', '://', '+cluster', '+sentinel', 'h', ':', '1', '/', ',', '@', '[::1]'),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        near.map((words) => words.join('')),
        fc.string(),
      ),
      (text) => {
        const location = storeLocation.parse(text);
        if (location === undefined) return;
        assert.equal(location.text, text);
        assert.doesNotMatch(text, /@|[\s?#]/);
      },
    ),
    { numRuns: 5_000 },
  );
});
