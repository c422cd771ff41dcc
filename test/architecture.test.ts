/**
 * The shape of the sources, as rules: which folder may import which, who constructs, where time
 * and chance come from, how long a file may be, what may not be written at all. Each rule is a
 * function over sources, shown to fail on made-up ones before it is held against ours.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
const MAX_LINES = 400;

/**
 * The rooms of src, highest first: a file imports from its own room and from lower ones. The engine
 * lies below the wire, which serves it; settings above the store, since they say where it is; limits
 * above entries, whose bytes they count.
 */
const ROOMS = [
  'main.ts',
  'make-store.ts',
  'make-telemetry.ts',
  'config.ts',
  'settings.ts',
  'store-location.ts',
  'thread-counts.ts',
  'metrics',
  'serving',
  'wire',
  'admin',
  'engine.ts',
  'ingress',
  'coordinator',
  'committer',
  'pool',
  'segment',
  'registry',
  'store',
  'partitioner',
  'config-files.ts',
  'config-values.ts',
  'limits.ts',
  'entries',
  'telemetry',
  'clock',
  'domain',
];

/** The client stands apart: of the server it knows the words, and the clock, which is nobody's. */
const CLIENT = 'claimctl';
const CLIENT_IMPORTS = [CLIENT, 'clock', 'domain'];
/** Its import writes to a registry itself, so it knows the store and what claimd's settings say of it. */
const IMPORT = /^src\/claimctl\/import\//;
const IMPORT_IMPORTS = [...CLIENT_IMPORTS, 'config.ts', 'settings.ts', 'limits.ts', 'store'];

/** Libraries that are one room's affair, and the client's where it is a program of its own. */
const LIBRARY_ROOMS: Readonly<Record<string, readonly string[]>> = {
  '@grpc/grpc-js': ['wire', CLIENT],
  '@grpc/proto-loader': ['wire', CLIENT],
  '@grpc/reflection': ['wire'],
  'grpc-health-check': ['wire'],
  protobufjs: ['wire', CLIENT],
  piscina: ['pool'],
  'node:sqlite': ['store'],
  'node:worker_threads': ['pool', 'serving', 'store'],
  'node:http': ['admin', 'telemetry'],
  pino: ['telemetry'],
  '@opentelemetry/api': ['telemetry'],
  '@opentelemetry/exporter-prometheus': ['telemetry'],
  '@opentelemetry/sdk-metrics': ['telemetry'],
  commander: ['config.ts', CLIENT],
  ioredis: ['store'],
};

/** What main.ts alone makes, with make-store.ts, so that a test can make it otherwise. */
const CONSTRUCTED_BY_MAIN = [
  'ThreadedPool',
  'SqliteStore',
  'RedisStore',
  'LoneServer',
  'ThreadedServer',
  'Listener',
  'AdminServer',
  'MeteredStore',
];
const CONSTRUCTORS = ['src/main.ts', 'src/make-store.ts'];

/** The files that may take chance where they find it, besides src/clock: where programs begin. */
const CHANCE_FROM = ['src/main.ts', 'src/claimctl/main.ts'];

