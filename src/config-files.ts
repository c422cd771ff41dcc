/**
 * Files whose contents are settings: a password, certificates, a key. They are read once, at the
 * start, so that what can't be used is told in one line before anything is touched. Their contents
 * are never told.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Kind } from './config-values.ts';

/** What a file may hold. */
export interface FileKind {
  /** What parse takes, in words, to end "allowed: …". */
  readonly allowed: string;
  /** The content as it is used, or undefined where it is not allowed. */
  readonly parse: (content: string) => string | undefined;
}

/** A setting that names a file. */
export type PathKind = Kind<string | null> & { readonly content: FileKind };

const PATH_ALLOWED = 'the path of a file, or nothing';

function pathTo(content: FileKind): PathKind {
  const parse = (text: string) => (text === '' ? null : /^\P{Cc}+$/u.test(text) ? text : undefined);
  return { allowed: PATH_ALLOWED, parse, content };
}

/** One line; the line feed at its end, which editors add, is not part of the password. */
export const passwordFile = pathTo({
  allowed: 'a file with one line: the password',
  parse: (content) => /^([^\r\n\0]+)\r?\n?$/.exec(content)?.[1],
});

export const certificateFile = pathTo({
  allowed: 'a file of certificates in PEM',
  parse: (content) => (succeeds(() => new X509Certificate(content)) ? content : undefined),
});

export const privateKeyFile = pathTo({
  allowed: 'a file with a private key in PEM, not encrypted',
  parse: (content) => (succeeds(() => createPrivateKey(content)) ? content : undefined),
});

export const headersFile = pathTo({
  allowed: 'a file of HTTP headers, "name: value" on each line',
  parse: (content) => (parseHeaders(content) === undefined ? undefined : content),
});

/** The headers of such a file by their names; undefined where it holds something else, or none. */
export function parseHeaders(content: string): Readonly<Record<string, string>> | undefined {
  const lines = content.split(/\r?\n/).filter((line) => line.trim() !== '');
  // Names and values as RFC 9110 has them.
  const headers = lines.map((line) => /^([\w!#$%&'*+.^`|~-]+):[ \t]*([!-~][ -~]*?)[ \t]*$/.exec(line));
  if (headers.length === 0 || headers.includes(null)) return undefined;
  return Object.fromEntries(headers.map((header) => [header?.[1], header?.[2]]));
}

/** Whether the certificate was issued for the key; both as the kinds above take them. */
export function belongTogether(certificate: string, key: string): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

/** Whether OpenSSL can read it: why not is in its own words, which may quote a secret. */
function succeeds(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
