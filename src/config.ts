/**
 * The settings of claimd: one table makes the flags, the environment, the configuration file, the
 * help and (by its test) docs/settings.md. A flag wins over the environment, that over the file,
 * that over the default. Whatever is unknown or not allowed is a ConfigError of one line.
 */
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, Option } from 'commander';
import * as values from './config-values.ts';
import { withoutUserInfo } from './config-values.ts';
import { PARTITION_MODES } from './domain/claim.ts';
import { ClaimsError } from './domain/errors.ts';
import { SEGMENTS_MAX, TABLE_CAPACITY_MAX, WINDOW_MAX_EPOCHS, WORKERS_MAX } from './limits.ts';

export type { ListenAddress, StoreLocation } from './config-values.ts';

type SettingValue = string | number | boolean | null | { readonly text: string };

interface Setting<T extends SettingValue = SettingValue> extends values.Kind<T> {
  readonly flag: string;
  readonly env: string;
  /** As text, in the words a user would give. */
  readonly default: string;
  readonly description: string;
}

const EPOCH_LENGTH_MAX_MS = 86_400_000;
/** Ten minutes: more is a wrong unit rather than a wish. */
const DELAY_MAX_MS = 600_000;
/** SQLite's bound: 2^32 − 2 pages of 4,096 bytes. */
const SQLITE_FILE_MAX_BYTES = (2 ** 32 - 2) * 4_096;
const REGISTRY_SHARDS_MAX = 1_024;
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** Every setting, by its key in the configuration file. */
export const SETTINGS = {
  config: {
    flag: '--config',
    env: 'CLAIMS_CONFIG',
    default: '',
    ...values.optionalPath,
    description: 'JSON file with any of these settings by key, except this one',
  },
  listen: {
    flag: '--listen',
    env: 'CLAIMS_LISTEN',
    default: '0.0.0.0:50051',
    ...values.listenAddress,
    description: 'where gRPC is served',
  },
  adminListen: {
    flag: '--admin-listen',
    env: 'CLAIMS_ADMIN_LISTEN',
    default: '127.0.0.1:9464',
    ...values.listenAddressOrOff,
    description: 'where /metrics, /healthz, /readyz and /config are served over HTTP',
  },
  store: {
    flag: '--store',
    env: 'CLAIMS_STORE',
    default: 'sqlite:./data/claims.db',
    ...values.storeLocation,
    description: 'where the registry is kept',
  },
  workers: {
    flag: '--workers',
    env: 'CLAIMS_WORKERS',
    default: '0',
    ...values.integer(0, WORKERS_MAX),
    description: 'segment worker threads; 0: one for each core',
  },
  ingressThreads: {
    flag: '--ingress-threads',
    env: 'CLAIMS_INGRESS_THREADS',
    default: '1',
    ...values.integer(1, 1),
    description: 'threads that serve gRPC',
  },
  segments: {
    flag: '--segments',
    env: 'CLAIMS_SEGMENTS',
    default: '64',
    ...values.powerOfTwo(SEGMENTS_MAX),
    description: 'parts the table of claims is divided into, shared out among the workers',
  },
  epochLengthMs: {
    flag: '--epoch-length-ms',
    env: 'CLAIMS_EPOCH_LENGTH_MS',
    default: '10000',
    ...values.integer(100, EPOCH_LENGTH_MAX_MS),
    description: 'length of an epoch; kept in the registry, the same for all its replicas',
  },
  validationWindowMs: {
    flag: '--validation-window-ms',
    env: 'CLAIMS_VALIDATION_WINDOW_MS',
    default: '10000',
    ...values.integer(1, WINDOW_MAX_EPOCHS * EPOCH_LENGTH_MAX_MS),
    description: `how long after its timestamp a claim can be validated, rounded up to epochs; with maxClockSkewMs at most ${WINDOW_MAX_EPOCHS} epochs; kept in the registry`,
  },
  retentionEpochs: {
    flag: '--retention-epochs',
    env: 'CLAIMS_RETENTION_EPOCHS',
    default: '60',
    ...values.integer(0, 1_000_000),
    description: 'epochs for which a claim is kept after the one in which it ended; kept in the registry',
  },
  tableCapacity: {
    flag: '--table-capacity',
    env: 'CLAIMS_TABLE_CAPACITY',
    default: '262144',
    ...values.integer(1_024, TABLE_CAPACITY_MAX),
    description: 'claims the table holds, rounded up to a power of two; allocated at start',
  },
  registryShards: {
    flag: '--registry-shards',
    env: 'CLAIMS_REGISTRY_SHARDS',
    default: '16',
    ...values.powerOfTwo(REGISTRY_SHARDS_MAX),
    description: 'hashes a registry in Redis is divided into; the embedded store has no use for it',
  },
  partition: {
    flag: '--partition',
    env: 'CLAIMS_PARTITION',
    default: 'claim',
    ...values.oneOf(PARTITION_MODES),
    description: 'whether a claim id exists once, or once for each player; kept in the registry',
  },
  maxClockSkewMs: {
    flag: '--max-clock-skew-ms',
    env: 'CLAIMS_MAX_CLOCK_SKEW_MS',
    default: '5000',
    ...values.integer(0, DELAY_MAX_MS),
    description: 'how far a timestamp may lie from server time, and this clock ahead of that of the store',
  },
  drainTimeoutMs: {
    flag: '--drain-timeout-ms',
    env: 'CLAIMS_DRAIN_TIMEOUT_MS',
    default: '15000',
    ...values.integer(0, DELAY_MAX_MS),
    description: 'the hard stop: how long after SIGTERM calls still in flight are cut off',
  },
  drainDelayMs: {
    flag: '--drain-delay-ms',
    env: 'CLAIMS_DRAIN_DELAY_MS',
    default: '0',
    ...values.integer(0, DELAY_MAX_MS),
    description:
      'how long after SIGTERM health says NOT_SERVING before the listener closes, for load balancers; at most drainTimeoutMs',
  },
  sqliteMaxBytes: {
    flag: '--sqlite-max-bytes',
    env: 'CLAIMS_SQLITE_MAX_BYTES',
    default: '0',
    ...values.integer(0, SQLITE_FILE_MAX_BYTES),
    description: 'size of the database file at which the store is full; 0: as large as the disk allows',
  },
  stealing: {
    flag: '--stealing',
    env: 'CLAIMS_STEALING',
    default: 'true',
    ...values.bool,
    description: 'whether idle workers take whole runs of claims from busy ones',
  },
  reflection: {
    flag: '--reflection',
    env: 'CLAIMS_REFLECTION',
    default: 'true',
    ...values.bool,
    description: 'whether gRPC server reflection is served',
  },
  logLevel: {
    flag: '--log-level',
    env: 'CLAIMS_LOG_LEVEL',
    default: 'info',
    ...values.oneOf(LOG_LEVELS),
    description: 'the least severe level that is logged',
  },
} satisfies Record<string, Setting>;

