import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { loadConfig, publicConfig } from '../src/config.ts';
import { SETTINGS, type SettingKey } from '../src/settings.ts';
import {
  FILE_PATH,
  load,
  makeNamedFiles,
  readsOnly,
  refusal,
  removeNamedFiles,
  type Sources,
} from './support/load-config.ts';
import { docsPage } from './support/page.ts';

const KEYS = Object.keys(SETTINGS) as SettingKey[];

before(makeNamedFiles);
after(removeNamedFiles);

/** For every setting two texts that are allowed, neither of them the default. */
const OTHERS: Record<Exclude<SettingKey, 'config'>, readonly [string, string]> = {
  listen: ['127.0.0.1:0', '[::1]:1'],
  healthListen: ['0.0.0.0:0', 'localhost:9001'],
  adminListen: ['off', 'localhost:9000'],
  store: ['redis://h:1/2', 'sqlite:b.db'],
  workers: ['1', '190'],
  ingressThreads: ['1', '64'],
  segments: ['1', '1024'],
  epochLengthMs: ['100', '86400000'],
  validationWindowMs: ['1', '400000'],
  retentionEpochs: ['0', '1000000'],
  tableCapacity: ['1024', '67108864'],
  registryShards: ['1', '64'],
  partition: ['player', 'player'],
  maxClockSkewMs: ['0', '9000'],
  drainTimeoutMs: ['600000', '20000'],
  drainDelayMs: ['1', '15000'],
  maxConnectionAgeMs: ['1', '604800000'],
  sqliteMaxBytes: ['1', '17592186036224'],
  redisUsername: ['claims', 'x'],
  redisPasswordFile: ['password', 'password'],
  redisCaFile: ['ca.pem', 'cert.pem'],
  redisCertFile: ['cert.pem', 'cert.pem'],
  redisKeyFile: ['key.pem', 'key.pem'],
  redisKeyPrefix: ['a:', 'b'],
  redisTimeoutMs: ['100', '600000'],
  reconcileClaimsPerS: ['0', '10000000'],
  stealing: ['false', 'false'],
  reflection: ['false', 'false'],
  traceIds: ['true', 'true'],
  otlpEndpoint: ['http://localhost:4318', 'https://otlp.example/a'],
  otlpMetricsIntervalMs: ['1000', '3600000'],
  otlpHeadersFile: ['headers', 'headers'],
  logLevel: ['silent', 'trace'],
  logFormat: ['json', 'pretty'],
  heapGrowthAlarmMbPerH: ['0', '1000000'],
  gcPauseAlarmMs: ['0', '600000'],
};
const GIVEABLE = Object.keys(OTHERS) as (keyof typeof OTHERS)[];

/** What some settings can't do without. */
const NEEDED: { readonly [K in SettingKey]?: Readonly<Record<string, string>> } = {
  redisUsername: { redisPasswordFile: 'password' },
  redisCertFile: { redisKeyFile: 'key.pem' },
  redisKeyFile: { redisCertFile: 'cert.pem' },
};

/** A text that the setting refuses. */
function refusedBy(key: keyof typeof OTHERS): string {
  return SETTINGS[key].parse('\u00bf') === undefined ? '\u00bf' : '\u00bf\0';
}

test('the defaults are those of the design', () => {
  assert.deepEqual(publicConfig(load({})), {
    config: null,
    listen: '0.0.0.0:50051',
    healthListen: 'off',
    adminListen: '127.0.0.1:9464',
    store: 'sqlite:./data/claims.db',
    workers: 0,
    ingressThreads: 0,
    segments: 64,
    epochLengthMs: 10_000,
    validationWindowMs: 10_000,
    retentionEpochs: 60,
    tableCapacity: 262_144,
    registryShards: 16,
    partition: 'claim',
    maxClockSkewMs: 5_000,
    drainTimeoutMs: 15_000,
    drainDelayMs: 0,
    maxConnectionAgeMs: 0,
    sqliteMaxBytes: 0,
    redisUsername: null,
    redisPasswordFile: null,
    redisCaFile: null,
    redisCertFile: null,
    redisKeyFile: null,
    redisKeyPrefix: '',
    redisTimeoutMs: 2_000,
    reconcileClaimsPerS: 20_000,
    stealing: true,
    reflection: true,
    traceIds: false,
    otlpEndpoint: 'off',
    otlpMetricsIntervalMs: 60_000,
    otlpHeadersFile: null,
    logLevel: 'info',
    logFormat: 'auto',
    heapGrowthAlarmMbPerH: 50,
    gcPauseAlarmMs: 100,
  });
});

