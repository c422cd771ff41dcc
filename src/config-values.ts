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

/** A kind of value. */
export interface Kind<T> {
  /** What parse takes, in words, to end "allowed: …". */
  readonly allowed: string;
  /** The value, or undefined where the text is not allowed. */
  readonly parse: (text: string) => T | undefined;
}

/** Decimal digits and nothing else: no sign, blank, exponent, 0x, separator or leading zero. */
export function parseDecimal(text: string): number | undefined {
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

/** A host name, an IPv4 address, or an IPv6 address in brackets, which are taken off. */
export function parseHost(text: string): string | undefined {
  const bracketed = text.startsWith('[') && text.endsWith(']');
  const host = bracketed ? text.slice(1, -1) : text;
  const known = bracketed ? isIPv6(host) : isIPv4(host) || isHostName(host);
  return known ? host : undefined;
}

function parseAddress(text: string): ListenAddress | undefined {
  const colon = text.lastIndexOf(':');
  const host = parseHost(text.slice(0, Math.max(colon, 0)));
  const port = PORT.parse(text.slice(colon + 1));
  return host !== undefined && port !== undefined ? { host, port, text } : undefined;
}

export const listenAddress: Kind<ListenAddress> = {
  allowed: 'HOST:PORT, IPv6 as [ADDRESS]:PORT, port 0 to 65535',
  parse: parseAddress,
};

export const listenAddressOrOff: Kind<ListenAddress | 'off'> = {
  allowed: `off, or ${listenAddress.allowed}`,
  parse: (text) => (text === 'off' ? text : parseAddress(text)),
};

/** Where something is sent to over HTTP. */
export interface HttpEndpoint {
  /** Without a slash at its end, so that a path can be added. */
  readonly url: string;
  /** As the user wrote it. */
  readonly text: string;
}

/** Nothing but where it is: whoever may see the settings may see it. */
export const httpEndpointOrOff: Kind<HttpEndpoint | 'off'> = {
  allowed: 'off, or http://HOST[:PORT][/PATH] or https://…, without user, password or query',
  parse: (text) => {
    if (text === 'off') return text;
    // URL would also take what only looks like one, such as http:host or one with line breaks.
    if (!/^https?:\/\/[^\s/?#@\\\p{Cc}][^\s?#@\\\p{Cc}]*$/u.test(text) || !URL.canParse(text))
      return undefined;
    return { url: new URL(text).href.replace(/\/+$/, ''), text };
  },
};

/** Null where the text is empty, so that a flag can undo a variable. */
export const optionalPath: Kind<string | null> = {
  allowed: 'a path, or nothing',
  parse: (text) => (text === '' ? null : /^\P{Cc}+$/u.test(text) ? text : undefined),
};

/** A word of a Redis ACL, which may hold no blank; null where the text is empty. */
export const userName: Kind<string | null> = {
  allowed: 'at most 128 visible ASCII characters, or nothing',
  parse: (text) => (text === '' ? null : /^[!-~]{1,128}$/.test(text) ? text : undefined),
};

/** Without the braces that choose a slot, and without what a pattern of an ACL would read as its own. */
export const keyPrefix: Kind<string> = {
  allowed: 'at most 64 of letters, digits and : . _ / -, or nothing',
  parse: (text) => (/^[A-Za-z0-9:._/-]{0,64}$/.test(text) ? text : undefined),
};

/** Hides what stands before the @ of a URL, and what follows its ? or #. */
export function withoutUserInfo(text: string): string {
  // Greedy on purpose: a password may itself hold an @.
  return text.replace(/:\/\/.*@/s, '://***@').replace(/(:\/\/[^?#]*[?#]).*$/s, '$1***');
}
