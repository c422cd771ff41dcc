/**
 * Where the registry is kept, as a setting: a file, or a Redis by its URL. What a URL may hold is
 * where the servers are and nothing else: whoever may see the settings may see it.
 */
import { type Kind, parseDecimal, parseHost } from './config-values.ts';
import type { RedisAddress, RedisLocation } from './store/redis/options.ts';

export interface SqliteLocation {
  readonly kind: 'sqlite';
  /** Path of the database file, relative to the working directory or absolute. */
  readonly path: string;
  /** As the user wrote it. */
  readonly text: string;
}

export type StoreLocation = SqliteLocation | RedisLocation;

const REDIS_PORT = 6_379;
const SENTINEL_PORT = 26_379;
const PORT_MAX = 65_535;
/** Redis's own bound: `databases` is an int. */
const DATABASE_MAX = 2 ** 31 - 1;

const ADDRESS = 'HOST[:PORT]';
const ADDRESSES = `${ADDRESS}[,…]`;

export const storeLocation: Kind<StoreLocation> = {
  allowed: [
    'sqlite:PATH',
    `redis://${ADDRESS}[/DATABASE]`,
    `redis+sentinel://${ADDRESSES}/MASTER[/DATABASE]`,
    `redis+cluster://${ADDRESSES}`,
    'with rediss for TLS; no user or password (redisUsername, redisPasswordFile)',
  ].join(', '),
  parse: (text) => (text.startsWith('sqlite:') ? parseSqlite(text) : parseRedis(text)),
};

function parseSqlite(text: string): SqliteLocation | undefined {
  const path = text.slice('sqlite:'.length);
  return isDatabasePath(path) ? { kind: 'sqlite', path, text } : undefined;
}

/**
 * A path that names a file on disk, with nothing in it that SQLite would read as something else:
 * `:memory:` and `file:…?mode=memory` would acknowledge claims that no disk has.
 */
function isDatabasePath(path: string): boolean {
  return /^(?!:|file:|\/\/)\P{Cc}+$/iu.test(path);
}

function parseRedis(text: string): RedisLocation | undefined {
  const parts = /^redis(s?)(\+sentinel|\+cluster)?:\/\/([^/]*)(?:\/(.*))?$/s.exec(text);
  if (parts === null) return undefined;
  const [, secure, kind, authority, path = ''] = parts;
  const base = { tls: secure === 's', text };
  const addresses = parseAddresses(authority, kind === '+sentinel' ? SENTINEL_PORT : REDIS_PORT);
  if (addresses === undefined) return undefined;
  if (kind === '+cluster') return path === '' ? { kind: 'cluster', nodes: addresses, ...base } : undefined;
  if (kind === '+sentinel') return parseSentinel(addresses, path, base);
  const database = parseDatabase(path);
  if (addresses.length !== 1 || database === undefined) return undefined;
  return { kind: 'standalone', ...addresses[0], database, ...base };
}

function parseSentinel(
  sentinels: readonly RedisAddress[],
  path: string,
  base: { tls: boolean; text: string },
): RedisLocation | undefined {
  // What Sentinel itself allows in a master's name.
  const [, master, number = ''] = /^([A-Za-z0-9._-]+)(?:\/(.*))?$/s.exec(path) ?? [];
  const database = parseDatabase(number);
  if (master === undefined || database === undefined) return undefined;
  return { kind: 'sentinel', sentinels, master, database, ...base };
}

function parseAddresses(text: string, defaultPort: number): RedisAddress[] | undefined {
  const addresses = text.split(',').map((address) => parseAddress(address, defaultPort));
  return addresses.every((address) => address !== undefined) ? addresses : undefined;
}

function parseAddress(text: string, defaultPort: number): RedisAddress | undefined {
  const [, hostText = '', portText] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(text) ?? [];
  const host = parseHost(hostText);
  const port = portText === undefined ? defaultPort : parseDecimal(portText);
  if (host === undefined || port === undefined || port === 0 || port > PORT_MAX) return undefined;
  return { host, port };
}

function parseDatabase(text: string): number | undefined {
  const database = text === '' ? 0 : parseDecimal(text);
  return database !== undefined && database <= DATABASE_MAX ? database : undefined;
}
