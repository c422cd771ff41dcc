/**
 * Makes dist, which ships: the programs and the modules of their threads, bundled with what they use
 * of the libraries, and the files that they read. It needs no node_modules, only proto and
 * package.json beside it.
 */
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { ENTRIES, type Entry, EXTERNAL, FOLDERS } from './contents.ts';
import { licenceTexts, packageFolder } from './licences.ts';
import { runTimePaths } from './run-time-paths.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
export const DIST = join(REPOSITORY, 'dist');

/**
 * What CommonJS of libraries expects to be there. Their __dirname is the output's folder; modules that
 * read files by it are told where those are (run-time-paths).
 */
const COMMONJS = `import { createRequire as createRequireHere } from 'node:module';
const require = createRequireHere(import.meta.url);
const __dirname = import.meta.dirname;
const __filename = import.meta.filename;`;

/**
 * Builds dist anew and puts it in the place of the last one when it is whole.
 * @param plugins of esbuild, that make another program of it: for what is measured, not for what ships.
 * @throws Error with what esbuild says, or with what names a file that is not in the bundle.
 */
export async function bundle(dist: string, plugins: readonly Plugin[] = []): Promise<void> {
  const made = `${dist}.${process.pid}`;
  try {
    const modules = await Promise.all(ENTRIES.map((entry) => bundleEntry(entry, made, plugins)));
    await copyFolders(made);
    const packages = modules.flat().map(packageFolder);
    const texts = await licenceTexts(
      REPOSITORY,
      packages.filter((folder) => folder !== undefined),
    );
    await writeFile(join(made, 'LICENSES.txt'), texts);
    await rm(dist, { recursive: true, force: true });
    await rename(made, dist);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

/** @returns paths of the modules that are in the outputs, from the repository. */
async function bundleEntry(
  { source, output }: Entry,
  dist: string,
  plugins: readonly Plugin[],
): Promise<string[]> {
  const folder = posix.dirname(output);
  const name = posix.basename(output, '.js');
  const options = buildOptions(source, name, join(dist, folder), folder);
  const { metafile } = await build({ ...options, plugins: [...plugins, ...options.plugins] });
  return Object.keys(metafile.inputs);
}

/**
 * Bundles a program that does not ship but is measured beside those that do, as they are.
 * @param source from the repository's root.
 * @param outFolder that it is written to, `<name of the source>.js`, with the files that libraries read.
 */
export async function bundleProgram(source: string, outFolder: string): Promise<string> {
  const name = posix.basename(source, '.ts');
  await build(buildOptions(source, name, outFolder, '.'));
  await copyFolders(outFolder);
  return join(outFolder, `${name}.js`);
}

/** @param folder of dist that is outFolder: what run-time places are told from. */
function buildOptions(source: string, name: string, outFolder: string, folder: string) {
  return {
    absWorkingDir: REPOSITORY,
    entryPoints: [{ in: source, out: name }],
    outdir: outFolder,
    bundle: true,
    external: [...EXTERNAL],
    // What is imported dynamically is an output of its own, loaded where it is used.
    splitting: true,
    chunkNames: '[name]-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node26',
    banner: { js: COMMONJS },
    // Saves 3 MB of memory. Names stay and lines are short, so that a trace is read without maps too.
    minifyWhitespace: true,
    lineLimit: 120,
    sourcemap: 'linked',
    sourcesContent: false,
    // They are in LICENSES.txt.
    legalComments: 'none',
    metafile: true,
    logLevel: 'silent',
    plugins: [runTimePaths(REPOSITORY, folder)],
  } satisfies BuildOptions;
}

async function copyFolders(dist: string): Promise<void> {
  for (const { source, output } of FOLDERS) {
    const to = join(dist, output);
    await mkdir(dirname(to), { recursive: true });
    await cp(join(REPOSITORY, source), to, { recursive: true });
  }
}
