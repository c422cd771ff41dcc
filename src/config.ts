/**
 * Reads the settings of claimd (settings.ts) from flags, environment and file. A flag wins over the
 * environment, that over the file, that over a variable common to many programs, that over the
 * default. Whatever is unknown or not allowed is a ConfigError of one line.
 */
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, Option } from 'commander';
import { belongTogether } from './config-files.ts';
import { type Kind, withoutUserInfo } from './config-values.ts';
import { ClaimsError } from './domain/errors.ts';
import { WINDOW_MAX_EPOCHS } from './limits.ts';
import {
  type FileSettingKey,
  SETTINGS,
  type Setting,
  type SettingKey,
  type SettingValue,
} from './settings.ts';

/** Contents of the files that settings name; absent where none is named. Never to be shown. */
export type FileContents = { readonly [K in FileSettingKey]?: string };

/** Every setting, checked. */
export type Config = {
  readonly [K in SettingKey]: Exclude<ReturnType<(typeof SETTINGS)[K]['parse']>, undefined>;
} & { readonly files: FileContents };

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
  const given: GivenSettings = { ...readCommonVariables(env), ...fromFile, ...direct };
  const entries = KEYS.map((key): [SettingKey, SettingValue] => {
    const defaultOf = { name: key, text: SETTINGS[key].default };
    return [key, parseGiven<SettingValue>(SETTINGS[key], given[key] ?? defaultOf)];
  });
  const files = readNamedFiles(given, readFile);
  const config = { ...Object.fromEntries(entries), files } as Config;
  checkTogether(config, given);
  return config;
}

/** What the files hold that settings name. @throws ConfigError at one that can't be used. */
function readNamedFiles(settings: GivenSettings, readFile: (path: string) => string): FileContents {
  const contents: Partial<Record<SettingKey, string>> = {};
  for (const key of KEYS) {
    const { content }: Setting = SETTINGS[key];
    const given = settings[key];
    if (content === undefined || given === undefined || given.text === '') continue;
    const parsed = content.parse(readGivenFile(given, readFile));
    if (parsed === undefined) throw notAllowed(given, content.allowed);
    contents[key] = parsed;
  }
  return contents;
}

/** The text of the file that a setting names. @throws ConfigError */
function readGivenFile(given: Given, readFile: (path: string) => string): string {
  try {
    return readFile(given.text);
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? error.code : error;
    throw notAllowed(given, `a file that can be read (${onOneLine(String(why))})`);
  }
}

/** The settings as /config shows them: by key, as they were written, without secrets. */
export function publicConfig(config: Config): Record<string, string | number | boolean | null> {
  const shown = (value: SettingValue) => {
    if (typeof value === 'object' && value !== null) return withoutUserInfo(value.text);
    return typeof value === 'string' ? withoutUserInfo(value) : value;
  };
  return Object.fromEntries(KEYS.map((key) => [key, shown(config[key])]));
}

function parseGiven<T>(kind: Kind<T>, given: Given): T {
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

/** The program's version, as its package says. */
export function packageVersion(readFile: (path: string) => string): string {
  const { version }: { version: string } = JSON.parse(readFile(PACKAGE_JSON));
  return version;
}

/** Variables that stand for a setting where it is not given itself. An empty one counts as absent. */
function readCommonVariables(env: NodeJS.ProcessEnv): GivenSettings {
  const settings: GivenSettings = {};
  for (const key of KEYS) {
    const { commonEnv: name }: Setting = SETTINGS[key];
    const text = name === undefined ? undefined : env[name];
    if (name !== undefined && text) settings[key] = { name, text };
  }
  return settings;
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
  const content = readGivenFile(given, readFile);
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

/** Blames the first of some settings that was given for what they are to each other. */
type Blame = (keys: readonly [SettingKey, ...SettingKey[]], allowed: string) => ConfigError;

/** Checks what settings must be to each other. @throws ConfigError */
function checkTogether(config: Config, given: GivenSettings): void {
  const blame: Blame = (keys, allowed) => {
    const key = keys.find((candidate) => given[candidate] !== undefined) ?? keys[0];
    return notAllowed(given[key] ?? { name: key, text: SETTINGS[key].default }, allowed);
  };
  checkTimes(config, blame);
  checkRedis(config, blame);
}

function checkTimes(config: Config, blame: Blame): void {
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

function checkRedis(config: Config, blame: Blame): void {
  const { store, files, redisUsername } = config;
  const { redisCertFile: cert, redisKeyFile: key } = files;
  if (redisUsername !== null && files.redisPasswordFile === undefined) {
    throw blame(['redisUsername'], 'a user whose password is in redisPasswordFile');
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw blame(['redisCertFile', 'redisKeyFile'], 'redisCertFile and redisKeyFile, both or neither');
  }
  if (cert !== undefined && key !== undefined && !belongTogether(cert, key)) {
    throw blame(['redisCertFile'], 'the certificate of the key in redisKeyFile');
  }
  const tlsFile = (['redisCaFile', 'redisCertFile'] as const).find((name) => files[name] !== undefined);
  // Else somebody would believe that what they send can't be read on the way.
  if (tlsFile !== undefined && store.kind !== 'sqlite' && !store.tls) {
    throw blame([tlsFile], 'a store over TLS beside it (rediss://, rediss+sentinel://, rediss+cluster://)');
  }
}