export type SettingKey = keyof typeof SETTINGS;

/** Every setting, checked. */
export type Config = {
  readonly [K in SettingKey]: Exclude<ReturnType<(typeof SETTINGS)[K]['parse']>, undefined>;
};

/** What --help or --version asked for: to be printed instead of starting. */
export interface Notice {
  readonly notice: string;
}

/** A setting that is unknown or not allowed, in one line: name as given, value, what is allowed. */
export class ConfigError extends ClaimsError {
  override readonly name = 'ConfigError';
  readonly code = 'INVALID_SETTING';
}

/** A setting's text and the name it was given by: a flag, a variable, or a key of a file. */
interface Given {
  readonly name: string;
  readonly text: string;
}
type GivenSettings = Partial<Record<SettingKey, Given>>;

const KEYS = Object.keys(SETTINGS) as SettingKey[];
const FILE_KEYS = KEYS.filter((key) => key !== 'config');
/** Variables of claimctl, which may share an environment with the server. */
const CLIENT_VARIABLES = ['CLAIMS_ADDRESS'];
const PACKAGE_JSON = fileURLToPath(new URL('../package.json', import.meta.url));

/**
 * Reads the settings.
 * @param argv the arguments after the program's name.
 * @param readFile the text of a file, or throws, as fs.readFileSync does.
 * @throws ConfigError
 */
