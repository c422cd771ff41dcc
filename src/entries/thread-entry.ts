/**
 * Where the module of a worker thread lies: beside the module that starts it, as `.ts` when Node
 * runs the sources and as `.js` when it runs what `npm run build` emitted.
 */
import { extname } from 'node:path';

/**
 * @param importMetaUrl the caller's import.meta.url.
 * @param entry path of the thread's module, relative to the caller, without its extension.
 */
export function threadEntry(importMetaUrl: string, entry: string): URL {
  return new URL(entry + extname(new URL(importMetaUrl).pathname), importMetaUrl);
}
