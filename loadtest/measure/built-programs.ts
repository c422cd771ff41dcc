/**
 * The programs that are measured, built once for this process in a folder of its own that goes when
 * the process does: whoever builds or edits the sources meanwhile changes nothing of what is measured,
 * and what is measured is what ships (Node takes tens of megabytes to run TypeScript itself).
 */
import { rmSync } from 'node:fs';
import { cp, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { bundle, bundleProgram } from '../../scripts/bundle/bundle.ts';
import { REPOSITORY } from '../../test/support/program.ts';
import { WithoutTelemetry } from '../without-telemetry/replace-modules.ts';

const BASELINE = 'loadtest/baseline';
const LIBRARIES_OUTSIDE = { bundle: true, packages: 'external', format: 'esm', platform: 'node' } as const;
/** What dist has beside it. */
const BESIDE_DIST = ['proto', 'package.json'];

const built = new Map<string, Promise<string>>();
let folder: Promise<string> | undefined;

/** dist/main.js of a bundle of its own. */
export function builtClaimd(): Promise<string> {
  return once('claimd', (root) => bundleClaimd(root, []));
}

/** The same, of a program that neither times nor counts its calls, nor watches its threads. */
export function builtWithoutTelemetry(): Promise<string> {
  return once('claimd without telemetry', async (root) => {
    const without = new WithoutTelemetry();
    const file = await bundleClaimd(join(root, 'without-telemetry'), [without.plugin]);
    without.requireAllMet();
    return file;
  });
}

async function bundleClaimd(root: string, plugins: readonly Plugin[]): Promise<string> {
  for (const name of BESIDE_DIST) await cp(join(REPOSITORY, name), join(root, name), { recursive: true });
  const dist = join(root, 'dist');
  await bundle(dist, plugins);
  return join(dist, 'main.js');
}

/** A program of this folder's neighbours, bundled. @param source from the repository's root. */
export function builtProgram(source: string): Promise<string> {
  return once(source, (root) => bundleProgram(source, join(root, source.replace(/\.ts$/, ''))));
}

/**
 * The predecessor's design (loadtest/baseline) as JavaScript in a tree like this repository's, with
 * the libraries as they are installed: its interpreter finds its parts beside itself.
 */
export function builtBaseline(): Promise<string> {
  return once('baseline', async (root) => {
    const tree = join(root, 'baseline');
    const folder = join(tree, BASELINE);
    const entryPoints = [join(REPOSITORY, BASELINE, 'server.ts')];
    await build({ entryPoints, outdir: folder, ...LIBRARIES_OUTSIDE });
    const notSource = (path: string): boolean => !path.endsWith('.ts');
    await cp(join(REPOSITORY, BASELINE), folder, { recursive: true, filter: notSource });
    for (const name of [...BESIDE_DIST, 'node_modules'])
      await symlink(join(REPOSITORY, name), join(tree, name));
    return join(folder, 'server.js');
  });
}

/** An empty program that keeps running: what Node takes by itself. */
export function emptyProgram(): Promise<string> {
  return once('empty', async (root) => {
    const file = join(root, 'empty.mjs');
    const serving = JSON.stringify({ msg: 'serving', address: 'none' });
    await writeFile(file, `process.stdout.write('${serving}\\n'); setInterval(() => undefined, 60_000);\n`);
    return file;
  });
}

function once(name: string, make: (root: string) => Promise<string>): Promise<string> {
  const known = built.get(name);
  if (known !== undefined) return known;
  const made = ownFolder().then(make);
  built.set(name, made);
  return made;
}

function ownFolder(): Promise<string> {
  folder ??= makeFolder();
  return folder;
}

async function makeFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'measured-'));
  process.once('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}