export function loadConfig(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  readFile: (path: string) => string,
): Config | Notice {
  const flags = readFlags(argv, readFile);
  if ('notice' in flags) return flags;
  const direct = { ...readEnvironment(env), ...flags };
  const file = direct.config === undefined ? null : parseGiven(SETTINGS.config, direct.config);
  const fromFile = file === null ? {} : readSettingsFile(file, direct.config?.name ?? '', readFile);
  const given: GivenSettings = { ...fromFile, ...direct };
  const entries = KEYS.map((key): [SettingKey, SettingValue] => {
    const defaultOf = { name: key, text: SETTINGS[key].default };
    return [key, parseGiven<SettingValue>(SETTINGS[key], given[key] ?? defaultOf)];
  });
  const config = Object.fromEntries(entries) as Config;
  checkTogether(config, given);
  return config;
}

/** The settings as /config shows them: by key, as they were written, without secrets. */
export function publicConfig(config: Config): Record<string, string | number | boolean | null> {
  const shown = (value: SettingValue) => {
    if (typeof value === 'object' && value !== null) return withoutUserInfo(value.text);
    return typeof value === 'string' ? withoutUserInfo(value) : value;
  };
  return Object.fromEntries(KEYS.map((key) => [key, shown(config[key])]));
}

function parseGiven<T>(kind: values.Kind<T>, given: Given): T {
  const value = kind.parse(given.text);
  if (value === undefined) throw notAllowed(given, kind.allowed);
  return value;
}

function notAllowed(given: Given, allowed: string): ConfigError {
  return new ConfigError(`${given.name}: ${quoted(given.text)} is not allowed; allowed: ${allowed}`);
}

function unknownName(given: Given, allowed: readonly string[]): ConfigError {
  const secret = /pass|secret|token|key|credential/i.test(given.name);
  const text = secret ? '***' : given.text;
  return new ConfigError(`${given.name}: unknown (value ${quoted(text)}); allowed: ${allowed.join(', ')}`);
}

const QUOTED_MAX_CHARS = 200;

/** In quotation marks, on one line, of bounded length, without the credentials of a URL. */
function quoted(text: string): string {
  const cut = withoutUserInfo(text).slice(0, QUOTED_MAX_CHARS);
  return onOneLine(JSON.stringify(cut));
}

function onOneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
}

/** The flags given, or the text that --help or --version asks for. @throws ConfigError */
function readFlags(argv: readonly string[], readFile: (path: string) => string): GivenSettings | Notice {
  let notice = '';
  const program = flagParser((text) => {
    notice += text;
  });
  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { notice };
    const what = error.message.replace(/^error: /, '');
    throw new ConfigError(`${onOneLine(withoutUserInfo(what))}; allowed: what claimd --help lists`);
  }
  if (program.getOptionValue('version') === true) return { notice: `claimd ${packageVersion(readFile)}\n` };
  if (program.args.length > 0) {
    throw new ConfigError(`${quoted(program.args[0])}: unknown argument; allowed: what claimd --help lists`);
  }
  // Commander looks into process.env too; only what it found among the arguments is taken.
  const given = KEYS.filter((key) => program.getOptionValueSource(key) === 'cli');
  return Object.fromEntries(
    given.map((key) => [key, { name: SETTINGS[key].flag, text: String(program.getOptionValue(key)) }]),
  );
}