test('values come parsed', () => {
  const config = load({ argv: ['--listen=[::1]:0', '--stealing', 'false', '--workers', '3'] });
  assert.deepEqual(config.listen, { host: '::1', port: 0, text: '[::1]:0' });
  assert.deepEqual(config.store, {
    kind: 'sqlite',
    path: './data/claims.db',
    text: 'sqlite:./data/claims.db',
  });
  assert.equal(config.stealing, false);
  assert.equal(config.workers, 3);
  assert.equal(load({ env: { CLAIMS_ADMIN_LISTEN: 'off' } }).adminListen, 'off');
});

test('flag and variable of a setting follow from its key', () => {
  for (const key of KEYS) {
    const words = key.replace(/[A-Z]/g, (letter) => `_${letter}`);
    assert.equal(SETTINGS[key].env, `CLAIMS_${words.toUpperCase()}`);
    assert.equal(SETTINGS[key].flag, `--${words.toLowerCase().replaceAll('_', '-')}`);
  }
});

test('a flag wins over the environment, that over the file, that over the default', () => {
  const pick = fc.constantFrom(undefined, 0, 1);
  fc.assert(
    fc.property(fc.constantFrom(...GIVEABLE), pick, pick, pick, (key, flag, variable, file) => {
      const { flag: flagName, env: variableName, default: defaultText } = SETTINGS[key];
      const text = (index: number | undefined) => (index === undefined ? undefined : OTHERS[key][index]);
      const argv = flag === undefined ? [] : [flagName, OTHERS[key][flag]];
      const env = {
        CLAIMS_CONFIG: FILE_PATH,
        ...(variable === undefined ? {} : { [variableName]: text(variable) }),
      };
      const winner = text(flag) ?? text(variable) ?? text(file) ?? defaultText;
      const needed = winner === defaultText ? {} : (NEEDED[key] ?? {});
      const content = file === undefined ? needed : { [key]: text(file), ...needed };
      const shown = publicConfig(load({ argv, env, file: content }));
      assert.equal(String(shown[key] ?? ''), winner);
      for (const other of GIVEABLE) {
        if (other === key || other in needed) continue;
        assert.equal(String(shown[other] ?? ''), SETTINGS[other].default);
      }
    }),
    { numRuns: 500 },
  );
});

test('the file takes numbers and booleans as such, and a flag can undo a variable that names it', () => {
  const file = { workers: 7, stealing: false, logLevel: 'debug', epochLengthMs: '500' };
  const config = load({ argv: ['--config', FILE_PATH], file });
  assert.deepEqual([config.workers, config.stealing, config.logLevel], [7, false, 'debug']);
  assert.equal(config.epochLengthMs, 500);
  assert.equal(config.config, FILE_PATH);
  assert.equal(load({ argv: ['--config', ''], env: { CLAIMS_CONFIG: FILE_PATH }, file }).workers, 0);
});

test('the environment of this process has no part in it', () => {
  process.env[SETTINGS.workers.env] = '9';
  try {
    assert.equal(load({}).workers, 0);
    assert.equal(load({ argv: ['--workers', '2'] }).workers, 2);
  } finally {
    delete process.env[SETTINGS.workers.env];
  }
});

