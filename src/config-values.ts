/**
 * The kinds of value a setting can have: each turns the text of a flag, variable or file entry
 * into a value, and says in words what it allows. Pure; nothing here knows a setting by name.
 */
import { isIPv4, isIPv6 } from 'node:net';

/** Where a listener binds. Port 0 lets the system choose. */
export interface ListenAddress {
  /** A host name or an IP address, without the brackets of IPv6. */
  readonly host: string;
  readonly port: number;
  /** As the user wrote it. */
  readonly text: string;
}

/** Where the registry is kept. */
export interface StoreLocation {
  readonly kind: 'sqlite';
  /** Path of the database file, relative to the working directory or absolute. */
  readonly path: string;
  /** As the user wrote it. */
  readonly text: string;
}

/** A kind of value. */
export interface Kind<T> {
  /** What parse takes, in words, to end "allowed: …". */
  readonly allowed: string;
  /** The value, or undefined where the text is not allowed. */
  readonly parse: (text: string) => T | undefined;
}

/** Decimal digits and nothing else: no sign, blank, exponent, 0x, separator or leading zero. */
function parseDecimal(text: string): number | undefined {
  return /^(?:0|[1-9][0-9]*)$/.test(text) ? Number(text) : undefined;
}

export function integer(min: number, max: number): Kind<number> {
  return {
    allowed: min === max ? `${min}` : `an integer from ${min} to ${max}`,
    parse: (text) => {
      const value = parseDecimal(text);
      return value !== undefined && value >= min && value <= max ? value : undefined;
    },
  };
}

export function powerOfTwo(max: number): Kind<number> {
  return {
    allowed: `a power of two from 1 to ${max}`,
    parse: (text) => {
      const value = integer(1, max).parse(text);
      return value !== undefined && Number.isInteger(Math.log2(value)) ? value : undefined;
    },
  };
}

export function oneOf<T extends string>(words: readonly T[]): Kind<T> {
  return {
    allowed: words.join(', '),
    parse: (text) => words.find((word) => word === text),
  };
}

export const bool: Kind<boolean> = {
  allowed: 'true, false',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
};

const PORT = integer(0, 65_535);

/** RFC 1123; a last label of digits alone is refused, since it is a mistyped IPv4 address. */
function isHostName(text: string): boolean {
  const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
  return (
    text.length <= 253 &&
    new RegExp(`^${label}(?:\\.${label})*$`).test(text) &&
    !/^[0-9]+$/.test(text.slice(text.lastIndexOf('.') + 1))
  );
}

function parseAddress(text: string): ListenAddress | undefined {
  const colon = text.lastIndexOf(':');
  const before = text.slice(0, Math.max(colon, 0));
  const port = PORT.parse(text.slice(colon + 1));
  const bracketed = before.startsWith('[') && before.endsWith(']');
  const host = bracketed ? before.slice(1, -1) : before;
  const known = bracketed ? isIPv6(host) : isIPv4(host) || isHostName(host);
  return known && port !== undefined ? { host, port, text } : undefined;
}

export const listenAddress: Kind<ListenAddress> = {
  allowed: 'HOST:PORT, IPv6 as [ADDRESS]:PORT, port 0 to 65535',
  parse: parseAddress,
};

export const listenAddressOrOff: Kind<ListenAddress | 'off'> = {
  allowed: `off, or ${listenAddress.allowed}`,
  parse: (text) => (text === 'off' ? text : parseAddress(text)),
};

/**
 * A path that names a file on disk, with nothing in it that SQLite would read as something else:
 * `:memory:` and `file:…?mode=memory` would acknowledge claims that no disk has.
 */
function isDatabasePath(path: string): boolean {
  return /^(?!:|file:|\/\/)\P{Cc}+$/iu.test(path);
}

export const storeLocation: Kind<StoreLocation> = {
  allowed: 'sqlite:PATH (this version serves the embedded store only)',
  parse: (text) => {
    const path = /^sqlite:(.*)$/s.exec(text)?.[1] ?? '';
    return isDatabasePath(path) ? { kind: 'sqlite', path, text } : undefined;
  },
};

/** Null where the text is empty, so that a flag can undo a variable. */
export const optionalPath: Kind<string | null> = {
  allowed: 'a path, or nothing',
  parse: (text) => (text === '' ? null : /^\P{Cc}+$/u.test(text) ? text : undefined),
};

/** Hides what stands before the @ of a URL. */
export function withoutUserInfo(text: string): string {
  // Greedy on purpose: a password may itself hold an @.
  return text.replace(/:\/\/.*@/s, '://***@');
}