function flagParser(write: (text: string) => void): Command {
  const program = new Command('claimd')
    .description('Serves claims over gRPC: one winner per claim, durable when acknowledged.')
    .option('--version', 'print the version')
    .helpOption('--help', 'print this help')
    .allowExcessArguments()
    .exitOverride()
    .configureOutput({ writeOut: write, outputError: () => undefined, getOutHelpWidth: () => 110 });
  for (const key of KEYS) {
    const { flag, description, allowed, default: text, env } = SETTINGS[key];
    const option = new Option(`${flag} <value>`, `${description}. Allowed: ${allowed}`);
    program.addOption(option.env(env).default(text, text === '' ? 'none' : text));
  }
  return program;
}

function packageVersion(readFile: (path: string) => string): string {
  const { version }: { version: string } = JSON.parse(readFile(PACKAGE_JSON));
  return version;
}

/** @throws ConfigError at a CLAIMS_ variable that no setting has. */
function readEnvironment(env: NodeJS.ProcessEnv): GivenSettings {
  const keyOf = new Map<string, SettingKey>(KEYS.map((key) => [SETTINGS[key].env, key]));
  const settings: GivenSettings = {};
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('CLAIMS_') || CLIENT_VARIABLES.includes(name) || text === undefined) continue;
    const key = keyOf.get(name);
    if (key === undefined) throw unknownName({ name, text }, [...keyOf.keys()]);
    settings[key] = { name, text };
  }
  return settings;
}

/** @param namedBy the flag or variable that named the file. @throws ConfigError */
function readSettingsFile(path: string, namedBy: string, readFile: (path: string) => string): GivenSettings {
  const settings: GivenSettings = {};
  for (const [key, value] of Object.entries(readJsonObject(path, namedBy, readFile))) {
    const name = onOneLine(`${key} in ${path}`);
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const known = FILE_KEYS.find((other) => other === key);
    if (known === undefined) throw unknownName({ name, text }, FILE_KEYS);
    if (typeof value === 'object') throw notAllowed({ name, text }, SETTINGS[known].allowed);
    settings[known] = { name, text };
  }
  return settings;
}

function readJsonObject(path: string, namedBy: string, readFile: (path: string) => string): object {
  const given = { name: namedBy, text: path };
  let content: string;
  try {
    content = readFile(path);
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? error.code : error;
    throw notAllowed(given, `a file that can be read (${onOneLine(String(why))})`);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch (error) {
    // The parser's message quotes the file, which may hold a secret; its position is enough.
    const position = /line \d+ column \d+/.exec(String(error))?.[0] ?? 'its end';
    throw notAllowed(given, `a file of JSON (this one is none at ${position})`);
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw notAllowed(given, 'a file with one JSON object of settings');
}

/** Checks what settings must be to each other; blames the first of them that was given. */
function checkTogether(config: Config, given: GivenSettings): void {
  const blame = (keys: readonly SettingKey[], allowed: string): ConfigError => {
    const key = keys.find((candidate) => given[candidate] !== undefined) ?? keys[0];
    return notAllowed(given[key] ?? { name: key, text: SETTINGS[key].default }, allowed);
  };
  // The expiry wheel has a slot for each epoch up to the last in which a claim can expire, and a
  // timestamp may lie the skew ahead of now.
  const reachMs = config.validationWindowMs + config.maxClockSkewMs;
  const wheelMs = WINDOW_MAX_EPOCHS * config.epochLengthMs;
  if (reachMs > wheelMs) {
    throw blame(
      ['validationWindowMs', 'maxClockSkewMs', 'epochLengthMs'],
      `validationWindowMs + maxClockSkewMs (here ${reachMs}) at most ${WINDOW_MAX_EPOCHS} × epochLengthMs (here ${wheelMs})`,
    );
  }
  if (config.drainDelayMs > config.drainTimeoutMs) {
    throw blame(
      ['drainDelayMs', 'drainTimeoutMs'],
      `drainDelayMs (here ${config.drainDelayMs}) at most drainTimeoutMs (here ${config.drainTimeoutMs})`,
    );
  }
}
