/** Settings as tests give them: flags, variables, a file, and files that settings name. */
import assert from 'node:assert/strict';
import { type Config, ConfigError, loadConfig } from '../../src/config.ts';
import { makeRedisTls, type RedisTls } from './redis-tls.ts';

export const FILE_PATH = 'claimd.json';
export const PASSWORD = 'hunter2';

export interface Sources {
  readonly argv?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** What FILE_PATH holds; there is no such file where absent. */
  readonly file?: unknown;
}

let tls: RedisTls | undefined;
let named: Readonly<Record<string, string>> = {};

/** Makes the files that settings may name: ca.pem, cert.pem, key.pem, password, headers, and one that is empty. */
export async function makeNamedFiles(): Promise<void> {
  tls = await makeRedisTls();
  const { ca, cert, key } = tls.client;
  named = {
    'ca.pem': ca,
    'cert.pem': cert,
    'key.pem': key,
    password: `${PASSWORD}\n`,
    headers: `authorization: Bearer ${PASSWORD}\n`,
    empty: '',
  };
}

export async function removeNamedFiles(): Promise<void> {
  await tls?.remove();
}

/** What such a file holds. */
export function contentOf(name: string): string {
  return named[name];
}

/** Reads FILE_PATH and the named files, as if there were no others. */
export function readsOnly(file: unknown) {
  return (path: string): string => {
    if (path in named) return named[path];
    if (path !== FILE_PATH || file === undefined) {
      throw Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' });
    }
    return typeof file === 'string' ? file : JSON.stringify(file);
  };
}

export function load({ argv = [], env = {}, file }: Sources): Config {
  const loaded = loadConfig(argv, env, readsOnly(file));
  assert.ok(!('notice' in loaded), 'a configuration, not a notice');
  return loaded;
}

/** The line a start with these settings ends with. */
export function refusal(sources: Sources): string {
  try {
    load(sources);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.doesNotMatch(error.message, /[\p{Cc}\p{Zl}\p{Zp}]/u, 'one line');
    return error.message;
  }
  return assert.fail('these settings were taken');
}