interface Source {
  /** From the repository's root, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** A rule gives what breaks it, a line each. */
type Rule = (sources: readonly Source[]) => string[];

/** Comments, strings, templates, regular expressions: what is not code. */
const NOT_CODE =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=(?:[(,=:[!&|?{};+]|\breturn)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g;

/** The code alone: of a string nothing is left, of a template what it interpolates. */
function codeOf({ text }: Source): string {
  return text.replace(NOT_CODE, (token) => {
    if (token.startsWith('`')) return ` ${token.match(/\$\{[^}]*\}/g)?.join(' ') ?? ''} `;
    return token.startsWith('/') ? ' ' : "''";
  });
}

function withoutComments({ text }: Source): string {
  return text.replace(NOT_CODE, (token) => (/^\/[*/]/.test(token) ? ' ' : token));
}

/** What the file imports or exports from: paths from the root for ours, names for libraries. */
function importsOf(source: Source): string[] {
  const found = withoutComments(source).matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g);
  return [...found].map(([, specifier]) =>
    specifier.startsWith('.') ? join(dirname(source.path), specifier) : specifier,
  );
}

function roomOf(path: string): string {
  return path.split('/')[1];
}

function inSrc(sources: readonly Source[]): Source[] {
  return sources.filter(({ path }) => path.startsWith('src/'));
}

/** Whether a file may import from a room. */
function mayImport(path: string, to: string): boolean {
  const from = roomOf(path);
  if (from === CLIENT) return (IMPORT.test(path) ? IMPORT_IMPORTS : CLIENT_IMPORTS).includes(to);
  if (to === CLIENT) return false;
  return from === to || ROOMS.indexOf(from) < ROOMS.indexOf(to);
}

const importsGoDown: Rule = (sources) =>
  inSrc(sources).flatMap((source) => {
    const from = roomOf(source.path);
    if (from !== CLIENT && !ROOMS.includes(from)) return [`${source.path}: ${from} has no rank in ROOMS`];
    return importsOf(source)
      .filter((path) => path.startsWith('src/') && !mayImport(source.path, roomOf(path)))
      .map((path) => `${source.path} imports ${path}`);
  });

/** Nothing of src reaches out of it, but for packages; domain needs nothing at all. */
const importsStayInside: Rule = (sources) =>
  inSrc(sources).flatMap((source) =>
    importsOf(source)
      .filter((name) => /^(?:\.|test\/|loadtest\/|scripts\/)/.test(name) || roomOf(source.path) === 'domain')
      .filter((name) => !name.startsWith('src/domain/'))
      .map((name) => `${source.path} imports ${name}`),
  );

const librariesHaveRooms: Rule = (sources) =>
  inSrc(sources).flatMap((source) =>
    importsOf(source)
      .filter((name) => LIBRARY_ROOMS[name]?.includes(roomOf(source.path)) === false)
      .map((name) => `${source.path} imports ${name}`),
  );

const noCycles: Rule = (sources) => {
  const imports = new Map(inSrc(sources).map((source) => [source.path, importsOf(source)]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) cycles.push([...way.slice(way.indexOf(path)), path].join(' → '));
    if (way.includes(path) || done.has(path)) return;
    for (const next of imports.get(path) ?? []) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return cycles;
};

const onlyMainConstructs: Rule = (sources) =>
  inSrc(sources)
    .filter(({ path }) => !CONSTRUCTORS.includes(path))
    .flatMap((source) => {
      const code = codeOf(source);
      return CONSTRUCTED_BY_MAIN.filter(
        (name) =>
          new RegExp(`\\bnew\\s+${name}\\b`).test(code) && !new RegExp(`\\bclass\\s+${name}\\b`).test(code),
      ).map((name) => `${source.path} makes a ${name}`);
    });

const TIME = /\bDate\.now\b|\bnew\s+Date\s*\(\s*\)|\bperformance\.now\b|\bhrtime\b/g;
const CHANCE = /\bMath\.random\b|\brandom(?:Bytes|Int|UUID|FillSync)\b|\bgetRandomValues\b/g;

const timeAndChanceAreInjected: Rule = (sources) =>
  inSrc(sources)
    .filter(({ path }) => roomOf(path) !== 'clock')
    .flatMap((source) => {
      const code = codeOf(source);
      const chance = CHANCE_FROM.includes(source.path) ? [] : (code.match(CHANCE) ?? []);
      return [...(code.match(TIME) ?? []), ...chance].map((call) => `${source.path}: ${call}`);
    });

const filesAreShort: Rule = (sources) =>
  sources
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => `${path}: ${lines} lines`);

const ANY = /(?::|<|\||&|=>|\bas|\bextends|\bis)\s*any\b(?!\s*[.(])|,\s*any\s*>|\bany\[\]/g;
const LEFT_OUT =
  /\b(?:test|it|describe|suite)\.(?:only|skip|todo)\b|\b(?:only|skip|todo)\s*:\s*(?:true\b|'')/g;
const UNDONE = /@ts-(?:ignore|nocheck|expect-error)\b|\b(?:TODO|FIXME|XXX)\b|biome-ignore\b/g;

const nothingIsPutOff: Rule = (sources) =>
  sources.flatMap((source) => {
    const code = codeOf(source);
    const found = [code.match(ANY), code.match(LEFT_OUT), source.text.match(UNDONE)];
    return found.flatMap((matches) => matches ?? []).map((match) => `${source.path}: ${match.trim()}`);
  });

function made(path: string, text: string): Source {
  return { path, text };
}

/** For each rule a name, sources that break it with what it says of them, and sources that don't. */
const RULES: readonly {
  readonly name: string;
  readonly rule: Rule;
  readonly broken: readonly (readonly [readonly Source[], string])[];
  readonly kept: readonly Source[];
}[] = [
  {
    name: 'imports go one way, downwards, and claimctl, but for its import, knows of the server its words alone',
    rule: importsGoDown,
    broken: [
      [
        [made('src/store/a.ts', "import { B } from '../segment/b.ts';")],
        'src/store/a.ts imports src/segment/b.ts',
      ],
      [
        [made('src/pool/a.ts', "export type { B } from '../wire/b.ts';")],
        'src/pool/a.ts imports src/wire/b.ts',
      ],
      [
        [made('src/domain/a.ts', "const b = import('../limits.ts');")],
        'src/domain/a.ts imports src/limits.ts',
      ],
      [
        [made('src/wire/a.ts', "import type {\n  B,\n} from '../main.ts';")],
        'src/wire/a.ts imports src/main.ts',
      ],
      [[made('src/wire/a.ts', "import '../claimctl/b.ts';")], 'src/wire/a.ts imports src/claimctl/b.ts'],
      [
        [made('src/claimctl/a.ts', "import { B } from '../wire/b.ts';")],
        'src/claimctl/a.ts imports src/wire/b.ts',
      ],
      [
        [made('src/claimctl/input.ts', "import { B } from '../store/b.ts';")],
        'src/claimctl/input.ts imports src/store/b.ts',
      ],
      [[made('src/cache/a.ts', '')], 'src/cache/a.ts: cache has no rank in ROOMS'],
    ],
    kept: [
      made('src/pool/a.ts', "// from '../wire/b.ts'\nimport { B } from '../segment/b.ts';\nimport './c.ts';"),
      made('src/claimctl/a.ts', "import { Outcome } from '../domain/claim.ts';"),
      made('src/claimctl/import/a.ts', "import { B } from '../store/b.ts';"),
    ],
  },
  {
    name: 'src imports nothing of tests and tools, and domain nothing but itself',
    rule: importsStayInside,
    broken: [
      [[made('src/pool/a.ts', "import '../../test/b.ts';")], 'src/pool/a.ts imports test/b.ts'],
      [[made('src/domain/a.ts', "import { x } from 'node:fs';")], 'src/domain/a.ts imports node:fs'],
    ],
    kept: [
      made('src/domain/a.ts', "import { x } from './b.ts';"),
      made('src/pool/a.ts', "import 'node:fs';"),
    ],
  },
  {
    name: 'a library is used in the rooms that are there for it',
    rule: librariesHaveRooms,
    broken: [
      [
        [made('src/segment/a.ts', "import { status } from '@grpc/grpc-js';")],
        'src/segment/a.ts imports @grpc/grpc-js',
      ],
      [[made('src/pool/a.ts', "import 'node:sqlite';")], 'src/pool/a.ts imports node:sqlite'],
    ],
    kept: [made('src/store/a.ts', "import { DatabaseSync } from 'node:sqlite';\nimport 'node:fs';")],
  },
  {
    name: 'no files import each other in a circle',
    rule: noCycles,
    broken: [
      [
        [
          made('src/pool/a.ts', "import './b.ts';"),
          made('src/pool/b.ts', "import './c.ts';"),
          made('src/pool/c.ts', "import type { B } from './b.ts';"),
        ],
        'src/pool/b.ts → src/pool/c.ts → src/pool/b.ts',
      ],
      [[made('src/pool/a.ts', "import './a.ts';")], 'src/pool/a.ts → src/pool/a.ts'],
    ],
    kept: [
      made('src/pool/a.ts', "import './b.ts';\nimport './c.ts';"),
      made('src/pool/b.ts', "import './c.ts';"),
      made('src/pool/c.ts', ''),
    ],
  },
  {
    name: 'main.ts alone makes threads, stores and servers',
    rule: onlyMainConstructs,
    broken: [
      [
        [made('src/engine.ts', 'const pool = new ThreadedPool(memory);')],
        'src/engine.ts makes a ThreadedPool',
      ],
    ],
    kept: [
      made('src/main.ts', 'new ThreadedServer(options);'),
      made('src/make-store.ts', 'new SqliteStore(options);'),
      made(
        'src/store/sqlite/sqlite-store.ts',
        'class SqliteStore { static open() { return new SqliteStore(); } }',
      ),
      made('src/engine.ts', '// new ThreadedServer()\nnew Engine();'),
    ],
  },
  {
    name: 'time and chance are injected: they come from src/clock, and where programs begin',
    rule: timeAndChanceAreInjected,
    broken: [
      [[made('src/pool/a.ts', 'const t = Date.now();')], 'src/pool/a.ts: Date.now'],
      [[made('src/pool/a.ts', `const t = \`\${performance.now()} ms\`;`)], 'src/pool/a.ts: performance.now'],
      [[made('src/claimctl/main.ts', 'const t = new Date();')], 'src/claimctl/main.ts: new Date()'],
      [[made('src/store/a.ts', 'const x = Math.random() * 2;')], 'src/store/a.ts: Math.random'],
      [[made('src/claimctl/a.ts', 'randomInt(7);')], 'src/claimctl/a.ts: randomInt'],
      [[made('src/wire/a.ts', 'process.hrtime.bigint();')], 'src/wire/a.ts: hrtime'],
    ],
    kept: [
      made('src/clock/clock.ts', 'Date.now();'),
      made('src/claimctl/output.ts', 'new Date(timestampMs).toISOString();'),
      made('src/claimctl/main.ts', 'randomInt(7);'),
      made('src/main.ts', 'randomUUID();'),
      made('src/pool/a.ts', "// not Date.now()\nconst text = 'Math.random';"),
      made('test/a.test.ts', 'Date.now();'),
    ],
  },
  {
    name: `no file is longer than ${MAX_LINES} lines`,
    rule: filesAreShort,
    broken: [[[made('test/a.ts', 'x;\n'.repeat(MAX_LINES + 1))], `test/a.ts: ${MAX_LINES + 1} lines`]],
    kept: [made('test/a.ts', 'x;\n'.repeat(MAX_LINES))],
  },
  {
    name: 'nothing is put off, left out or hidden from the checks',
    rule: nothingIsPutOff,
    broken: [
      [[made('src/a.ts', 'function f(x: any) {}')], 'src/a.ts: : any'],
      [[made('src/a.ts', 'const x = y as any;')], 'src/a.ts: as any'],
      [[made('src/a.ts', 'const x: Map<string, any> = y;')], 'src/a.ts: , any>'],
      [[made('src/a.ts', '// @ts-ignore\nx();')], 'src/a.ts: @ts-ignore'],
      [[made('src/a.ts', '/* FIXME later */')], 'src/a.ts: FIXME'],
      [[made('test/a.test.ts', "test.only('x', f);")], 'test/a.test.ts: test.only'],
      [[made('test/a.test.ts', "test('x', { skip: 'flaky' }, f);")], "test/a.test.ts: skip: ''"],
    ],
    kept: [
      made('src/a.ts', "// any of them\nconst any = f(any.length); const s = ': any';\nPromise.any(all);"),
      made('test/a.test.ts', "test('skips and todo lists', f);"),
    ],
  },
];

/** Every file of ours but this one, which must write what it forbids. */
function ourSources(): Source[] {
  return ['src', 'test', 'loadtest', 'scripts']
    .filter((folder) => existsSync(join(REPOSITORY, folder)))
    .flatMap((folder) =>
      readdirSync(join(REPOSITORY, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(?:[cm]?[jt]s|py|sh)$/.test(name))
        .map((name) => `${folder}/${name.replaceAll('\\', '/')}`),
    )
    .filter((path) => join(REPOSITORY, path) !== fileURLToPath(import.meta.url))
    .map((path) => ({ path, text: readFileSync(join(REPOSITORY, path), 'utf8') }));
}

const sources = ourSources();

for (const { name, rule, broken, kept } of RULES) {
  test(`${name}: made-up sources`, () => {
    for (const [planted, message] of broken) assert.deepEqual(rule(planted), [message]);
    assert.deepEqual(rule(kept), []);
  });

  test(name, () => {
    assert.deepEqual(rule(sources), []);
  });
}

test('every import of ours is of a file that is there, and every room is in use', () => {
  const paths = new Set(sources.map(({ path }) => path));
  const missing = inSrc(sources).flatMap((source) =>
    importsOf(source).filter((path) => path.startsWith('src/') && !paths.has(path)),
  );
  assert.deepEqual(missing, []);
  const rooms = new Set(inSrc(sources).map(({ path }) => roomOf(path)));
  assert.deepEqual(rooms, new Set([...ROOMS, CLIENT]));
});
