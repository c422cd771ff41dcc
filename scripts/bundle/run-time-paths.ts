/**
 * Keeps places that modules name at run time right in the bundle: "beside me" is where the module
 * would lie in dist if it were a file of its own, whichever output its code has gone to. All outputs
 * of an entry lie in the entry's folder, so the way from there is known when a module is read.
 *
 * Each place that is named has to be in the bundle (contents.ts) or beside it (proto, package.json);
 * else the build fails, here, and not the program later.
 */
import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Plugin } from 'esbuild';
import { ENTRIES, FOLDERS, LIBRARIES, LIBRARY_READERS, LIBRARY_READERS_UNUSED } from './contents.ts';

/** A module's way of naming a file: of a thread, or of any. */
const THREAD = /\bthreadEntry\(import\.meta\.url,\s*'([^']+)'\)/g;
const FILE = /\bnew URL\((?:'([^']+)'|`([^`$]*)\$\{[^`]*`),\s*import\.meta\.url\)/g;
/** Every thread's module has to be named so that the pattern above finds it. */
const THREAD_STARTED = /\bnew (?:Worker|Piscina)\(/g;
const COMMENT = /\/\*[\s\S]*?\*\/|(?<![:'"`])\/\/[^\n]*/g;
const LIBRARY_PLACE = /\b__dirname\b|\b__filename\b|\bimport\.meta\b/;

/** Where threads' places are computed from what a caller passes; it names none itself. */
const PASSES_PLACES_ON = 'entries/thread-entry.ts';

/**
 * Checks the places that a module of src names.
 * @param path of the module, from src.
 * @throws Error that names the module and what is not in the bundle.
 */
export function checkPlaces(path: string, source: string): void {
  if (path === PASSES_PLACES_ON || isOutsideSrc(path)) return;
  const code = source.replace(COMMENT, '');
  const threads = [...code.matchAll(THREAD)].map(([, to]) => to);
  const files = [...code.matchAll(FILE)].map(([, whole, begin]) => whole ?? posix.dirname(`${begin}x`));
  for (const thread of threads) requireEntry(path, thread);
  for (const file of files) requireFile(path, file);
  const named = count(code, /\bimport\.meta\b/g);
  if (named !== threads.length + files.length) {
    throw new Error(
      `src/${path}: import.meta is known as threadEntry(import.meta.url, '…') and new URL('…', import.meta.url) only`,
    );
  }
  if (count(code, THREAD_STARTED) > threads.length) {
    throw new Error(
      `src/${path} starts a thread whose module is not named by threadEntry(import.meta.url, '…')`,
    );
  }
}

/** A program of the load tests is not part of dist: one file, which starts threads of itself. */
function isOutsideSrc(path: string): boolean {
  return path.startsWith('../');
}

function requireEntry(path: string, to: string): void {
  const output = `${posix.join(posix.dirname(path), to)}.js`;
  if (ENTRIES.some((entry) => entry.output === output)) return;
  throw new Error(
    `src/${path} starts a thread of ${output}, which is not among ENTRIES in scripts/bundle/contents.ts`,
  );
}

function requireFile(path: string, to: string): void {
  const output = posix.join(posix.dirname(path), to);
  // Beside src as beside dist.
  if (output.startsWith('../') || FOLDERS.some((folder) => isWithin(folder.output, output))) return;
  throw new Error(`src/${path} reads ${output}, which is not in FOLDERS of scripts/bundle/contents.ts`);
}

function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function count(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length;
}

/** The module of src as it goes into an output in `folder` of dist. */
export function placeModule(path: string, source: string, folder: string): string {
  const place = relative(folder, path.replace(/\.ts$/, '.js'));
  return source.replaceAll(
    /\bimport\.meta\.url\b/g,
    `new URL(${JSON.stringify(place)}, import.meta.url).href`,
  );
}

/**
 * The module of a library as it goes into an output in `folder` of dist.
 * @param path of the module, from node_modules.
 * @throws Error where it names places and is not known for it.
 */
export function placeLibraryModule(path: string, source: string, folder: string): string {
  if (!LIBRARY_PLACE.test(source.replace(COMMENT, ''))) return source;
  if (LIBRARY_READERS_UNUSED.includes(path)) return source;
  if (!LIBRARY_READERS.includes(path)) {
    throw new Error(`${path} names files by its own place: say in scripts/bundle/contents.ts which`);
  }
  const place = relative(folder, posix.join(LIBRARIES, posix.dirname(path)));
  return source.replaceAll('__dirname', `(__dirname + ${JSON.stringify(`/${place}`)})`);
}

/** From a folder of dist to a path in dist, beginning with a dot. */
function relative(folder: string, path: string): string {
  const way = posix.relative(folder, path);
  return way.startsWith('.') ? way : `./${way}`;
}

/** @param folder of dist that the outputs go to; "." is dist itself. */
export function runTimePaths(repository: string, folder: string): Plugin {
  return {
    name: 'run-time-paths',
    setup(build) {
      build.onLoad({ filter: /\.(?:[cm]?js|ts)$/ }, async ({ path }) => {
        const fromRoot = posix.relative(repository, path);
        const source = await readFile(path, 'utf8');
        const library = fromRoot.lastIndexOf('node_modules/');
        if (library >= 0) {
          const name = fromRoot.slice(library + 'node_modules/'.length);
          return { contents: placeLibraryModule(name, source, folder), loader: 'js' };
        }
        const name = posix.relative('src', fromRoot);
        checkPlaces(name, source);
        return { contents: placeModule(name, source, folder), loader: 'ts' };
      });
    },
  };
}