test('a variable common to many programs counts where the setting is not given itself', () => {
  const common = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://common:4318' };
  const endpoint = (sources: Sources) => {
    const { otlpEndpoint } = load(sources);
    return otlpEndpoint === 'off' ? otlpEndpoint : otlpEndpoint.text;
  };
  assert.equal(endpoint({ env: common }), 'http://common:4318');
  assert.equal(endpoint({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: '' } }), 'off');
  assert.equal(endpoint({ env: { ...common, CLAIMS_OTLP_ENDPOINT: 'off' } }), 'off');
  assert.equal(endpoint({ env: common, argv: ['--otlp-endpoint', 'http://own'] }), 'http://own');
  const file = { otlpEndpoint: 'http://file' };
  assert.equal(endpoint({ env: { ...common, CLAIMS_CONFIG: FILE_PATH }, file }), 'http://file');
  assert.equal(
    refusal({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://me:secret@common' } }),
    `OTEL_EXPORTER_OTLP_ENDPOINT: "http://***@common" is not allowed; allowed: ${SETTINGS.otlpEndpoint.allowed}`,
  );
});

test('a value that is not allowed is named as it was given', () => {
  const allowed = 'an integer from 0 to 190';
  assert.equal(
    refusal({ argv: ['--workers', '1e1'] }),
    `--workers: "1e1" is not allowed; allowed: ${allowed}`,
  );
  assert.equal(
    refusal({ env: { CLAIMS_WORKERS: '' } }),
    `CLAIMS_WORKERS: "" is not allowed; allowed: ${allowed}`,
  );
  const argv = ['--config', FILE_PATH];
  assert.equal(
    refusal({ argv, file: { workers: 255 } }),
    `workers in claimd.json: "255" is not allowed; allowed: ${allowed}`,
  );
  for (const value of [null, [], {}, [1], 1.5, 1e21, true]) {
    assert.match(
      refusal({ argv, file: { workers: value } }),
      /^workers in claimd\.json: ".*" is not allowed/,
    );
  }
});

test('every setting refuses what it does not allow, from each source', () => {
  for (const key of GIVEABLE) {
    const { flag, env, allowed } = SETTINGS[key];
    const text = refusedBy(key);
    const end = `: ${JSON.stringify(text)} is not allowed; allowed: ${allowed}`;
    assert.equal(refusal({ argv: [flag, text] }), `${flag}${end}`);
    assert.equal(refusal({ env: { [env]: text } }), `${env}${end}`);
    const file = { [key]: text };
    assert.equal(refusal({ env: { CLAIMS_CONFIG: FILE_PATH }, file }), `${key} in claimd.json${end}`);
  }
});

test('what is unknown is named, with what is known', () => {
  const variable = refusal({ env: { CLAIMS_WORKER: '3' } });
  assert.match(variable, /^CLAIMS_WORKER: unknown \(value "3"\); allowed: CLAIMS_CONFIG, CLAIMS_LISTEN, /);
  const env = { CLAIMS_CONFIG: FILE_PATH };
  assert.match(
    refusal({ env, file: { Workers: 3 } }),
    /^Workers in claimd\.json: unknown \(value "3"\); allowed: /,
  );
  assert.match(refusal({ env, file: { config: 'a' } }), /^config in claimd\.json: unknown/);
  assert.match(refusal({ env, file: '{"__proto__": 1}' }), /^__proto__ in claimd\.json: unknown/);
  assert.match(refusal({ argv: ['--wrkers', '3'] }), /'--wrkers' \(Did you mean --workers\?\); allowed: /);
  assert.match(refusal({ argv: ['--workers'] }), /'--workers <value>' argument missing; allowed: /);
  assert.equal(
    refusal({ argv: ['start\n'] }),
    '"start\\n": unknown argument; allowed: what claimd --help lists',
  );
});

test('variables that are not of this server are passed over', () => {
  assert.equal(
    load({ env: { CLAIMS_ADDRESS: 'localhost:1', PATH: '/bin', XCLAIMS_WORKERS: 'x' } }).workers,
    0,
  );
});

test('a file that is none is named with the flag or variable that named it', () => {
  const argv = ['--config', FILE_PATH];
  assert.equal(
    refusal({ argv: ['--config', 'none.json'] }),
    '--config: "none.json" is not allowed; allowed: a file that can be read (ENOENT)',
  );
  assert.match(refusal({ env: { CLAIMS_CONFIG: 'none.json' } }), /^CLAIMS_CONFIG: "none\.json"/);
  const broken = refusal({ argv, file: '{\n "workers": 1,\n secret\n}' });
  assert.equal(
    broken,
    '--config: "claimd.json" is not allowed; allowed: a file of JSON (this one is none at line 3 column 2)',
  );
  assert.match(refusal({ argv, file: '{"workers": 1' }), /a file of JSON \(this one is none at /);
  for (const file of ['[]', 'null', '1', '"text"']) {
    assert.match(refusal({ argv, file }), /a file with one JSON object of settings$/);
  }
});

test('no credential of a URL or of an unknown name is told', () => {
  const url = 'redis://user:hun@ter2@host:6379/0';
  const file = { store: url, storeUrl: url };
  const lines = [
    refusal({ env: { CLAIMS_STORE: url } }),
    refusal({ argv: [`--store=${url}`] }),
    refusal({ argv: [`--stor=${url}`] }),
    refusal({ argv: [url] }),
    refusal({ env: { CLAIMS_STORE_URL: url } }),
    refusal({ env: { CLAIMS_REDIS_PASSWORD: 'hunter2' } }),
    refusal({ argv: ['--config', FILE_PATH], file }),
    refusal({ argv: ['--config', FILE_PATH], file: `{"store": "${url}}` }),
  ];
  for (const line of lines) assert.doesNotMatch(line, /user:|hun|ter2/);
  assert.match(
    lines[0],
    /^CLAIMS_STORE: "redis:\/\/\*\*\*@host:6379\/0" is not allowed; .*no user or password \(redisUsername, redisPasswordFile\)$/,
  );
});

test('no text whatever breaks the line or escapes the check', () => {
  const key = fc.constantFrom(...GIVEABLE);
  fc.assert(
    fc.property(key, fc.string({ unit: 'binary' }), (setting, text) => {
      const { env, parse } = SETTINGS[setting];
      if (parse(text) === undefined) assert.ok(refusal({ env: { [env]: text } }).startsWith(`${env}: "`));
    }),
    { numRuns: 200 },
  );
});

test('window and skew fit the expiry wheel of so many epochs', () => {
  const argv = (windowMs: number, skewMs: number) => [
    ...['--epoch-length-ms', '100', '--validation-window-ms', String(windowMs)],
    ...['--max-clock-skew-ms', String(skewMs)],
  ];
  assert.equal(load({ argv: argv(409_600, 0) }).validationWindowMs, 409_600);
  assert.equal(load({ argv: argv(400_000, 9_600) }).maxClockSkewMs, 9_600);
  assert.equal(
    refusal({ argv: argv(409_601, 0) }),
    '--validation-window-ms: "409601" is not allowed; allowed: validationWindowMs + maxClockSkewMs (here 409601) at most 4096 × epochLengthMs (here 409600)',
  );
  assert.match(refusal({ argv: argv(400_000, 9_601) }), /^--validation-window-ms: "400000"/);
  // The one that was given is blamed, not a default.
  const env = { CLAIMS_MAX_CLOCK_SKEW_MS: '600000', CLAIMS_EPOCH_LENGTH_MS: '100' };
  assert.match(refusal({ env }), /^CLAIMS_MAX_CLOCK_SKEW_MS: "600000"/);
});

test('the listener closes before the hard stop', () => {
  assert.equal(load({ argv: ['--drain-delay-ms', '15000'] }).drainDelayMs, 15_000);
  assert.equal(
    refusal({ argv: ['--drain-delay-ms', '15001'] }),
    '--drain-delay-ms: "15001" is not allowed; allowed: drainDelayMs (here 15001) at most drainTimeoutMs (here 15000)',
  );
  const env = { CLAIMS_DRAIN_DELAY_MS: '1' };
  assert.equal(load({ env, argv: ['--drain-timeout-ms', '1'] }).drainTimeoutMs, 1);
  assert.match(refusal({ env, argv: ['--drain-timeout-ms', '0'] }), /^CLAIMS_DRAIN_DELAY_MS: "1"/);
});

test('help lists every flag with its variable, default and what is allowed', () => {
  const loaded = loadConfig(['--help'], {}, readsOnly(undefined));
  assert.ok('notice' in loaded);
  const help = loaded.notice.replace(/\s+/g, ' ');
  for (const key of KEYS) {
    const { flag, env, default: text, allowed, description } = SETTINGS[key];
    const line = `${flag} <value> ${description}. Allowed: ${allowed} (default: ${text || 'none'}, env: ${env})`;
    assert.ok(help.includes(line), line);
  }
});

test('version prints the version of the package', () => {
  const loaded = loadConfig(['--version'], {}, (path) => readFileSync(path, 'utf8'));
  assert.ok('notice' in loaded);
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  assert.equal(loaded.notice, `claimd ${version}\n`);
});

test('docs/settings.md and the table of settings say the same', () => {
  const page = docsPage('settings.md');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const expected = KEYS.map((key) => {
    const { flag, env, default: text, allowed, description } = SETTINGS[key];
    const cells = [`\`${key}\``, `\`${flag}\``, `\`${env}\``, text === '' ? 'none' : `\`${text}\``];
    return `| ${[...cells, allowed, description].join(' | ')} |`;
  });
  assert.deepEqual(rows, expected);
});
