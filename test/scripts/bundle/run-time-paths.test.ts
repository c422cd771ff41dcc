/** Places that modules name: what is in the bundle is found from there, what is not fails the build. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPlaces, placeLibraryModule, placeModule } from '../../../scripts/bundle/run-time-paths.ts';

test('a thread whose module is an entry, and files that are copied or lie beside dist, are let pass', () => {
  checkPlaces(
    'pool/threaded-pool.ts',
    "new Piscina({ filename: fileURLToPath(threadEntry(import.meta.url, './segment-worker')) });",
  );
  checkPlaces('store/redis/scripts.ts', `new URL(\`./scripts/\${name}.lua\`, import.meta.url);`);
  checkPlaces('wire/definitions.ts', "fileURLToPath(new URL('../../proto', import.meta.url));");
  checkPlaces('wire/a.ts', '// import.meta.url\n/* new Worker(file) */ const a = 1;');
});

const REFUSED: readonly (readonly [what: string, path: string, code: string, error: RegExp])[] = [
  [
    'a thread that is no entry',
    'wire/a.ts',
    "new Worker(threadEntry(import.meta.url, './b'));",
    /src\/wire\/a\.ts starts a thread of wire\/b\.js, which is not among ENTRIES/,
  ],
  [
    'a file that is not copied',
    'wire/a.ts',
    "new URL('./words.txt', import.meta.url);",
    /src\/wire\/a\.ts reads wire\/words\.txt, which is not in FOLDERS/,
  ],
  [
    'a thread by another way',
    'wire/a.ts',
    "new Worker(new URL('../../proto', import.meta.url));",
    /src\/wire\/a\.ts starts a thread whose module is not named/,
  ],
  ['a thread of a path', 'wire/a.ts', 'new Worker(path);', /src\/wire\/a\.ts starts a thread/],
  ['a folder in other words', 'wire/a.ts', 'join(import.meta.dirname, name);', /import\.meta is known as/],
];

for (const [what, path, code, error] of REFUSED) {
  test(`refused: ${what}`, () => assert.throws(() => checkPlaces(path, code), error));
}

test('beside itself is, for a module, where it would lie in dist', () => {
  const source = "threadEntry(import.meta.url, './segment-worker')";
  assert.equal(
    placeModule('pool/threaded-pool.ts', source, '.'),
    'threadEntry(new URL("./pool/threaded-pool.js", import.meta.url).href, \'./segment-worker\')',
  );
  assert.equal(
    placeModule('config.ts', 'import.meta.url', 'claimctl'),
    'new URL("../config.js", import.meta.url).href',
  );
});

test('a library finds its files in the folder of libraries', () => {
  assert.equal(
    placeLibraryModule('piscina/dist/index.js', "resolve(__dirname, 'worker.js')", 'claimctl'),
    'resolve((__dirname + "/../libraries/piscina/dist"), \'worker.js\')',
  );
});

test('a library that begins to read files is noticed', () => {
  assert.throws(
    () => placeLibraryModule('long/index.js', 'readFileSync(__dirname)', '.'),
    /long\/index\.js names files by its own place/,
  );
  assert.equal(placeLibraryModule('long/index.js', '// __dirname', '.'), '// __dirname');
});
