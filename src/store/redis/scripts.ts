/** The scripts that Redis runs for the store: their texts, and how they are called. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';

/** What a script is called on: one server, or a cluster that finds the server of its keys. */
export type RedisClient = Redis | Cluster;
export type ScriptArgument = string | number | Buffer;

export interface RedisScript {
  readonly text: string;
  readonly sha1: string;
}

/** A script's call: all keys lie in one slot where the client is a cluster. */
export interface ScriptCall {
  readonly script: RedisScript;
  readonly keys: readonly string[];
  readonly args: readonly ScriptArgument[];
}

function load(name: string): RedisScript {
  const text = readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8');
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}

export const COMMIT_SCRIPT = load('commit');
export const COUNTS_SCRIPT = load('counts');
export const IMPORT_SCRIPT = load('import');
export const RECLAIM_SCRIPT = load('reclaim');
export const SETTINGS_SCRIPT = load('settings');

/** Calls a script; strings of its answer are Buffers. Sends its text where the server has lost it. */
export async function callScript(client: RedisClient, { script, keys, args }: ScriptCall): Promise<unknown> {
  try {
    return await client.callBuffer('evalsha', [script.sha1, keys.length, ...keys, ...args]);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return client.callBuffer('eval', [script.text, keys.length, ...keys, ...args]);
  }
}
