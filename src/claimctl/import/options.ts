/**
 * What an import is told: where it reads, by flags that begin with --from, and what it writes to, by
 * claimd's own settings: flags, environment, file (config.ts), so that a pod of claimd can run it.
 */
import { type Config, ConfigError, loadConfig } from '../../config.ts';
import { SETTINGS, type SettingKey } from '../../settings.ts';
import type { KnownSettings } from '../../store/redis/known-settings.ts';
import type { RedisLocation, RedisStoreOptions } from '../../store/redis/options.ts';
import type { RegistrySettings } from '../../store/store.ts';
import { UsageError } from '../exit-codes.ts';

/** How to reach a registry, or what takes its place. */
export type ImportPlace = Pick<RedisStoreOptions, 'location' | 'keyPrefix' | 'username' | 'password' | 'tls'>;

export interface ImportOptions {
  readonly source: ImportPlace;
  readonly target: ImportPlace;
  readonly given: GivenRegistry;
  readonly maxClockSkewMs: number;
  /** How long one call of Redis may take, milliseconds. */
  readonly timeoutMs: number;
  readonly isDryRun: boolean;
  /** How often what failed is tried again. */
  readonly retries: number;
  readonly state: string | undefined;
  readonly rejects: string | undefined;
}

/** What is said of the target's registry: what is not may be what it has, but is not guessed. */
export interface GivenRegistry {
  readonly values: Partial<RegistrySettings & Pick<KnownSettings, 'shards'>>;
  /** Flags of what is not said. */
  readonly missing: readonly string[];
}

/** The settings of claimd that are said of the target, each by its own flag. */
export const TARGET_KEYS = [
  'config',
  'store',
  'redisUsername',
  'redisPasswordFile',
  'redisCaFile',
  'redisCertFile',
  'redisKeyFile',
  'redisKeyPrefix',
  'epochLengthMs',
  'validationWindowMs',
  'retentionEpochs',
  'partition',
  'registryShards',
  'maxClockSkewMs',
] as const satisfies readonly SettingKey[];

/** Those that are said of the source: the setting of claimd that each flag is like, and what it says. */
export const SOURCE_FLAGS: Readonly<Record<string, readonly [key: SettingKey, description: string]>> = {
  '--from': ['store', 'where the claims are: redis://HOST[:PORT][/DATABASE], or as --store'],
  '--from-key-prefix': ['redisKeyPrefix', 'begins the names of the source’s keys'],
  '--from-username': ['redisUsername', 'ACL user of the source; needs --from-password-file'],
  '--from-password-file': ['redisPasswordFile', 'file with the password of the source'],
  '--from-ca-file': ['redisCaFile', 'file of certificates in PEM that the source’s is checked against'],
  '--from-cert-file': ['redisCertFile', 'file with the certificate in PEM that is shown to the source'],
  '--from-key-file': ['redisKeyFile', 'file with the private key in PEM of that certificate'],
};

/** Flags as they were given, by the name they begin with. */
export type GivenFlags = Readonly<Record<string, string>>;
type ReadFile = (path: string) => string;

/** @throws UsageError */
export function sourceOf(flags: GivenFlags, readFile: ReadFile): ImportPlace {
  const flagOf = (key: SettingKey): string => SETTINGS[key].flag;
  const argv = Object.entries(flags).flatMap(([flag, text]) => [flagOf(SOURCE_FLAGS[flag][0]), text]);
  const given = new Map(Object.entries(SOURCE_FLAGS).map(([flag, [key]]) => [flagOf(key), flag]));
  // What is wrong is told by the flag that was given.
  const asGiven = (message: string) => message.replace(/^--[a-z-]+/, (flag) => given.get(flag) ?? flag);
  return placeOf(load(argv, {}, readFile, asGiven), '--from');
}

/** @throws UsageError */
export function targetOf(
  flags: GivenFlags,
  env: NodeJS.ProcessEnv,
  readFile: ReadFile,
): Pick<ImportOptions, 'target' | 'given' | 'maxClockSkewMs'> {
  const config = load(Object.entries(flags).flat(), env, readFile, (message) => message);
  const target = placeOf(config, '--store');
  const inFile: object = config.config === null ? {} : JSON.parse(readFile(config.config));
  const isGiven = (key: SettingKey): boolean =>
    SETTINGS[key].flag in flags || env[SETTINGS[key].env] !== undefined || Object.hasOwn(inFile, key);
  return { target, given: givenRegistry(config, isGiven), maxClockSkewMs: config.maxClockSkewMs };
}

function givenRegistry(config: Config, isGiven: (key: SettingKey) => boolean): GivenRegistry {
  const { epochLengthMs, validationWindowMs, retentionEpochs, partition, registryShards } = config;
  const values: GivenRegistry['values'] = {
    ...(isGiven('epochLengthMs') ? { epochLengthMs } : {}),
    ...(isGiven('validationWindowMs') ? { validationWindowMs } : {}),
    ...(isGiven('retentionEpochs') ? { retentionEpochs } : {}),
    ...(isGiven('partition') ? { partition } : {}),
    ...(isGiven('registryShards') ? { shards: registryShards } : {}),
  };
  const keys = [
    'epochLengthMs',
    'validationWindowMs',
    'retentionEpochs',
    'partition',
    'registryShards',
  ] as const;
  return { values, missing: keys.filter((key) => !isGiven(key)).map((key) => SETTINGS[key].flag) };
}

function load(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  readFile: ReadFile,
  told: (message: string) => string,
): Config {
  try {
    const config = loadConfig(argv, env, readFile);
    if ('notice' in config) throw new UsageError('only flags of import are taken');
    return config;
  } catch (error) {
    throw error instanceof ConfigError ? new UsageError(told(error.message)) : error;
  }
}

function placeOf(config: Config, flag: string): ImportPlace {
  const { store, redisKeyPrefix: keyPrefix, redisUsername, files } = config;
  if (store.kind === 'sqlite') {
    throw new UsageError(
      `${flag}: ${JSON.stringify(store.text)} is not allowed; allowed: a Redis, by its URL`,
    );
  }
  const { redisPasswordFile: password } = files;
  return {
    location: store,
    keyPrefix,
    ...(redisUsername === null ? {} : { username: redisUsername }),
    ...(password === undefined ? {} : { password }),
    ...tlsOf(store, config),
  };
}

function tlsOf(location: RedisLocation, { files }: Config): Pick<ImportPlace, 'tls'> {
  if (!location.tls) return {};
  const { redisCaFile: ca, redisCertFile: cert, redisKeyFile: key } = files;
  const own = cert === undefined || key === undefined ? {} : { cert, key };
  return { tls: { ...(ca === undefined ? {} : { ca }), ...own } };
}
